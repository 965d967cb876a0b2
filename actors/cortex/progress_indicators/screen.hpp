/// The region at the bottom of a terminal that is drawn again in place.
#pragma once

#include "cortex/progress_indicators.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace cortex::progress_indicators {

/// A line of the region: shorter than the terminal is wide.
struct region_line {
  std::string bytes;
  std::size_t columns = 0;

  friend bool operator==(const region_line& left, const region_line& right) = default;
};

/// Knows what it has drawn and makes the bytes that turn it into what is wanted. The cursor rests
/// at the end of the last line. Sequences used: cursor up, erase to the end of line or screen, hide
/// and show the cursor. *Not thread-safe*.
class screen {
public:
  /// Puts lines above the region for good, and the region below them. Empty if nothing changes.
  /// Where the terminal is narrower than before, lines that it has wrapped are counted.
  [[nodiscard]] std::string show(const std::vector<std::string>& above,
                                 std::vector<region_line> lines, terminal_size size);
  /// What shows the cursor again, if it is hidden.
  [[nodiscard]] std::string restore();

  [[nodiscard]] bool cursor_hidden() const noexcept { return hidden_; }

private:
  void go_to_start(std::string& out, terminal_size size, bool erase) const;

  std::vector<region_line> drawn_;
  std::size_t columns_ = 0; // of the terminal, when it was drawn
  bool hidden_ = false;
};

} // namespace cortex::progress_indicators
