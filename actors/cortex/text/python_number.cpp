#include "cortex/text/python_number.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>
#include <system_error>

namespace cortex::text {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

bool is_digit(char character) noexcept {
  return character >= '0' && character <= '9';
}

/// A number without white space, sign and underscores.
struct bare_number {
  bool negative = false;
  std::string text;
};

/// Nothing if an underscore does not stand between two digits.
std::optional<bare_number> strip(std::string_view text) {
  text = trim(text);
  bare_number bare;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    bare.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      bare.text += text[i];
      continue;
    }
    const bool between_digits = i > 0 && i + 1 < text.size() && is_digit(text[i - 1])
                                && is_digit(text[i + 1]);
    if (!between_digits)
      return std::nullopt;
  }
  return bare;
}

/// Moves `at` behind the digits there and says whether there were any.
bool skip_digits(std::string_view text, std::size_t& at) noexcept {
  const std::size_t begin = at;
  while (at < text.size() && is_digit(text[at]))
    ++at;
  return at > begin;
}

bool is_decimal(std::string_view text) noexcept {
  std::size_t at = 0;
  bool has_digits = skip_digits(text, at);
  if (at < text.size() && text[at] == '.')
    has_digits |= skip_digits(text, ++at);
  if (!has_digits)
    return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-'))
      ++at;
    if (!skip_digits(text, at))
      return false;
  }
  return at == text.size();
}

/// The decimal exponent of the first digit that is not zero, which tells too large from too small.
/// @pre `is_decimal(text)`
double magnitude(std::string_view text) {
  const std::size_t mark = text.find_first_of("eE");
  const auto mantissa = text.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos)
    return -infinity;

  double exponent = 0;
  if (mark != std::string_view::npos) {
    const bool negative = text[mark + 1] == '-';
    for (const char character : text.substr(mark + 1))
      if (is_digit(character))
        exponent = exponent * 10 + (character - '0');
    if (negative)
      exponent = -exponent;
  }
  return exponent + static_cast<double>(point) - static_cast<double>(first);
}

/// @pre `is_decimal(text)`
double decimal_value(const std::string& text) {
  double value = 0.0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::result_out_of_range)
    return magnitude(text) > 0 ? infinity : 0.0;
  return value;
}

} // namespace

parsed_integer parse_python_integer(std::string_view text) {
  const auto bare = strip(text);
  std::size_t at = 0;
  if (!bare || !skip_digits(bare->text, at) || at != bare->text.size())
    return {};
  const std::string signed_text = (bare->negative ? "-" : "") + bare->text;
  parsed_integer result{number_form::number, 0};
  const auto end = signed_text.data() + signed_text.size();
  if (std::from_chars(signed_text.data(), end, result.value).ec != std::errc{})
    return {number_form::out_of_range, 0};
  return result;
}

std::optional<double> parse_python_real(std::string_view text) {
  const auto bare = strip(text);
  if (!bare)
    return std::nullopt;
  double value = 0.0;
  if (const auto word = to_lower(bare->text); word == "inf" || word == "infinity")
    value = infinity;
  else if (word == "nan")
    value = std::numeric_limits<double>::quiet_NaN();
  else if (is_decimal(bare->text))
    value = decimal_value(bare->text);
  else
    return std::nullopt;
  return bare->negative ? -value : value;
}

} // namespace cortex::text
