/// How displays look in the region of a terminal.
#pragma once

#include "cortex/progress_indicators/estimator.hpp"
#include "cortex/progress_indicators/marks.hpp"
#include "cortex/progress_indicators/screen.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace cortex::progress_indicators {

/// A display as it is drawn.
struct drawn_display {
  const context* what = nullptr;
  std::size_t depth = 0; ///< Under how many others.
  std::size_t glyph = 0;
  const estimator* pace = nullptr;
  std::optional<double> share{}; ///< Of an operation with others under it: theirs, weighted.
};

/// The lines for it, each at most `columns` wide.
[[nodiscard]] std::vector<region_line> lines_of(const look& how, const drawn_display& shown,
                                                monotonic_time now, std::size_t columns);

/// The first of `all` displays in at most `size.rows - 1` lines, each shorter than the terminal is
/// wide; what does not fit is told by a last line.
[[nodiscard]] std::vector<region_line> region_of(const look& how,
                                                 const std::vector<drawn_display>& shown,
                                                 std::size_t all, monotonic_time now,
                                                 terminal_size size);

/// `0:05`, `12:03`, `2:05:00`.
[[nodiscard]] std::string clock_text(double seconds);

} // namespace cortex::progress_indicators
