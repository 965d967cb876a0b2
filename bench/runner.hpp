/// Runs the chosen rows: designs of a cell take turns, repetition by repetition, in one process.
#pragma once

#include "harness.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::bench {

/// What a row gave: `name` is `cell/contender`.
struct row_result {
  std::string name;
  std::string cell;
  std::string contender;
  role kind = role::rival;
  unsigned threads = 1;
  std::vector<sample> samples;
  std::string unit = "operations/s"; ///< Of the samples' `rate`; or `bytes`.

  /// The median over the repetitions of a member of `sample`.
  template <class T>
  [[nodiscard]] double median(T sample::*member) const;
  /// What else it measured: medians.
  [[nodiscard]] std::vector<figure> figures() const;
  [[nodiscard]] double lowest_rate() const;
  [[nodiscard]] double highest_rate() const;
  [[nodiscard]] std::uint64_t errors() const;
  [[nodiscard]] std::uint64_t lost() const;
};

/// Which rows to run, and for how long.
struct run_options {
  std::filesystem::path directory;
  std::string only;    ///< Rows whose name contains or matches it; empty: all.
  std::string without; ///< Rows left out in the same way; empty: none.
  bool coarse = false; ///< Without what takes long: tenfold rows, 1,000 threads.
  unsigned repetitions = 5;
  double seconds = 0; ///< Of each repetition; 0: what fits into `limit_seconds`.
  double limit_seconds = 260;
};

/// True if `text` contains `pattern`, or matches it as a whole when it has `*`, `?` or `[`.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);

[[nodiscard]] std::string row_name(const cell& where, const contender& who);

/// Whether a row of that name is asked for.
[[nodiscard]] bool is_wanted(std::string_view name, const run_options& options);

/// Leaves what is asked for; a cell without rows vanishes.
[[nodiscard]] std::vector<cell> choose(std::vector<cell> cells, const run_options& options);

/// Runs the cells one after the other.
/// @param progress called before each repetition with a line for people
/// @param finished called with the rows of each cell, in the order of its contenders
/// @return the rows of all cells
[[nodiscard]] std::vector<row_result>
run(const std::vector<cell>& cells, const run_options& options,
    const std::function<void(const std::string&)>& progress,
    const std::function<void(const std::vector<row_result>&)>& finished);

// -- implementation -------------------------------------------------------------------------------

/// The middle of an unordered range, or the mean of the two middle ones; 0 if it is empty.
[[nodiscard]] double median_of(std::vector<double> values);

template <class T>
double row_result::median(T sample::*member) const {
  std::vector<double> values;
  for (const auto& each : samples)
    values.push_back(static_cast<double>(each.*member));
  return median_of(std::move(values));
}

} // namespace cortex::bench
