// What the tests of YAML share: reading with no fuss, and values as short texts.
#pragma once

#include "cortex/yaml.hpp"

#include "support/catch_compat.hpp"

#include <string>
#include <string_view>

namespace cortex::testing {

/// The value of a text that must be readable.
inline yaml read_yaml(std::string_view text) {
  INFO("text: " << text);
  auto document = yaml::parse(text);
  INFO("error: " << (document ? std::string{} : document.error().detail));
  REQUIRE(document);
  return document->root;
}

/// The error of a text that must not be.
inline std::string yaml_error(std::string_view text, const yaml_options& options = {}) {
  INFO("text: " << text.substr(0, 200));
  const auto document = yaml::parse(text, options);
  REQUIRE_FALSE(document);
  CHECK(document.error().code == errc::corrupt);
  return document.error().detail;
}

/// Kind and value in one text: `int 8`, `str a`, `[int 1, null]`, `{str a: int 1}`.
inline std::string show(const yaml& value) {
  std::string out;
  switch (value.kind()) {
    case yaml_kind::null: return "null";
    case yaml_kind::boolean: return *value.as_bool() ? "true" : "false";
    case yaml_kind::integer: return "int " + value.digits();
    case yaml_kind::real: return "float " + yaml{*value.as_double()}.source();
    case yaml_kind::string: return "str " + *value.text();
    case yaml_kind::timestamp: return "time " + *value.timestamp_text();
    case yaml_kind::binary: return "bytes " + *value.binary_content();
    case yaml_kind::sequence:
      for (const auto& each : *value.elements())
        out += (out.empty() ? "" : ", ") + show(each);
      return "[" + out + "]";
    case yaml_kind::mapping:
      for (const auto& [key, member] : *value.members())
        out += (out.empty() ? "" : ", ") + show(key) + ": " + show(member);
      return "{" + out + "}";
  }
  return out;
}

inline std::string show_yaml(std::string_view text) {
  return show(read_yaml(text));
}

} // namespace cortex::testing
