/// What a scalar's text says it is, by the patterns of YAML 1.1 as PyYAML has them.
#pragma once

#include <cstdint>
#include <string_view>

namespace cortex::yaml_detail {

/// The tags of YAML itself.
enum class tag : std::uint8_t {
  null,
  boolean,
  integer,
  real,
  string,
  timestamp,
  binary,
  merge, ///< `<<`
  value, ///< `=`
  sequence,
  mapping,
  set,
  ordered_map,
  pairs,
  foreign ///< None of them.
};

/// The tag of a plain scalar without one. *Thread-safe*.
[[nodiscard]] tag implicit_tag(std::string_view text) noexcept;

/// The tag that a full name, `tag:yaml.org,2002:int`, stands for. *Thread-safe*.
[[nodiscard]] tag named_tag(std::string_view name) noexcept;

} // namespace cortex::yaml_detail
