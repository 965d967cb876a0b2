/// How often something may happen.
#pragma once

#include "cortex/clock.hpp"

#include <chrono>
#include <optional>

namespace cortex::progress_indicators {

/// At most once in each interval. *Not thread-safe*.
class pacer {
public:
  explicit pacer(std::chrono::nanoseconds interval) noexcept : interval_(interval) {}

  /// How long it must wait still; zero = it may happen now.
  [[nodiscard]] std::chrono::nanoseconds wait(monotonic_time now) const noexcept {
    if (!last_ || now - *last_ >= interval_)
      return std::chrono::nanoseconds{0};
    return interval_ - (now - *last_);
  }
  void note(monotonic_time now) noexcept { last_ = now; }

private:
  std::chrono::nanoseconds interval_;
  std::optional<monotonic_time> last_{};
};

} // namespace cortex::progress_indicators
