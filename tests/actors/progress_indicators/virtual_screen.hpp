// A terminal that a test can read: it knows the sequences that the library uses, and no others.
#pragma once

#include "cortex/text/display_width.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cortex::testing {

/// Wraps long lines, scrolls, and breaks lines anew when its width changes, as most terminals do.
/// Not thread-safe.
class virtual_screen {
public:
  explicit virtual_screen(std::size_t columns, std::size_t rows = 24)
    : columns_(columns), rows_(rows), lines_(1) {}

  void write(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      if (bytes[at] == '\x1b')
        at += obey(bytes.substr(at));
      else
        at += put(bytes, at);
    }
  }

  void resize(std::size_t columns, std::size_t rows) {
    std::vector<row> broken;
    std::size_t cursor_line = 0;
    std::size_t cursor_column = 0;
    for (std::size_t i = 0; i < lines_.size();) {
      row whole;
      std::size_t cursor = std::string::npos;
      do {
        if (i == y_)
          cursor = whole.cells.size() + x_;
        whole.cells.insert(whole.cells.end(), lines_[i].cells.begin(), lines_[i].cells.end());
        ++i;
      } while (i < lines_.size() && lines_[i].continues);
      std::size_t begin = 0;
      do {
        row part;
        part.continues = begin != 0;
        auto end = std::min(whole.cells.size(), begin + columns);
        if (end < whole.cells.size() && whole.cells[end].empty())
          --end; // no wide letter is cut
        for (auto k = begin; k < end; ++k)
          part.cells.push_back(whole.cells[k]);
        if (cursor >= begin && (cursor <= end || end == whole.cells.size())) {
          cursor_line = broken.size();
          cursor_column = cursor - begin;
        }
        broken.push_back(std::move(part));
        begin = end;
      } while (begin < whole.cells.size());
    }
    lines_ = std::move(broken);
    y_ = cursor_line;
    x_ = std::min(cursor_column, columns);
    columns_ = columns;
    rows_ = rows;
  }

  /// All lines, those scrolled away included, without blanks at their ends and empty ones at the
  /// end.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& line : lines_) {
      std::string text;
      for (const auto& cell : line.cells)
        text += cell;
      text.erase(text.find_last_not_of(' ') + 1);
      out.push_back(std::move(text));
    }
    while (!out.empty() && out.back().empty())
      out.pop_back();
    return out;
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& line : lines())
      out += line + '\n';
    return out;
  }
  [[nodiscard]] bool cursor_visible() const noexcept { return visible_; }
  [[nodiscard]] std::size_t cursor_column() const noexcept { return x_; }
  [[nodiscard]] bool colored() const noexcept { return colored_; }

private:
  struct row {
    std::vector<std::string> cells; // a wide letter is a cell and an empty one
    bool continues = false;         // the line above, which was too long
  };

  std::size_t put(std::string_view bytes, std::size_t at) {
    if (bytes[at] == '\r') {
      x_ = 0;
      return 1;
    }
    if (bytes[at] == '\n') {
      down(false);
      return 1;
    }
    const auto next = text::decode(bytes, at);
    if (!next.valid || next.code_point < 0x20)
      throw std::runtime_error{"a terminal is given byte " + std::to_string(bytes[at])};
    const std::string letter{bytes.substr(at, next.length)};
    const auto width = text::display_width(letter);
    auto& cells = lines_[y_].cells;
    if (width == 0) {
      for (auto back = x_; back-- > 0;)
        if (!cells[back].empty()) {
          const auto before = text::display_width(cells[back]);
          cells[back] += letter;
          if (text::display_width(cells[back]) > before) { // it asks for an emoji
            if (x_ == cells.size())
              cells.emplace_back();
            ++x_;
          }
          break;
        }
      return next.length;
    }
    if (x_ + width > columns_) {
      x_ = 0;
      down(true);
    }
    auto& here = lines_[y_].cells;
    while (here.size() < x_ + width)
      here.emplace_back(" ");
    here[x_] = letter;
    for (std::size_t k = 1; k < width; ++k)
      here[x_ + k].clear();
    x_ += width;
    return next.length;
  }

  void down(bool wrapped) {
    if (++y_ == lines_.size())
      lines_.emplace_back();
    lines_[y_].continues = wrapped;
  }

  std::size_t obey(std::string_view bytes) {
    const auto end = bytes.find_first_of("ABCDEFGHJKmhl", 2);
    if (bytes.size() < 3 || bytes[1] != '[' || end == bytes.npos)
      throw std::runtime_error{"a terminal is given a sequence of another kind"};
    const auto body = bytes.substr(2, end - 2);
    const auto top = lines_.size() > rows_ ? lines_.size() - rows_ : 0;
    switch (bytes[end]) {
      case 'A': {
        const auto up = std::stoul(std::string{body});
        y_ = y_ - std::min(up, y_ - std::min(y_, top));
        break;
      }
      case 'K': cut(lines_[y_]); break;
      case 'J':
        cut(lines_[y_]);
        lines_.resize(y_ + 1);
        break;
      case 'm': colored_ = true; break;
      case 'h':
      case 'l':
        if (body != "?25")
          throw std::runtime_error{"a terminal is given mode " + std::string{body}};
        visible_ = bytes[end] == 'h';
        break;
      default: throw std::runtime_error{"a terminal is given " + std::string{bytes.substr(1, end)}};
    }
    return end + 1;
  }

  void cut(row& line) const {
    if (line.cells.size() > x_)
      line.cells.resize(x_);
  }

  std::size_t columns_;
  std::size_t rows_;
  std::vector<row> lines_;
  std::size_t x_ = 0;
  std::size_t y_ = 0;
  bool visible_ = true;
  bool colored_ = false;
};

} // namespace cortex::testing
