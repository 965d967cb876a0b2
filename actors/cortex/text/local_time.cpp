#include "cortex/text/local_time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>

namespace cortex::text {
namespace {

constexpr std::int64_t per_second = 1'000'000;
constexpr std::int64_t day_seconds = 86'400;
// 0001-01-02 and 9999-12-30: a day from the edge, so that no zone leads over it.
constexpr std::int64_t earliest = -62'135'510'400;
constexpr std::int64_t latest = 253'402'128'000;

std::int64_t floor_div(std::int64_t value, std::int64_t by) noexcept {
  return value / by - (value % by < 0 ? 1 : 0);
}

/// The local time as if it were UTC, in seconds since 1970. libc reads the zone's file at the first
/// call in a process and changes no state of ours.
std::int64_t local_of(std::int64_t unix_seconds) noexcept {
  const std::time_t instant = unix_seconds;
  std::tm parts{};
  if (localtime_r(&instant, &parts) == nullptr)
    return unix_seconds;
  return unix_seconds + parts.tm_gmtoff;
}

std::int64_t clamped(micros instant) noexcept {
  return std::clamp(instant, earliest * per_second, latest * per_second);
}

void put_digits(std::string& out, std::int64_t value, std::size_t digits) {
  const auto begin = out.size();
  out.resize(begin + digits);
  for (std::size_t i = begin + digits; i-- > begin; value /= 10)
    out[i] = static_cast<char>('0' + value % 10);
}

void put_date(std::string& out, std::int64_t local_seconds) {
  using namespace std::chrono;
  const year_month_day date{sys_days{days{floor_div(local_seconds, day_seconds)}}};
  put_digits(out, static_cast<int>(date.year()), 4);
  out += '-';
  put_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  put_digits(out, static_cast<unsigned>(date.day()), 2);
}

/// Walks over the characters of a stamp.
class scanner {
public:
  explicit scanner(std::string_view stamp) noexcept : left_(stamp) {}

  [[nodiscard]] bool at_end() const noexcept { return left_.empty(); }
  bool take(char wanted) noexcept {
    if (left_.empty() || left_.front() != wanted)
      return false;
    left_.remove_prefix(1);
    return true;
  }
  /// Exactly so many decimal digits; -1 if they are not there.
  std::int64_t number(std::size_t digits) noexcept {
    if (left_.size() < digits || !std::all_of(left_.begin(), left_.begin() + digits, is_digit))
      return -1;
    std::int64_t value = 0;
    for (std::size_t i = 0; i < digits; ++i)
      value = value * 10 + (left_[i] - '0');
    left_.remove_prefix(digits);
    return value;
  }
  /// One or more digits behind a point; -1 if there are none.
  std::int64_t fraction() noexcept {
    std::int64_t value = 0;
    std::size_t count = 0;
    for (; !left_.empty() && is_digit(left_.front()); left_.remove_prefix(1))
      if (++count <= 6)
        value = value * 10 + (left_.front() - '0');
    if (count == 0)
      return -1;
    for (; count < 6; ++count)
      value *= 10;
    return value;
  }

private:
  static bool is_digit(char character) noexcept { return character >= '0' && character <= '9'; }

  std::string_view left_;
};

/// A stamp as it is written.
struct written_time {
  std::int64_t seconds = 0; ///< As if it were UTC.
  std::int64_t microseconds = 0;
  std::optional<std::int64_t> offset; ///< Seconds east of UTC, if the stamp has one.
};

bool read_date(scanner& from, written_time& out) noexcept {
  using namespace std::chrono;
  const auto y = from.number(4);
  if (!from.take('-'))
    return false;
  const auto m = from.number(2);
  if (!from.take('-'))
    return false;
  const auto d = from.number(2);
  if (y < 1 || m < 1 || d < 1)
    return false;
  const year_month_day date{year{static_cast<int>(y)}, month{static_cast<unsigned>(m)},
                            day{static_cast<unsigned>(d)}};
  if (!date.ok())
    return false;
  out.seconds = std::int64_t{sys_days{date}.time_since_epoch().count()} * day_seconds;
  return true;
}

bool read_clock(scanner& from, written_time& out) noexcept {
  const auto hour = from.number(2);
  if (!from.take(':'))
    return false;
  const auto minute = from.number(2);
  std::int64_t second = 0;
  if (from.take(':')) {
    second = from.number(2);
    if (from.take('.') || from.take(','))
      out.microseconds = from.fraction();
  }
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59
      || out.microseconds < 0)
    return false;
  out.seconds += hour * 3600 + minute * 60 + second;
  return true;
}

bool read_offset(scanner& from, written_time& out) noexcept {
  if (from.at_end())
    return true;
  if (from.take('Z')) {
    out.offset = 0;
    return true;
  }
  const bool west = from.take('-');
  if (!west && !from.take('+'))
    return false;
  const auto hour = from.number(2);
  std::int64_t minute = 0;
  if (!from.at_end()) {
    from.take(':');
    minute = from.number(2);
  }
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
    return false;
  out.offset = (west ? -1 : 1) * (hour * 3600 + minute * 60);
  return true;
}

std::optional<written_time> read_stamp(std::string_view stamp) noexcept {
  scanner from{stamp};
  written_time out;
  if (!read_date(from, out))
    return std::nullopt;
  if (from.at_end())
    return out;
  if (!from.take('T') && !from.take(' '))
    return std::nullopt;
  if (!read_clock(from, out) || !read_offset(from, out) || !from.at_end())
    return std::nullopt;
  return out;
}

/// The first instant whose local time is this one.
std::int64_t instant_of(std::int64_t local_seconds) noexcept {
  // Offsets a day before and after: a zone does not change twice within two days.
  const auto before = local_of(local_seconds - day_seconds) - (local_seconds - day_seconds);
  const auto after = local_of(local_seconds + day_seconds) - (local_seconds + day_seconds);
  const std::array candidates{local_seconds - std::max(before, after),
                              local_seconds - std::min(before, after)};
  for (const auto instant : candidates) // the earlier one first
    if (local_of(instant) == local_seconds)
      return instant;
  return local_seconds - before; // left out by the clock: as if it had not been changed
}

} // namespace

std::string format_local(micros instant) {
  const auto inside = clamped(instant);
  const auto seconds = floor_div(inside, per_second);
  const auto local = local_of(seconds);
  const auto clock = local - floor_div(local, day_seconds) * day_seconds;
  std::string out;
  out.reserve(26);
  put_date(out, local);
  out += 'T';
  put_digits(out, clock / 3600, 2);
  out += ':';
  put_digits(out, clock / 60 % 60, 2);
  out += ':';
  put_digits(out, clock % 60, 2);
  if (const auto rest = inside - seconds * per_second; rest != 0) {
    out += '.';
    put_digits(out, rest, 6);
  }
  return out;
}

std::string format_local_date(micros instant) {
  std::string out;
  put_date(out, local_of(floor_div(clamped(instant), per_second)));
  return out;
}

std::optional<micros> local_time_reader::read(std::string_view stamp) {
  const auto written = read_stamp(stamp);
  if (!written)
    return std::nullopt;
  if (written->offset)
    return (written->seconds - *written->offset) * per_second + written->microseconds;
  const auto day = floor_div(written->seconds, day_seconds);
  if (day != last_.day || day == -1) {
    const auto begin = day * day_seconds;
    const auto first = begin - instant_of(begin);
    const auto last = begin + day_seconds - instant_of(begin + day_seconds);
    if (first != last)
      return instant_of(written->seconds) * per_second + written->microseconds;
    last_ = {day, first};
  }
  return (written->seconds - last_.seconds) * per_second + written->microseconds;
}

std::optional<micros> parse_local(std::string_view stamp) {
  return local_time_reader{}.read(stamp);
}

} // namespace cortex::text
