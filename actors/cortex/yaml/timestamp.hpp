/// Dates and times as YAML spells them and as Python writes them.
///
/// All functions are *thread-safe*.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::yaml_detail {

/// A date, or a date with a time.
struct timestamp_parts {
  int year = 1;
  int month = 1;
  int day = 1;
  bool has_time = false;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int microsecond = 0;
  bool has_offset = false;
  int offset_minutes = 0; ///< Local time less UTC.
};

/// True if a plain scalar of that text is a timestamp, whether or not there is such a day.
[[nodiscard]] bool is_plain_timestamp(std::string_view text) noexcept;

/// Reads any spelling, days of one digit included; nothing if it is none or there is no such time.
[[nodiscard]] std::optional<timestamp_parts> read_timestamp(std::string_view text) noexcept;

/// What Python's `isoformat(' ')` gives.
[[nodiscard]] std::string timestamp_text(const timestamp_parts& parts);

/// Microseconds since 1970 if all times were UTC, or, of a time with an offset, in UTC.
[[nodiscard]] std::int64_t microseconds_of(const timestamp_parts& parts) noexcept;

} // namespace cortex::yaml_detail
