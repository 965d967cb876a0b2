/// Decides whether and when a crashed actor is made anew.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/options.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace cortex::detail {

/// Counts crashes within a window. Owned by one actor; knows no clock.
class restart_tracker {
public:
  explicit restart_tracker(const restart_policy& policy) : policy_(policy) {}

  /// Notes a crash. Returns the pause before the restart, or nothing if the limit is passed.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> crashed(monotonic_time now);

private:
  restart_policy policy_;
  std::vector<monotonic_time> recent_; // oldest first
};

} // namespace cortex::detail
