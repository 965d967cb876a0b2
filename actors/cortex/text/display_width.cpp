#include "cortex/text/display_width.hpp"

#include "cortex/text/unicode.hpp"
#include "cortex/text/unicode_tables.hpp"

#include <algorithm>
#include <span>

namespace cortex::text {
namespace {

constexpr char32_t emoji_selector = 0xfe0f;

bool is_in(std::span<const tables::code_point_range> ranges, char32_t code_point) noexcept {
  const auto at = std::ranges::upper_bound(ranges, static_cast<std::uint32_t>(code_point), {},
                                           &tables::code_point_range::first);
  return at != ranges.begin() && code_point <= std::prev(at)->last;
}

std::size_t width_of(char32_t code_point) noexcept {
  if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
    return 0;
  if (code_point < 0x300)
    return 1;
  if (is_in(tables::zero_width, code_point))
    return 0;
  return is_in(tables::wide, code_point) ? 2 : 1;
}

/// A letter with the marks on it.
struct cluster {
  std::size_t bytes = 0;
  std::size_t columns = 0;
};

cluster cluster_at(std::string_view text, std::size_t at) noexcept {
  const auto first = decode(text, at);
  cluster out{first.length, width_of(first.code_point)};
  while (at + out.bytes < text.size()) {
    const auto next = decode(text, at + out.bytes);
    if (!next.valid || next.code_point < 0x300 || width_of(next.code_point) != 0)
      break;
    if (next.code_point == emoji_selector && out.columns == 1)
      out.columns = 2;
    out.bytes += next.length;
  }
  return out;
}

constexpr bool is_control(char32_t code_point) noexcept {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0);
}

/// Embeddings, overrides and isolates of direction; separators of lines.
constexpr bool is_reordering(char32_t code_point) noexcept {
  return (code_point >= 0x202a && code_point <= 0x202e)
         || (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0x2028
         || code_point == 0x2029;
}

/// The bytes of a terminal sequence that begins with the escape at `at`: up to its final byte, or
/// for a string up to its end. One that is not ended goes on to the end of the line.
std::size_t sequence_at(std::string_view text, std::size_t at) noexcept {
  auto end = at + 1;
  if (end == text.size())
    return 1;
  const char kind = text[end++];
  if (kind == '[') {
    while (end < text.size() && text[end] >= 0x20 && text[end] < 0x40)
      ++end;
    if (end < text.size() && text[end] >= 0x40 && text[end] < 0x7f)
      ++end;
  } else if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_') {
    while (end < text.size() && text[end] != '\a' && text[end] != '\n') {
      if (text[end] == '\x1b' && end + 1 < text.size() && text[end + 1] == '\\')
        return end + 2 - at;
      ++end;
    }
    if (end < text.size() && text[end] == '\a')
      ++end;
  } else if (kind >= 0x20 && kind < 0x30) {
    while (end < text.size() && text[end] >= 0x20 && text[end] < 0x30)
      ++end;
    if (end < text.size() && text[end] >= 0x30 && text[end] < 0x7f)
      ++end;
  } else if (kind < 0x30 || kind >= 0x7f) {
    return 1; // no sequence: the escape alone goes
  }
  return end - at;
}

} // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = cluster_at(text, at);
    columns += next.columns;
    at += next.bytes;
  }
  return columns;
}

std::string truncate_to(std::string_view text, std::size_t columns, std::string_view mark) {
  if (display_width(text) <= columns)
    return std::string{text};
  const auto marked = display_width(mark);
  if (marked > columns)
    return {};
  std::size_t taken = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto next = cluster_at(text, at);
    if (taken + next.columns > columns - marked)
      break;
    taken += next.columns;
    at += next.bytes;
  }
  return std::string{text.substr(0, at)} += mark;
}

std::string printable(std::string_view text, line_breaks breaks) {
  // Most texts are plain.
  if (std::ranges::all_of(text, [](char byte) { return byte >= 0x20 && byte < 0x7f; }))
    return std::string{text};
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\x1b') {
      at += sequence_at(text, at);
      continue;
    }
    const auto next = decode(text, at);
    at += next.length;
    if (next.valid && (next.code_point == '\n' || next.code_point == '\t')) {
      out += breaks == line_breaks::keep ? static_cast<char>(next.code_point) : ' ';
      continue;
    }
    const auto point = next.valid ? next.code_point : replacement_character;
    if (!is_control(point) && !is_reordering(point))
      append_utf8(out, point);
  }
  return out;
}

} // namespace cortex::text
