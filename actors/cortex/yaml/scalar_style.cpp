#include "cortex/yaml/scalar_style.hpp"

#include "cortex/text/unicode.hpp"

#include <cstddef>

namespace cortex::yaml_detail {
namespace {

bool is_one_of(char32_t code_point, std::u32string_view set) noexcept {
  return set.find(code_point) != std::u32string_view::npos;
}

bool is_white(char32_t code_point) noexcept {
  return code_point == 0 || code_point == U' ' || code_point == U'\t' || code_point == U'\r'
         || is_line_break(code_point);
}

bool white_or_end(std::u32string_view text, std::size_t at) noexcept {
  return at >= text.size() || is_white(text[at]);
}

/// True if the text, left plain, would be read as something else than a scalar.
bool has_indicator(std::u32string_view text) noexcept {
  if (text.substr(0, 3) == U"---" || text.substr(0, 3) == U"...")
    return true;
  const char32_t first = text.front();
  if (is_one_of(first, U"#,[]{}&*!|>'\"%@`"))
    return true;
  if (is_one_of(first, U"?:-") && white_or_end(text, 1))
    return true;
  for (std::size_t i = 1; i < text.size(); ++i)
    if ((text[i] == U':' && white_or_end(text, i + 1))
        || (text[i] == U'#' && is_white(text[i - 1])))
      return true;
  return false;
}

} // namespace

scalar_analysis analyze(std::u32string_view text) {
  scalar_analysis out;
  if (text.empty())
    return {true, false, true, true, false};
  bool special = false;     // has to be escaped
  bool break_blank = false; // a blank at the beginning of a line
  bool blank_break = false; // a blank at the end of a line
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t each = text[i];
    const bool is_break = is_line_break(each);
    const char32_t before = i > 0 ? text[i - 1] : U'\0';
    out.has_breaks = out.has_breaks || is_break;
    special = special || (each != U'\n' && (each < 0x20 || each > 0x7e));
    break_blank = break_blank || (each == U' ' && is_line_break(before));
    blank_break = blank_break || (is_break && before == U' ');
  }
  const auto at_edge = [&text](auto&& test) { return test(text.front()) || test(text.back()); };
  const bool blank_edge = at_edge([](char32_t each) { return each == U' '; });
  out.plain = !blank_edge && !out.has_breaks && !special && !has_indicator(text);
  out.single_quoted = !break_blank && !blank_break && !special;
  out.block = text.back() != U' ' && !blank_break && !special;
  return out;
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto next = text::decode(text, at);
    out += next.code_point;
    at += next.length;
  }
  return out;
}

} // namespace cortex::yaml_detail
