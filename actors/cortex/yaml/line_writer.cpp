#include "cortex/yaml/line_writer.hpp"

#include "cortex/yaml/scalar_style.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace cortex::yaml_detail {
namespace {

/// The end of the run of blanks, of breaks or of other characters that begins at `at`.
std::size_t run_end(std::u32string_view text, std::size_t at) noexcept {
  const auto kind = [](char32_t each) { return each == U' ' ? 1 : is_line_break(each) ? 2 : 0; };
  const int wanted = kind(text[at]);
  while (at < text.size() && kind(text[at]) == wanted)
    ++at;
  return at;
}

char short_escape(char32_t code_point) noexcept {
  constexpr std::array<std::pair<char32_t, char>, 15> letters{{{0x00, '0'},
                                                               {0x07, 'a'},
                                                               {0x08, 'b'},
                                                               {0x09, 't'},
                                                               {0x0a, 'n'},
                                                               {0x0b, 'v'},
                                                               {0x0c, 'f'},
                                                               {0x0d, 'r'},
                                                               {0x1b, 'e'},
                                                               {U'"', '"'},
                                                               {U'\\', '\\'},
                                                               {0x85, 'N'},
                                                               {0xa0, '_'},
                                                               {0x2028, 'L'},
                                                               {0x2029, 'P'}}};
  for (const auto& [known, letter] : letters)
    if (known == code_point)
      return letter;
  return '\0';
}

bool is_escaped(char32_t code_point) noexcept {
  return code_point < 0x20 || code_point > 0x7e || code_point == U'"' || code_point == U'\\';
}

} // namespace

void line_writer::break_line() {
  blank_ = true;
  line_begin_ = true;
  column_ = 0;
  out_ += '\n';
}

/// The breaks of a scalar, of which the first alone would be read as a blank.
void line_writer::break_lines(std::u32string_view breaks) {
  break_line();
  for (std::size_t i = 0; i < breaks.size(); ++i)
    break_line();
}

void line_writer::indent(std::size_t column) {
  if (!line_begin_ || column_ > column || (column_ == column && !blank_))
    break_line();
  if (column_ < column) {
    blank_ = true;
    out_.append(column - column_, ' ');
    column_ = column;
  }
}

void line_writer::indicator(std::string_view text, bool needs_blank, bool begins_line,
                            bool is_blank) {
  if (needs_blank && !blank_) {
    out_ += ' ';
    ++column_;
  }
  out_ += text;
  column_ += text.size();
  blank_ = is_blank;
  line_begin_ = line_begin_ && begins_line;
}

void line_writer::append(std::u32string_view ascii) {
  for (const char32_t each : ascii)
    out_ += static_cast<char>(each);
  column_ += ascii.size();
}

void line_writer::plain(std::u32string_view text, std::size_t column, bool fold) {
  if (text.empty())
    return;
  if (!blank_) {
    out_ += ' ';
    ++column_;
  }
  blank_ = false;
  line_begin_ = false;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = run_end(text, start);
    if (text[start] == U' ' && fold && folds(start, end)) {
      indent(column);
      blank_ = false;
      line_begin_ = false;
    } else {
      append(text.substr(start, end - start));
    }
    start = end;
  }
}

void line_writer::single_quoted(std::u32string_view text, std::size_t column, bool fold) {
  indicator("'", true);
  for (std::size_t start = 0; start < text.size();) {
    const auto end = run_end(text, start);
    const bool inside = start > 0 && end < text.size();
    if (text[start] == U' ' && fold && inside && folds(start, end)) {
      indent(column);
    } else if (is_line_break(text[start])) {
      break_lines(text.substr(start, end - start));
      indent(column);
    } else {
      for (const char32_t each : text.substr(start, end - start)) {
        append(std::u32string_view{&each, 1});
        if (each == U'\'')
          append(U"'");
      }
    }
    start = end;
  }
  indicator("'", false);
}

void line_writer::append_escaped(char32_t code_point) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto begin = out_.size();
  out_ += '\\';
  if (const char letter = short_escape(code_point); letter != '\0') {
    out_ += letter;
  } else {
    const unsigned length = code_point <= 0xff ? 2 : code_point <= 0xffff ? 4 : 8;
    out_ += length == 2 ? 'x' : length == 4 ? 'u' : 'U';
    for (unsigned i = length; i-- > 0;)
      out_ += digits[(static_cast<std::uint32_t>(code_point) >> (4 * i)) & 0xfU];
  }
  column_ += out_.size() - begin;
}

/// What is written up to `end` ends the line with a backslash; a blank that would begin the next
/// one gets another.
void line_writer::fold_double_quoted(std::u32string_view text, std::size_t& start, std::size_t end,
                                     std::size_t column) {
  if (start < end) {
    append(text.substr(start, end - start));
    start = end;
  }
  append(U"\\");
  indent(column);
  blank_ = false;
  line_begin_ = false;
  if (text[start] == U' ')
    append(U"\\");
}

void line_writer::double_quoted(std::u32string_view text, std::size_t column, bool fold) {
  indicator("\"", true);
  std::size_t start = 0;  // of what is not written yet
  std::size_t masked = 0; // a blank that has its backslash already and must follow it
  for (std::size_t end = 0; end < text.size(); ++end) {
    const char32_t each = text[end];
    if (is_escaped(each)) {
      append(text.substr(start, end - start));
      append_escaped(each);
      start = end + 1;
    }
    const bool inside = end > 0 && end + 1 < text.size();
    const std::size_t waiting = start < end ? end - start : 0;
    // behind an escape the letter itself is written already, which counts as one less
    const bool beyond = start > end ? column_ > width + 1 : column_ + waiting > width;
    if (fold && inside && (each == U' ' || start >= end) && beyond && end != masked) {
      fold_double_quoted(text, start, end, column);
      masked = text[start] == U' ' ? start : 0;
    }
  }
  append(text.substr(std::min(start, text.size())));
  indicator("\"", false);
}

void line_writer::literal(std::u32string_view text, std::size_t column) {
  indicator("|", true);
  break_line();
  for (std::size_t start = 0; start < text.size();) {
    const auto end = run_end(text, start);
    if (is_line_break(text[start])) {
      for (std::size_t i = start; i < end; ++i)
        break_line();
    } else {
      if (line_begin_)
        indent(column);
      append(text.substr(start, end - start));
      line_begin_ = false;
    }
    start = end;
  }
}

} // namespace cortex::yaml_detail
