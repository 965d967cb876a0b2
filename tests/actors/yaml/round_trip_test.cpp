#include "actors/yaml/yaml_texts.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using namespace cortex;
using namespace cortex::testing;

namespace {

/// Makes values of all kinds, most of them awkward.
class value_maker {
public:
  explicit value_maker(std::uint32_t seed) : random_(seed) {}

  yaml value(unsigned depth) {
    const auto kind = below(10);
    if (depth == 0 || kind < 5)
      return scalar();
    if (kind < 7) {
      auto out = yaml::sequence();
      for (auto i = below(5); i > 0; --i)
        out.push_back(value(depth - 1));
      return out;
    }
    yaml::mapping_type members;
    for (auto i = below(5); i > 0; --i)
      members.push_back({below(3) == 0 ? scalar() : yaml{text()}, value(depth - 1)});
    return yaml::mapping_of(std::move(members));
  }

private:
  yaml scalar() {
    switch (below(10)) {
      case 0: return {};
      case 1: return below(2) == 0;
      case 2: return static_cast<std::int64_t>(random_()) - (std::int64_t{1} << 31);
      case 3: return real();
      case 4:
        return *yaml::integer("-" + std::to_string(random_()) + std::to_string(random_())
                              + "000000");
      case 5: return yaml::binary(text());
      case 6: return time();
      default: return text();
    }
  }
  double real() {
    const auto number
      = std::bit_cast<double>((std::uint64_t{random_()} << 32U) | std::uint64_t{random_()});
    return std::isnan(number) ? 0.5 : below(2) == 0 ? number : std::round(number);
  }
  yaml time() {
    std::string out = std::to_string(1000 + below(9000)) + "-0" + std::to_string(1 + below(9)) + "-"
                      + std::to_string(10 + below(19));
    if (below(2) == 0)
      out += " 1" + std::to_string(below(10)) + ":20:30" + (below(2) == 0 ? ".25" : "")
             + (below(2) == 0 ? "-01:30" : "");
    return *yaml::timestamp(out);
  }
  std::string text() {
    static const std::vector<std::string> parts{
      "a",          "word",   "yes",    "1",      "1.0",  "0x1f", "-",      "?",      ":",
      ",",          "[",      "{",      "&",      "*",    "!",    "|",      ">",      "'",
      "\"",         "%",      "@",      " ",      "  ",   "\n",   "\n\n",   "\t",     "#",
      "---",        "...",    "<<",     "=",      "~",    "\\",   "\r",     "\u00e9", "\u65e5",
      "\U0001F600", "\u0085", "\u2028", "\ufeff", "\x01", "\x7f", "\uffff", " word"};
    std::string out;
    for (auto i = below(4) == 0 ? below(60) : below(6); i > 0; --i)
      out += parts[below(static_cast<std::uint32_t>(parts.size()))];
    return out;
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  std::mt19937 random_;
};

void check_round_trip(std::uint32_t seed) {
  INFO("seed " << seed);
  const auto value = value_maker{seed}.value(4);
  for (const bool sorted : {false, true}) {
    const auto written = value.dump({.sort_keys = sorted});
    REQUIRE(written);
    const auto read = yaml::parse(*written);
    INFO(*written);
    INFO((read ? "" : read.error().detail));
    REQUIRE(read);
    CHECK(read->root == value);
    CHECK(read->warnings.empty());
    CHECK(read->root.dump({.sort_keys = false}).value_or("") == *written);
    if (!sorted)
      CHECK(show(read->root) == show(value));
  }
}

} // namespace

TEST_CASE("what is written is read as the same values, and written the same again", "[yaml]") {
  for (std::uint32_t seed = 0; seed < 2000; ++seed)
    check_round_trip(seed);
}

TEST_CASE("a great many values come back as they were", "[yaml][.nightly]") {
  for (std::uint32_t seed = 10'000; seed < 300'000; ++seed)
    check_round_trip(seed);
}
