/// How fast something goes and when it will end, without jumps.
#pragma once

#include "cortex/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace cortex::progress_indicators {

/// A rate smoothed over some ten seconds, and the time left by it. What is shown of the time left
/// counts down with the clock; where a new estimate differs it moves towards it by a quarter of
/// itself a second at most (of 4 s, if less is left). At a steady rate it is exact. *Not
/// thread-safe*.
class estimator {
public:
  explicit estimator(monotonic_time start) noexcept : last_(start) {}

  /// What is done and what there is, at a time not before the last one. If less is done than
  /// before, it begins anew.
  void sample(monotonic_time now, std::uint64_t done, std::uint64_t total) noexcept;

  /// Units a second; 0 until something is known.
  [[nodiscard]] double rate() const noexcept;
  /// Seconds, >= 0; empty while nothing is known: no total, or nothing done yet.
  [[nodiscard]] std::optional<double> seconds_left() const noexcept { return shown_; }

private:
  monotonic_time last_;
  std::uint64_t done_ = 0;
  double weighted_ = 0; // the smoothed rate, but for the weight of the time before the start
  double weight_ = 0;   // of the time since the start, 0 to 1
  std::optional<double> shown_{};
};

} // namespace cortex::progress_indicators
