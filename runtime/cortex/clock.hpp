/// The two clocks of a runtime: the wall clock for stamps, the monotonic one for deadlines.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace cortex {

using wall_time = std::chrono::system_clock::time_point;
using monotonic_time = std::chrono::steady_clock::time_point;

/// The end of `patience` that begins at `now`; the end of time where that lies beyond it, so that
/// `nanoseconds::max()` means for ever. @pre `now` is not before the clock's start
template <class Rep, class Period>
[[nodiscard]] constexpr monotonic_time
deadline_after(monotonic_time now, std::chrono::duration<Rep, Period> patience) noexcept {
  using unit = std::chrono::duration<Rep, Period>; // in its own unit `patience` cannot overflow
  return patience < std::chrono::floor<unit>(monotonic_time::max() - now) ? now + patience
                                                                          : monotonic_time::max();
}

/// Tells the time of day; it may jump. *Thread-safe*.
class wall_clock {
public:
  wall_clock() = default;
  wall_clock(const wall_clock&) = delete;
  wall_clock& operator=(const wall_clock&) = delete;
  virtual ~wall_clock() = default;
  [[nodiscard]] virtual wall_time now() const noexcept = 0;
};

/// Tells the time since some start; it never goes back. *Thread-safe*.
class monotonic_clock {
public:
  monotonic_clock() = default;
  monotonic_clock(const monotonic_clock&) = delete;
  monotonic_clock& operator=(const monotonic_clock&) = delete;
  virtual ~monotonic_clock() = default;
  [[nodiscard]] virtual monotonic_time now() const noexcept = 0;
};

/// The operating system's clocks. They live as long as the process.
[[nodiscard]] const wall_clock& system_wall_clock() noexcept;
[[nodiscard]] const monotonic_clock& system_monotonic_clock() noexcept;

/// A wall clock moved by hand: for tests. *Thread-safe*.
class manual_wall_clock final : public wall_clock {
public:
  explicit manual_wall_clock(wall_time start = {}) noexcept
    : ticks_(start.time_since_epoch().count()) {}
  [[nodiscard]] wall_time now() const noexcept override {
    return wall_time{wall_time::duration{ticks_.load(std::memory_order_acquire)}};
  }
  void set(wall_time to) noexcept {
    ticks_.store(to.time_since_epoch().count(), std::memory_order_release);
  }
  void advance(wall_time::duration by) noexcept {
    ticks_.fetch_add(by.count(), std::memory_order_acq_rel);
  }

private:
  std::atomic<wall_time::duration::rep> ticks_;
};

/// A monotonic clock moved by hand: for tests. *Thread-safe*.
class manual_monotonic_clock final : public monotonic_clock {
public:
  [[nodiscard]] monotonic_time now() const noexcept override {
    return monotonic_time{monotonic_time::duration{ticks_.load(std::memory_order_acquire)}};
  }
  /// @pre `by >= 0`
  void advance(monotonic_time::duration by) noexcept {
    ticks_.fetch_add(by.count(), std::memory_order_acq_rel);
  }

private:
  // One hour, so that "a minute ago" is a valid time from the start.
  std::atomic<monotonic_time::duration::rep> ticks_{
    monotonic_time::duration{std::chrono::hours{1}}.count()};
};

} // namespace cortex
