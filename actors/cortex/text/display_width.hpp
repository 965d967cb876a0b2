/// How texts look on a terminal: columns that they take, and what of them must not get there.
///
/// All functions are *thread-safe*: they keep no state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cortex::text {

/// Columns that a text takes, by Unicode 14: two for wide East Asian letters and emoji, also where
/// U+FE0F asks for an emoji; none for combining marks, joiners and control characters. Where
/// terminals differ (emoji joined by U+200D) it is the most that one of them takes.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// The longest beginning that fits into so many columns, at the end of a letter with its marks; if
/// something is left out it ends in `mark`, which counts.
[[nodiscard]] std::string truncate_to(std::string_view text, std::size_t columns,
                                      std::string_view mark);

/// What becomes of line ends and tabs.
enum class line_breaks : unsigned char { keep, to_blanks };

/// The text as valid UTF-8 without control characters, terminal sequences and marks that reverse
/// the direction of writing. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string printable(std::string_view text, line_breaks breaks);

} // namespace cortex::text
