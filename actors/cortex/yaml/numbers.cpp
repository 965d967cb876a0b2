#include "cortex/yaml/numbers.hpp"

#include "cortex/text/python_float.hpp"
#include "cortex/text/python_number.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace cortex::yaml_detail {
namespace {

/// A natural number of any size. *Not thread-safe*.
class natural {
public:
  void multiply_add(std::uint32_t factor, std::uint32_t addend) {
    std::uint64_t carry = addend;
    for (auto& limb : limbs_) {
      carry += std::uint64_t{limb} * factor;
      limb = static_cast<std::uint32_t>(carry % base);
      carry /= base;
    }
    if (carry > 0)
      limbs_.push_back(static_cast<std::uint32_t>(carry));
  }
  [[nodiscard]] std::string digits() const {
    if (limbs_.empty())
      return "0";
    auto out = std::to_string(limbs_.back());
    for (std::size_t i = limbs_.size() - 1; i-- > 0;) {
      const auto part = std::to_string(limbs_[i]);
      out.append(limb_digits - part.size(), '0');
      out += part;
    }
    return out;
  }
  /// Never less than it has.
  [[nodiscard]] std::size_t count_digits() const { return limbs_.size() * limb_digits; }

private:
  static constexpr std::uint64_t base = 1'000'000'000;
  static constexpr std::size_t limb_digits = 9;
  std::vector<std::uint32_t> limbs_; // the lowest first, never zero at the end
};

std::string without(std::string_view text, char unwanted) {
  std::string out{text};
  out.erase(std::remove(out.begin(), out.end(), unwanted), out.end());
  return out;
}

/// True if a `-` was in front. Takes one sign away.
bool take_sign(std::string_view& text) {
  if (text.empty() || (text.front() != '-' && text.front() != '+'))
    return false;
  const bool negative = text.front() == '-';
  text.remove_prefix(1);
  return negative;
}

std::uint32_t digit_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9')
    return static_cast<std::uint32_t>(digit - '0');
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'z' ? static_cast<std::uint32_t>(lower - 'a' + 10) : 99U;
}

std::optional<std::string> signed_digits(bool negative, std::string digits, std::size_t most) {
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (digits.size() > most)
    return std::nullopt;
  return negative && digits != "0" ? "-" + digits : digits;
}

std::optional<std::string> read_decimal(std::string_view digits, bool negative, std::size_t most) {
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  return signed_digits(negative, std::string{digits}, most);
}

/// Puts digits behind a number, several at once. False if one is none of that base, or if the
/// number has more than `most` decimal ones already.
bool append(natural& number, std::string_view digits, std::uint32_t base, std::size_t most) {
  std::uint32_t factor = 1;
  std::uint32_t addend = 0;
  for (const char each : digits) {
    const auto value = digit_value(each);
    if (value >= base || number.count_digits() > most + 18)
      return false;
    factor *= base;
    addend = addend * base + value;
    if (factor >= 1U << 24U) {
      number.multiply_add(factor, addend);
      factor = 1;
      addend = 0;
    }
  }
  number.multiply_add(factor, addend);
  return true;
}

/// As Python's `int(text, base)`, which allows space around it, a sign and the base's own prefix.
std::optional<std::string> read_based(std::string_view text, std::uint32_t base, bool negative,
                                      std::size_t most) {
  text = text::trim(text);
  negative = take_sign(text) != negative;
  const char letter = base == 2 ? 'b' : base == 8 ? 'o' : 'x';
  if (base != 10 && text.size() > 1 && text[0] == '0' && (text[1] | 0x20) == letter)
    text.remove_prefix(2);
  if (base == 10)
    return read_decimal(text, negative, most);
  if (text.empty())
    return std::nullopt;
  natural sum;
  if (!append(sum, text, base, most))
    return std::nullopt;
  return signed_digits(negative, sum.digits(), most);
}

template <class Consume>
bool each_part(std::string_view text, Consume&& consume) {
  while (true) {
    const auto colon = text.find(':');
    if (!consume(text.substr(0, colon)))
      return false;
    if (colon == std::string_view::npos)
      return true;
    text.remove_prefix(colon + 1);
  }
}

/// The first part may have any length.
std::optional<std::string> read_sexagesimal(std::string_view text, bool negative,
                                            std::size_t most) {
  natural sum;
  const bool whole = each_part(text, [&](std::string_view part) {
    part = text::trim(part);
    if (part.empty() || part.find_first_not_of("0123456789") != std::string_view::npos
        || sum.count_digits() > most + 18)
      return false;
    if (sum.count_digits() == 0)
      return append(sum, part, 10, most);
    if (part.size() > 9)
      return false;
    sum.multiply_add(60, static_cast<std::uint32_t>(std::stoul(std::string{part})));
    return true;
  });
  return whole ? signed_digits(negative, sum.digits(), most) : std::nullopt;
}

/// The powers of 60 are added up as Python does it, from the last part on.
std::optional<double> read_sexagesimal_real(std::string_view text) {
  std::vector<double> parts;
  const bool whole = each_part(text, [&parts](std::string_view part) {
    const auto number = text::parse_python_real(part);
    parts.push_back(number.value_or(0.0));
    return number.has_value();
  });
  if (!whole)
    return std::nullopt;
  double sum = 0.0;
  natural power;
  power.multiply_add(1, 1);
  for (std::size_t i = parts.size(); i-- > 0; power.multiply_add(60, 0)) {
    const double factor = text::parse_python_real(power.digits()).value_or(0.0);
    if (std::isinf(factor)) // Python refuses what no real number can hold
      return std::nullopt;
    sum += parts[i] * factor;
  }
  return sum;
}

} // namespace

std::optional<std::string> read_integer(std::string_view spelled, std::size_t max_digits) {
  const auto joined = without(spelled, '_');
  std::string_view text = joined;
  if (text.empty())
    return std::nullopt;
  const bool negative = take_sign(text);
  if (text == "0")
    return "0";
  if (text.substr(0, 2) == "0b")
    return read_based(text.substr(2), 2, negative, max_digits);
  if (text.substr(0, 2) == "0x")
    return read_based(text.substr(2), 16, negative, max_digits);
  if (text.substr(0, 1) == "0")
    return read_based(text, 8, negative, max_digits);
  if (text.find(':') != std::string_view::npos)
    return read_sexagesimal(text, negative, max_digits);
  return read_based(text, 10, negative, max_digits);
}

std::optional<double> read_real(std::string_view spelled) {
  auto joined = without(spelled, '_');
  std::transform(joined.begin(), joined.end(), joined.begin(), [](char each) {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each | 0x20) : each;
  });
  std::string_view text = joined;
  const double sign = take_sign(text) ? -1.0 : 1.0;
  if (text == ".inf")
    return sign * HUGE_VAL;
  if (text == ".nan")
    return std::nan("");
  const auto number = text.find(':') != std::string_view::npos ? read_sexagesimal_real(text)
                                                               : text::parse_python_real(text);
  return number ? std::optional{sign * *number} : std::nullopt;
}

std::string real_text(double number) {
  if (std::isnan(number))
    return ".nan";
  if (std::isinf(number))
    return number > 0 ? ".inf" : "-.inf";
  auto out = text::python_float(number);
  const auto exponent = out.find('e');
  if (exponent != std::string::npos && out.find('.') == std::string::npos)
    out.insert(exponent, ".0");
  return out;
}

std::string whole_digits(double number) {
  std::array<char, 400> line{}; // the largest has 309 digits
  const int length = std::snprintf(line.data(), line.size(), "%.0f", number);
  return number == 0.0 ? "0" : std::string(line.data(), static_cast<std::size_t>(length));
}

} // namespace cortex::yaml_detail
