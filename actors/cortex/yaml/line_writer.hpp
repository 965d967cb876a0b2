/// Writes indicators and scalars, and breaks lines where PyYAML breaks them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::yaml_detail {

/// *Not thread-safe*.
class line_writer {
public:
  /// A new line, unless this one is nothing but indentation so far, and blanks up to the column.
  void indent(std::size_t column);
  /// `-`, `?`, `:`, brackets, tags. `begins_line`: what follows may go on in the same line as if it
  /// were its beginning.
  void indicator(std::string_view text, bool needs_blank, bool begins_line = false,
                 bool is_blank = false);

  // Scalars; lines that are folded go on in the column.
  void plain(std::u32string_view text, std::size_t column, bool fold);
  void single_quoted(std::u32string_view text, std::size_t column, bool fold);
  void double_quoted(std::u32string_view text, std::size_t column, bool fold);
  /// Behind `|`. @pre ASCII
  void literal(std::u32string_view text, std::size_t column);

  /// True if nothing but indentation, `-`, `?` and `:` stands in the line.
  [[nodiscard]] bool at_line_begin() const noexcept { return line_begin_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

private:
  void append(std::u32string_view ascii);
  void append_escaped(char32_t code_point);
  void break_line();
  void break_lines(std::u32string_view breaks);
  void fold_double_quoted(std::u32string_view text, std::size_t& start, std::size_t end,
                          std::size_t column);
  /// A single blank between words beyond the width becomes a new line.
  [[nodiscard]] bool folds(std::size_t start, std::size_t end) const noexcept {
    return start + 1 == end && column_ > width;
  }

  static constexpr std::size_t width = 80;

  std::string out_;
  std::size_t column_ = 0;
  bool blank_ = true; ///< The next indicator needs no blank before it.
  bool line_begin_ = true;
};

} // namespace cortex::yaml_detail
