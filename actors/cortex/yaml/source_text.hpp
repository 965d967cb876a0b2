/// The text of a document as it is given to the parser: checked for what the parser does not check.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/yaml.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace cortex::yaml_detail {

/// `corrupt`, with the place in front: `line 3, column 5: found a tab`.
[[nodiscard]] unexpected refuse(yaml_mark mark, const std::string& problem);

/// A key, a tag or an anchor as an error shows it: the first 64 characters, and none that is no
/// UTF-8 or moves a terminal.
[[nodiscard]] std::string shown(std::string_view name);

/// The place behind the last character. @pre the text is UTF-8
[[nodiscard]] yaml_mark end_of(std::string_view text) noexcept;

/// Checks what concerns single characters: UTF-8, what PyYAML takes for printable, byte order marks
/// at the start of a later line, the number of directives. The text without its own byte order
/// mark.
[[nodiscard]] expected<std::string_view> checked_text(std::string_view text, std::size_t max_bytes);

/// Follows the parser through the text and finds what it lets pass between scalars: tabs, which may
/// stand in comments, quoted scalars and the lines of block scalars alone.
/// *Not thread-safe*.
class tab_check {
public:
  explicit tab_check(std::string_view text) noexcept : text_(text) {}

  /// A scalar was read. Places are in code points from the start of the text.
  [[nodiscard]] expected<void> scalar(std::size_t begin, std::size_t end, bool quoted, bool block);
  /// Nothing more comes.
  [[nodiscard]] expected<void> finish();

private:
  void step() noexcept;
  [[nodiscard]] unexpected found_tab() const;
  [[nodiscard]] expected<void> between(std::size_t end);
  [[nodiscard]] bool sees_before(std::size_t end, std::string_view set) const noexcept;
  [[nodiscard]] expected<void> properties(std::size_t end);
  [[nodiscard]] expected<void> block_header();

  std::string_view text_;
  std::size_t byte_ = 0;
  std::size_t index_ = 0; // in code points
  yaml_mark mark_{1, 1};
  bool in_comment_ = false;
};

} // namespace cortex::yaml_detail
