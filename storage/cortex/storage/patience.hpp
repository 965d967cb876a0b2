/// How long a caller may wait, told by a runtime's clock and slept by the system's.
#pragma once

#include "cortex/clock.hpp"

#include <algorithm>
#include <chrono>

namespace cortex::storage::detail {

/// *Immutable after construction*.
class patience {
public:
  patience(const monotonic_clock& clock, std::chrono::nanoseconds within) noexcept
    : clock_(clock),
      began_(clock.now()),
      until_(within < monotonic_time::max() - began_ ? began_ + within : monotonic_time::max()) {}

  [[nodiscard]] bool over() const noexcept { return clock_.now() >= until_; }
  [[nodiscard]] std::chrono::nanoseconds spent() const noexcept { return clock_.now() - began_; }
  /// Not negative.
  [[nodiscard]] std::chrono::nanoseconds left() const noexcept {
    return std::max(until_ - clock_.now(), monotonic_time::duration{0});
  }

  /// Until when to sleep, on the system's clock, before `over` is asked again. A clock of the
  /// host's own moves without telling anybody, so it is looked at every now and then.
  [[nodiscard]] monotonic_time look_again() const noexcept {
    constexpr std::chrono::milliseconds now_and_then{2};
    const bool foreign = &clock_ != &system_monotonic_clock();
    const auto most = foreign ? std::min<std::chrono::nanoseconds>(left(), now_and_then) : left();
    const auto now = std::chrono::steady_clock::now();
    return most < monotonic_time::max() - now ? now + most : monotonic_time::max();
  }

private:
  const monotonic_clock& clock_;
  monotonic_time began_;
  monotonic_time until_;
};

} // namespace cortex::storage::detail
