#include "cortex/yaml/construct_scalar.hpp"

#include "cortex/yaml/base64.hpp"
#include "cortex/yaml/numbers.hpp"

#include <algorithm>
#include <utility>

namespace cortex::yaml_detail {
namespace {

/// Under `!!bool` in any case.
std::optional<yaml> construct_boolean(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](char each) {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each | 0x20) : each;
  });
  if (word == "yes" || word == "true" || word == "on")
    return yaml{true};
  if (word == "no" || word == "false" || word == "off")
    return yaml{false};
  return std::nullopt;
}

std::optional<yaml> value_of(expected<yaml> made) {
  return made ? std::optional{*std::move(made)} : std::nullopt;
}

} // namespace

std::optional<yaml> construct_scalar(tag kind, const std::string& text, std::size_t max_digits) {
  switch (kind) {
    case tag::null: return yaml{};
    case tag::boolean: return construct_boolean(text);
    case tag::integer: {
      const auto digits = read_integer(text, max_digits);
      return digits ? value_of(yaml::integer(*digits)) : std::nullopt;
    }
    case tag::real: {
      const auto number = read_real(text);
      return number ? std::optional{yaml{*number}} : std::nullopt;
    }
    case tag::string: return yaml{text};
    case tag::timestamp: return value_of(yaml::timestamp(text));
    case tag::binary: {
      auto content = read_base64(text);
      return content ? std::optional{yaml::binary(*std::move(content))} : std::nullopt;
    }
    default: return std::nullopt;
  }
}

} // namespace cortex::yaml_detail
