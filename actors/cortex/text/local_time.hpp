/// Points in time as Python's `datetime.now().isoformat()` writes them: local time without a zone,
/// `YYYY-MM-DDTHH:MM:SS`, with `.ffffff` where the microseconds are not 0.
///
/// All functions are *thread-safe* as long as nobody changes the environment variable `TZ`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::text {

/// Microseconds since 1970, UTC.
using micros = std::int64_t;

/// The local time of an instant. What lies outside of the years 1 to 9999 is moved to their edge.
[[nodiscard]] std::string format_local(micros instant);
/// The date alone, `YYYY-MM-DD`.
[[nodiscard]] std::string format_local_date(micros instant);

/// Reads what `format_local` writes, and further forms of ISO 8601: a blank in place of the `T`, a
/// date alone (midnight), a time without seconds, a fraction of any length (cut off after the
/// microseconds), `Z` or an offset such as `+01:00`. Nothing for everything else and for times that
/// do not exist on a clock. Without an offset the time is local: of an hour that comes twice the
/// first is meant, in one that is left out the time goes on as if the clock had not been changed.
///
/// Remembers the offset of the days that it met, so that a million stamps are read quickly. *Not
/// thread-safe*.
class local_time_reader {
public:
  [[nodiscard]] std::optional<micros> read(std::string_view stamp);

private:
  struct day_offset {
    std::int64_t day = -1; ///< Since 1970, local; -1 = none.
    std::int64_t seconds = 0;
  };
  day_offset last_; // the offset that holds during all of that day
};

/// The same for a single stamp.
[[nodiscard]] std::optional<micros> parse_local(std::string_view stamp);

} // namespace cortex::text
