/// How a scalar can be written, by the rules of PyYAML's emitter for block style and ASCII.
#pragma once

#include <string>
#include <string_view>

namespace cortex::yaml_detail {

/// What the characters of a scalar allow.
struct scalar_analysis {
  bool empty = false;
  bool has_breaks = false;
  bool plain = true;         ///< May stand without quotes.
  bool single_quoted = true; ///< May stand in single quotes; in double quotes all may.
  bool block = true;         ///< May stand behind `|`.
};

/// *Thread-safe*.
[[nodiscard]] scalar_analysis analyze(std::u32string_view text);

/// The breaks that lines may end with: `\n`, U+0085, U+2028, U+2029.
[[nodiscard]] constexpr bool is_line_break(char32_t code_point) noexcept {
  return code_point == U'\n' || code_point == 0x85 || code_point == 0x2028 || code_point == 0x2029;
}

/// The code points of a text. @pre the text is UTF-8
[[nodiscard]] std::u32string code_points(std::string_view text);

} // namespace cortex::yaml_detail
