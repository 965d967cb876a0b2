/// Points in time as text: `YYYY-MM-DDTHH:MM:SSZ`, or as SQLite's CURRENT_TIMESTAMP writes them,
/// `YYYY-MM-DD HH:MM:SS`. The binary order of each form is the order in time.
///
/// All functions are *thread-safe*.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::text {

/// The first and the last second that the text form can say: years 0000 and 9999.
inline constexpr std::int64_t earliest_utc = -62'167'219'200;
inline constexpr std::int64_t latest_utc = 253'402'300'799;

/// Seconds since 1970 as text; what lies outside of the years 0000 to 9999 is moved to their edge.
[[nodiscard]] std::string format_utc(std::int64_t unix_seconds);

/// Reads what `format_utc` writes; nothing for any other form and for dates that do not exist.
[[nodiscard]] std::optional<std::int64_t> parse_utc(std::string_view stamp) noexcept;

/// The same two in the form of SQLite's CURRENT_TIMESTAMP.
[[nodiscard]] std::string format_sqlite_utc(std::int64_t unix_seconds);
[[nodiscard]] std::optional<std::int64_t> parse_sqlite_utc(std::string_view stamp) noexcept;

} // namespace cortex::text
