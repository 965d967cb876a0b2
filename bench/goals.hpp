/// What is to be reached: each goal a ratio of two rows of one run.
#pragma once

#include "runner.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::bench {

/// What the Python original did in one of its own tests, for context: measured in another process.
struct original_figure {
  std::string_view cell;
  double rate = 0; ///< Operations per second.
  std::string_view source;
};

[[nodiscard]] const std::vector<original_figure>& original_figures();

enum class verdict : std::uint8_t { reached, floor, missed, not_measured };

[[nodiscard]] std::string_view to_string(verdict each) noexcept;

/// A goal and how it went.
struct goal_result {
  std::string id;     ///< `W64`
  std::string what;   ///< What is compared with what.
  std::string wanted; ///< `>= 3.5`
  std::string floor;  ///< `>= 2.7`, or empty.
  std::optional<double> ratio;
  verdict went = verdict::not_measured;
};

[[nodiscard]] std::vector<goal_result> judge(const std::vector<row_result>& rows);

/// The best median of a cell's rivals, or of its limits; empty if it has none.
[[nodiscard]] std::optional<double> best_rate(const std::vector<row_result>& rows,
                                              std::string_view cell, role kind);

} // namespace cortex::bench
