// Any bytes at all: reading them does no harm, and what is read can be written and read again as
// the same values. As a program of its own under libFuzzer (preset `fuzz`), and over
// tests/data/fuzz/yaml in every build.
#include "cortex/yaml.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace {

void require(bool kept, const char* promise) {
  if (kept)
    return;
  std::cerr << "broken: " << promise << '\n';
  std::abort();
}

/// NaN equals nothing, so that values with one are compared by what they are written as.
bool holds_nan(const cortex::yaml& value) {
  if (const auto* all = value.elements()) {
    for (const auto& each : *all)
      if (holds_nan(each))
        return true;
    return false;
  }
  if (const auto* all = value.members()) {
    for (const auto& each : *all)
      if (holds_nan(each.key) || holds_nan(each.value))
        return true;
    return false;
  }
  const auto real = value.as_double();
  return value.kind() == cortex::yaml_kind::real && real != real;
}

void check(std::string_view text, const cortex::yaml_options& options) {
  const auto read = cortex::yaml::parse(text, options);
  if (!read) {
    require(read.error().code == cortex::errc::corrupt, "what cannot be read is corrupt");
    require(read.error().detail.rfind("line ", 0) == 0, "an error says its line");
    return;
  }
  require(holds_nan(read->root) || read->root == read->root, "a value equals itself");
  for (const bool sorted : {false, true}) {
    const auto written = read->root.dump({sorted});
    require(written.has_value(), "what was read can be written");
    const auto again = cortex::yaml::parse(*written, {{.max_depth = 1000}, true});
    require(again.has_value(), "what was written can be read, with no key twice");
    require(again->root.dump({false}).value_or("") == *written, "it is written the same again");
    require(holds_nan(read->root) || again->root == read->root, "it is the same value");
  }
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  // an alias multiplies values, whose text may then be longer than what may be read
  check(text, {{.max_values = 5000}, false});
  check(text, {{.max_depth = 10, .max_values = 50, .max_digits = 20}, true});
  return 0;
}
