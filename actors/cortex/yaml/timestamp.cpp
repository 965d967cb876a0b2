#include "cortex/yaml/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>

namespace cortex::yaml_detail {
namespace {

constexpr int minutes_a_day = 24 * 60;

/// The fields of a timestamp as they are spelled, unchecked.
struct spelled {
  timestamp_parts parts;
  bool short_day = false; ///< A month or day of one digit.
};

class reader {
public:
  explicit reader(std::string_view text) noexcept : text_(text) {}

  std::optional<spelled> read() noexcept {
    spelled out;
    auto& at = out.parts;
    if (!number(4, 4, at.year) || !take('-'))
      return std::nullopt;
    const auto begin = at_;
    if (!number(1, 2, at.month) || !take('-') || !number(1, 2, at.day))
      return std::nullopt;
    out.short_day = at_ - begin < 5;
    if (done())
      return out;
    at.has_time = true;
    if (!take('T') && !take('t') && !blanks())
      return std::nullopt;
    if (!number(1, 2, at.hour) || !take(':') || !number(2, 2, at.minute) || !take(':')
        || !number(2, 2, at.second))
      return std::nullopt;
    if (take('.'))
      fraction(at.microsecond);
    return offset(at) ? std::optional{out} : std::nullopt;
  }

private:
  bool done() const noexcept { return at_ == text_.size(); }
  bool take(char wanted) noexcept {
    if (done() || text_[at_] != wanted)
      return false;
    ++at_;
    return true;
  }
  bool blanks() noexcept {
    const auto begin = at_;
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
    return at_ > begin;
  }
  bool sees_digit() const noexcept { return !done() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool number(std::size_t fewest, std::size_t most, int& out) noexcept {
    out = 0;
    std::size_t count = 0;
    for (; count < most && sees_digit(); ++count)
      out = out * 10 + (text_[at_++] - '0');
    return count >= fewest;
  }
  void fraction(int& out) noexcept {
    constexpr std::size_t kept = 6;
    std::size_t count = 0;
    for (; sees_digit(); ++at_, ++count)
      if (count < kept)
        out = out * 10 + (text_[at_] - '0');
    for (; count < kept; ++count)
      out *= 10;
  }
  /// `Z`, `+1`, `-01:30`, or nothing; true if the text ends behind it.
  bool offset(timestamp_parts& out) noexcept {
    if (done())
      return true;
    blanks();
    out.has_offset = true;
    if (take('Z'))
      return done();
    const bool west = !done() && text_[at_] == '-';
    if (!take('+') && !take('-'))
      return false;
    int hours = 0;
    int minutes = 0;
    if (!number(1, 2, hours) || (take(':') && !number(2, 2, minutes)))
      return false;
    out.offset_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return done();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool leap(int year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_in(int year, int month) noexcept {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && leap(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

bool exists(const timestamp_parts& at) noexcept {
  return at.year >= 1 && at.month >= 1 && at.month <= 12 && at.day >= 1
         && at.day <= days_in(at.year, at.month) && at.hour < 24 && at.minute < 60 && at.second < 60
         && at.offset_minutes > -minutes_a_day && at.offset_minutes < minutes_a_day;
}

/// Days since 1970 in the Gregorian calendar.
std::int64_t days_of(const timestamp_parts& at) noexcept {
  const std::int64_t year = at.year - (at.month <= 2 ? 1 : 0); // years begin in March
  const std::int64_t century = year / 400;
  const std::int64_t year_in_era = year - century * 400;
  const std::int64_t day_in_year = (153 * (at.month + (at.month > 2 ? -3 : 9)) + 2) / 5 + at.day
                                   - 1;
  return century * 146'097 + year_in_era * 365 + year_in_era / 4 - year_in_era / 100 + day_in_year
         - 719'468;
}

std::string padded(int number, std::size_t width) {
  auto digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

} // namespace

bool is_plain_timestamp(std::string_view text) noexcept {
  const auto found = reader{text}.read();
  return found && (found->parts.has_time || !found->short_day);
}

std::optional<timestamp_parts> read_timestamp(std::string_view text) noexcept {
  const auto found = reader{text}.read();
  return found && exists(found->parts) ? std::optional{found->parts} : std::nullopt;
}

std::string timestamp_text(const timestamp_parts& at) {
  std::string out = padded(at.year, 4) + '-' + padded(at.month, 2) + '-' + padded(at.day, 2);
  if (!at.has_time)
    return out;
  out += ' ' + padded(at.hour, 2) + ':' + padded(at.minute, 2) + ':' + padded(at.second, 2);
  if (at.microsecond != 0)
    out += '.' + padded(at.microsecond, 6);
  if (at.has_offset) {
    const int minutes = std::abs(at.offset_minutes);
    out += at.offset_minutes < 0 ? '-' : '+';
    out += padded(minutes / 60, 2) + ':' + padded(minutes % 60, 2);
  }
  return out;
}

std::int64_t microseconds_of(const timestamp_parts& at) noexcept {
  const std::int64_t minutes = (days_of(at) * 24 + at.hour) * 60 + at.minute - at.offset_minutes;
  return (minutes * 60 + at.second) * 1'000'000 + at.microsecond;
}

} // namespace cortex::yaml_detail
