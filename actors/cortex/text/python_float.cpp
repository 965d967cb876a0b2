#include "cortex/text/python_float.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace cortex::text {
namespace {

// From Python's documentation of repr: exponents from -4 to 15 are written in fixed notation.
constexpr int least_fixed_exponent = -4;
constexpr int first_large_exponent = 16;

/// The shortest decimal form of a number: its digits, the first of them at 10 to the `exponent`.
struct decimal {
  std::array<char, 17> digits{}; // no double needs more
  std::size_t count = 0;
  int exponent = 0;

  [[nodiscard]] std::string_view text() const { return {digits.data(), count}; }
};

/// @pre `value` is finite and not negative
decimal shortest(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific)
                     .ptr;
  const std::string_view written{buffer.data(), static_cast<std::size_t>(end - buffer.data())};

  decimal result;
  const std::size_t mark = written.find('e');
  for (const char character : written.substr(0, mark))
    if (character != '.')
      result.digits[result.count++] = character;
  const std::size_t exponent_at = written[mark + 1] == '+' ? mark + 2 : mark + 1;
  std::from_chars(written.data() + exponent_at, end, result.exponent);
  return result;
}

void append_exponent_form(std::string& out, const decimal& number) {
  out += number.digits[0];
  if (number.count > 1) {
    out += '.';
    out += number.text().substr(1);
  }
  out += number.exponent < 0 ? "e-" : "e+";
  const int size = std::abs(number.exponent);
  if (size < 10)
    out += '0';
  out += std::to_string(size);
}

void append_fixed_form(std::string& out, const decimal& number) {
  if (number.exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-number.exponent - 1), '0');
    out += number.text();
    return;
  }
  const auto whole = static_cast<std::size_t>(number.exponent) + 1;
  if (number.count <= whole) {
    out += number.text();
    out.append(whole - number.count, '0');
    out += ".0";
  } else {
    out += number.text().substr(0, whole);
    out += '.';
    out += number.text().substr(whole);
  }
}

} // namespace

void append_python_float(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";
    return;
  }
  if (std::signbit(value))
    out += '-';
  if (value == 0.0) { // most numbers of an embedding
    out += "0.0";
    return;
  }
  if (std::isinf(value)) {
    out += "inf";
    return;
  }
  const auto number = shortest(std::fabs(value));
  if (number.exponent < least_fixed_exponent || number.exponent >= first_large_exponent)
    append_exponent_form(out, number);
  else
    append_fixed_form(out, number);
}

std::string python_float(double value) {
  std::string out;
  append_python_float(out, value);
  return out;
}

} // namespace cortex::text
