// Sizes as people write them, and what a console shows.
#include "cortex/kv_cache.hpp"
#include "cortex/text/python_number.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace cortex::kv_cache {
namespace {

constexpr double two_to_the_63 = 9223372036854775808.0;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::size_t skip_digits(std::string_view text, std::size_t& at) noexcept {
  const auto begin = at;
  while (at < text.size() && is_digit(text[at]))
    ++at;
  return at - begin;
}

/// `[+] (digits [. [digits]] | . digits) [(e|E) [+|-] digits]`, and nothing else.
bool is_decimal(std::string_view text) noexcept {
  std::size_t at = text.starts_with('+') ? 1 : 0;
  auto digits = skip_digits(text, at);
  if (at < text.size() && text[at] == '.')
    digits += skip_digits(text, ++at);
  if (digits == 0)
    return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-'))
      ++at;
    if (skip_digits(text, at) == 0)
      return false;
  }
  return at == text.size();
}

double factor_of(char last) noexcept {
  switch (last) {
    case 'K':
    case 'k': return 1e3;
    case 'M':
    case 'm': return 1e6;
    case 'G':
    case 'g': return 1e9;
    default: return 1;
  }
}

/// Bytes / 1e9 with one decimal, as Python's `.1f` writes it, in no language's style.
std::string gigabytes(std::int64_t bytes) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(),
                                 static_cast<double>(bytes) / 1e9, std::chars_format::fixed, 1);
  return {text.data(), end.ptr};
}

/// Padded with blanks on the right; a character is a code point.
std::string padded(std::string text, std::size_t width) {
  std::size_t length = 0;
  for (const char c : text)
    length += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  if (length < width)
    text.append(width - length, ' ');
  return text;
}

} // namespace

expected<std::int64_t> parse_size(std::string_view text) {
  constexpr std::size_t longest = 400; // more digits than a double can hold
  auto number = text;
  const double factor = number.empty() ? 1 : factor_of(number.back());
  if (factor > 1)
    number.remove_suffix(1);
  if (text.size() > longest || !is_decimal(number))
    return fail(errc::invalid_argument,
                "invalid size '" + std::string{text.substr(0, longest)} + "'");
  const auto value = text::parse_python_real(number);
  if (!value || !(*value * factor < two_to_the_63))
    return fail(errc::invalid_argument, "size '" + std::string{text} + "' is too large");
  return static_cast<std::int64_t>(*value * factor);
}

std::string created_text(const configuration& what) {
  return "✅ Created cache pool '" + what.name + "' (" + gigabytes(what.size_bytes) + " GB)\n";
}

std::string destroyed_text(const std::string& name) {
  return "✅ Destroyed cache pool '" + name + "'\n";
}

std::string status_text(std::span<const configuration> pools) {
  auto out = "\n" + padded("POOL", 20) + ' ' + padded("SIZE", 12) + ' ' + padded("POLICY", 10)
             + '\n' + std::string(50, '-') + '\n';
  for (const auto& each : pools)
    out += padded(each.name, 20) + ' ' + gigabytes(each.size_bytes) + "G      " + ' '
           + padded(each.policy, 10) + '\n';
  return out;
}

std::string list_text(std::span<const configuration> pools) {
  std::string out;
  for (const auto& each : pools)
    out += each.name + ' ' + std::to_string(each.size_bytes) + ' ' + each.policy + ' '
           + std::to_string(each.max_sequences) + '\n';
  return out;
}

} // namespace cortex::kv_cache
