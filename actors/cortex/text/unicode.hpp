/// UTF-8 and the parts of Unicode 14 that texts are compared by: lower case, letters, white space.
///
/// All functions are *thread-safe*: they keep no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cortex::text {

/// What stands in for a byte that belongs to no valid sequence.
inline constexpr char32_t replacement_character = 0xfffd;

/// True if the text is UTF-8 without surrogates, overlong forms or code points above U+10FFFF.
[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

/// One code point of a text.
struct decoded {
  char32_t code_point = replacement_character;
  std::uint8_t length = 1; ///< In bytes, 1 to 4.
  bool valid = false;      ///< False: a single byte that begins no valid sequence.
};

/// The code point that begins at byte `at`.
/// @pre `at < text.size()`
[[nodiscard]] decoded decode(std::string_view text, std::size_t at) noexcept;

/// Appends a code point as UTF-8.
/// @pre `code_point` is a Unicode scalar value: at most U+10FFFF and no surrogate.
void append_utf8(std::string& out, char32_t code_point);

/// Appends the text in lower case, by the full mapping of Unicode 14: U+0130 becomes two code
/// points, and U+03A3 is written by its place in the word. Bytes that are no UTF-8 stay as they
/// are.
void append_lower(std::string& out, std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);

namespace detail {

[[nodiscard]] bool is_alnum_beyond_ascii(char32_t code_point) noexcept;
[[nodiscard]] bool is_space_beyond_ascii(char32_t code_point) noexcept;

} // namespace detail

/// True for letters and numbers of any kind: general category L* or N*.
[[nodiscard]] constexpr bool is_alnum(char32_t code_point) noexcept {
  if (code_point >= 0x80)
    return detail::is_alnum_beyond_ascii(code_point);
  return (code_point >= '0' && code_point <= '9') || (code_point >= 'A' && code_point <= 'Z')
         || (code_point >= 'a' && code_point <= 'z');
}

/// True for white space, with the four ASCII separators U+001C to U+001F.
[[nodiscard]] constexpr bool is_space(char32_t code_point) noexcept {
  if (code_point >= 0x80)
    return detail::is_space_beyond_ascii(code_point);
  return (code_point >= 0x09 && code_point <= 0x0d) || (code_point >= 0x1c && code_point <= 0x20);
}

/// The text without the white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

} // namespace cortex::text
