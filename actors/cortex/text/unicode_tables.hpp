/// Unicode 14 as ranges of code points, for `unicode.cpp` and `display_width.cpp`.
#pragma once

#include <cstdint>
#include <span>

namespace cortex::text::tables {

/// Code points `first` to `last`, both included.
struct code_point_range {
  std::uint32_t first;
  std::uint32_t last;
};

/// The code points `first`, `first + step`, … `last` are lower-cased by adding `delta`.
struct lower_run {
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t step;
  std::int32_t delta;
};

// All are in ascending order without overlaps.
extern const std::span<const code_point_range> alnum; ///< General category L* or N*.
extern const std::span<const code_point_range> space;
extern const std::span<const code_point_range> cased; ///< Without those in `case_ignorable`.
extern const std::span<const code_point_range> case_ignorable;
extern const std::span<const lower_run> lower_runs;
extern const std::span<const code_point_range> wide;       ///< Two columns on a terminal.
extern const std::span<const code_point_range> zero_width; ///< None: drawn over what is before.

} // namespace cortex::text::tables
