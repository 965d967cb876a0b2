#include "cortex/text/utc_time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace cortex::text {
namespace {

constexpr std::string_view iso_shape = "0000-00-00T00:00:00Z";
constexpr std::string_view sqlite_shape = "0000-00-00 00:00:00";

void put_number(std::string& stamp, std::size_t at, std::size_t digits, unsigned value) {
  for (std::size_t i = at + digits; i-- > at; value /= 10)
    stamp[i] = static_cast<char>('0' + value % 10);
}

/// @pre the text has the shape of a stamp, see `has_shape`
unsigned get_number(std::string_view stamp, std::size_t at, std::size_t digits) noexcept {
  unsigned value = 0;
  for (const char digit : stamp.substr(at, digits))
    value = value * 10 + static_cast<unsigned>(digit - '0');
  return value;
}

bool has_shape(std::string_view stamp, std::string_view shape) noexcept {
  return std::equal(stamp.begin(), stamp.end(), shape.begin(), shape.end(),
                    [](char seen, char wanted) {
                      return wanted == '0' ? seen >= '0' && seen <= '9' : seen == wanted;
                    });
}

std::string format(std::int64_t unix_seconds, std::string_view shape) {
  using namespace std::chrono;
  const sys_seconds instant{seconds{std::clamp(unix_seconds, earliest_utc, latest_utc)}};
  const auto midnight = floor<days>(instant);
  const year_month_day date{midnight};
  const hh_mm_ss time{instant - midnight};

  std::string stamp{shape};
  put_number(stamp, 0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
  put_number(stamp, 5, 2, static_cast<unsigned>(date.month()));
  put_number(stamp, 8, 2, static_cast<unsigned>(date.day()));
  put_number(stamp, 11, 2, static_cast<unsigned>(time.hours().count()));
  put_number(stamp, 14, 2, static_cast<unsigned>(time.minutes().count()));
  put_number(stamp, 17, 2, static_cast<unsigned>(time.seconds().count()));
  return stamp;
}

std::optional<std::int64_t> parse(std::string_view stamp, std::string_view shape) noexcept {
  using namespace std::chrono;
  if (!has_shape(stamp, shape))
    return std::nullopt;
  const year_month_day date{year{static_cast<int>(get_number(stamp, 0, 4))},
                            month{get_number(stamp, 5, 2)}, day{get_number(stamp, 8, 2)}};
  const unsigned hour = get_number(stamp, 11, 2);
  const unsigned minute = get_number(stamp, 14, 2);
  const unsigned second = get_number(stamp, 17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const auto instant = sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
  return duration_cast<seconds>(instant.time_since_epoch()).count();
}

} // namespace

std::string format_utc(std::int64_t unix_seconds) {
  return format(unix_seconds, iso_shape);
}

std::optional<std::int64_t> parse_utc(std::string_view stamp) noexcept {
  return parse(stamp, iso_shape);
}

std::string format_sqlite_utc(std::int64_t unix_seconds) {
  return format(unix_seconds, sqlite_shape);
}

std::optional<std::int64_t> parse_sqlite_utc(std::string_view stamp) noexcept {
  return parse(stamp, sqlite_shape);
}

} // namespace cortex::text
