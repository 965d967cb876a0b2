#include "cortex/text/unicode.hpp"

#include "cortex/text/unicode_tables.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace cortex::text {
namespace {

constexpr char32_t capital_i_with_dot = 0x130;
constexpr char32_t capital_sigma = 0x3a3;
constexpr char32_t final_sigma = 0x3c2;
constexpr char32_t small_sigma = 0x3c3;
constexpr std::string_view i_and_combining_dot = "i\u0307";

unsigned char byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
}

bool is_continuation(unsigned char byte) noexcept {
  return (byte & 0xc0U) == 0x80U;
}

/// The row that holds `code_point`, or null.
template <class Row>
const Row* find_row(std::span<const Row> rows, char32_t code_point) noexcept {
  const auto row = std::lower_bound(
    rows.begin(), rows.end(), code_point,
    [](const Row& candidate, char32_t wanted) { return candidate.last < wanted; });
  return row != rows.end() && row->first <= code_point ? &*row : nullptr;
}

/// How many bytes from `at` on are ASCII for certain; looks at eight at a time.
std::size_t ascii_run(std::string_view text, std::size_t at) noexcept {
  const std::size_t begin = at;
  while (text.size() - at >= sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((eight & 0x8080808080808080U) != 0)
      break;
    at += sizeof eight;
  }
  return at - begin;
}

/// The code point that ends just before byte `at`.
/// @pre `at > 0`
decoded decode_before(std::string_view text, std::size_t at) noexcept {
  const std::size_t lowest = at > 4 ? at - 4 : 0;
  std::size_t begin = at - 1;
  while (begin > lowest && is_continuation(byte_at(text, begin)))
    --begin;
  const auto found = decode(text, begin);
  return found.valid && begin + found.length == at ? found : decoded{};
}

bool cased_before(std::string_view text, std::size_t at) noexcept {
  while (at > 0) {
    const auto previous = decode_before(text, at);
    if (find_row(tables::case_ignorable, previous.code_point) == nullptr)
      return find_row(tables::cased, previous.code_point) != nullptr;
    at -= previous.length;
  }
  return false;
}

bool cased_after(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    const auto next = decode(text, at);
    if (find_row(tables::case_ignorable, next.code_point) == nullptr)
      return find_row(tables::cased, next.code_point) != nullptr;
    at += next.length;
  }
  return false;
}

/// The lower case of a capital sigma that takes the bytes `[at, at + length)`.
char32_t lower_sigma(std::string_view text, std::size_t at, std::size_t length) noexcept {
  const bool ends_word = cased_before(text, at) && !cased_after(text, at + length);
  return ends_word ? final_sigma : small_sigma;
}

/// The lower case of a code point that has one of its own, whatever surrounds it.
char32_t lower_alone(char32_t code_point) noexcept {
  const auto* run = find_row(tables::lower_runs, code_point);
  if (run == nullptr || (code_point - run->first) % run->step != 0)
    return code_point;
  return static_cast<char32_t>(static_cast<std::int32_t>(code_point) + run->delta);
}

void append_lower_ascii(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out.append(text);
  // Over a span: writing a character through the text itself makes the compiler read where it is
  // and how long it is again each time.
  for (char& character : std::span{out}.subspan(begin)) {
    const auto byte = static_cast<unsigned char>(character);
    const auto case_bit = static_cast<unsigned>(byte - 'A') < 26U ? 0x20U : 0U;
    character = static_cast<char>(byte | case_bit);
  }
}

} // namespace

decoded decode(std::string_view text, std::size_t at) noexcept {
  const unsigned char lead = byte_at(text, at);
  if (lead < 0x80)
    return {lead, 1, true};
  if (lead < 0xc2 || lead > 0xf4) // a continuation, an overlong form, above U+10FFFF
    return {};

  const std::uint8_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() - at < length)
    return {};
  char32_t code_point = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned char byte = byte_at(text, at + i);
    if (!is_continuation(byte))
      return {};
    code_point = (code_point << 6U) | (byte & 0x3fU);
  }

  const bool overlong = (length == 3 && code_point < 0x800)
                        || (length == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (overlong || surrogate || code_point > 0x10ffff)
    return {};
  return {code_point, length, true};
}

bool valid_utf8(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    at += ascii_run(text, at);
    if (at == text.size())
      return true;
    const auto next = decode(text, at);
    if (!next.valid)
      return false;
    at += next.length;
  }
  return true;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto tail
    = [&](unsigned shift) { out += static_cast<char>(0x80U | ((code_point >> shift) & 0x3fU)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xc0U | (code_point >> 6U));
    tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xe0U | (code_point >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0U | (code_point >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

void append_lower(std::string& out, std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at + ascii_run(text, at);
    while (end < text.size() && byte_at(text, end) < 0x80)
      ++end;
    append_lower_ascii(out, text.substr(at, end - at));
    at = end;
    if (at == text.size())
      return;

    const auto next = decode(text, at);
    if (!next.valid)
      out += text[at];
    else if (next.code_point == capital_i_with_dot)
      out += i_and_combining_dot;
    else if (next.code_point == capital_sigma)
      append_utf8(out, lower_sigma(text, at, next.length));
    else
      append_utf8(out, lower_alone(next.code_point));
    at += next.length;
  }
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_lower(out, text);
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto first = decode(text, 0);
    if (!first.valid || !is_space(first.code_point))
      break;
    text.remove_prefix(first.length);
  }
  while (!text.empty()) {
    const auto last = decode_before(text, text.size());
    if (!last.valid || !is_space(last.code_point))
      break;
    text.remove_suffix(last.length);
  }
  return text;
}

namespace detail {

bool is_alnum_beyond_ascii(char32_t code_point) noexcept {
  return find_row(tables::alnum, code_point) != nullptr;
}

bool is_space_beyond_ascii(char32_t code_point) noexcept {
  return find_row(tables::space, code_point) != nullptr;
}

} // namespace detail
} // namespace cortex::text
