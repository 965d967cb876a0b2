#include "cortex/progress_indicators/screen.hpp"

#include <algorithm>
#include <utility>

namespace cortex::progress_indicators {
namespace {

constexpr std::string_view line_end = "\r\n"; // a terminal in raw mode adds no return by itself
constexpr std::string_view erase_line = "\x1b[K";
constexpr std::string_view erase_below = "\x1b[J";
constexpr std::string_view hide_cursor = "\x1b[?25l";
constexpr std::string_view show_cursor = "\x1b[?25h";

void append_lines(std::string& out, std::string_view text) {
  for (const char byte : text)
    if (byte == '\n')
      out += line_end;
    else
      out += byte;
  out += line_end;
}

} // namespace

std::string screen::show(const std::vector<std::string>& above, std::vector<region_line> lines,
                         terminal_size size) {
  if (above.empty() && lines == drawn_ && (lines.empty() || size.columns == columns_))
    return {};
  std::string out;
  if (!lines.empty() && !hidden_) {
    out += hide_cursor;
    hidden_ = true;
  }
  const bool narrower = !drawn_.empty() && size.columns < columns_;
  const bool erased = !above.empty() || narrower || lines.empty();
  if (!drawn_.empty())
    go_to_start(out, size, erased);
  for (const auto& line : above)
    append_lines(out, line);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += lines[i].bytes;
    if (!erased)
      out += erase_line;
    if (i + 1 < lines.size())
      out += line_end;
  }
  if (!erased && lines.size() < drawn_.size())
    out += erase_below;
  if (lines.empty())
    out += restore();
  drawn_ = std::move(lines);
  columns_ = size.columns;
  return out;
}

std::string screen::restore() {
  return std::exchange(hidden_, false) ? std::string{show_cursor} : std::string{};
}

void screen::go_to_start(std::string& out, terminal_size size, bool erase) const {
  std::size_t rows = 0;
  const auto columns = std::max<std::size_t>(size.columns, 1);
  for (const auto& line : drawn_)
    rows += std::max<std::size_t>(1, (line.columns + columns - 1) / columns);
  out += '\r';
  if (const auto up = std::min(rows, std::max<std::size_t>(size.rows, 1)) - 1; up > 0)
    out += "\x1b[" + std::to_string(up) + 'A';
  if (!erase)
    return;
  out += erase_line;
  // Some terminals keep a copy of all that is erased from their first row on: begin below it.
  if (rows > 1)
    out.append(line_end).append(erase_below).append("\x1b[1A");
}

} // namespace cortex::progress_indicators
