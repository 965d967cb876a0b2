/// How threads sleep and wake here: futex words and a doorbell for one sleeping thread.
#pragma once

#include "cortex/clock.hpp"

#include <atomic>
#include <cstdint>

namespace cortex::detail {

/// Wakes every thread, or one, that waits on the word.
void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept;
void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept;

/// Sleeps while the word is `seen`. False if `until` (the system's monotonic clock) has passed;
/// true may be spurious.
bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen,
                monotonic_time until = monotonic_time::max()) noexcept;

/// Wakes one thread that sleeps for lack of work. Ringing costs a fence while nobody sleeps.
/// *Thread-safe*; one thread sleeps at a time.
class doorbell {
public:
  /// Call after the work was made visible.
  void ring() noexcept {
    // Pairs with the fence in `sleep`: either the sleeper sees the work, or we see it asleep.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_relaxed) == 1
        && asleep_.exchange(0, std::memory_order_acq_rel) == 1)
      futex_wake_one(asleep_);
  }

  /// Sleeps until the bell rings or `until` passes, unless `has_work()` is true.
  template <class Predicate>
  void sleep(Predicate&& has_work, monotonic_time until = monotonic_time::max()) noexcept {
    asleep_.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    while (asleep_.load(std::memory_order_acquire) == 1 && !has_work())
      if (!futex_wait(asleep_, 1, until))
        break;
    asleep_.store(0, std::memory_order_relaxed);
  }

private:
  std::atomic<std::uint32_t> asleep_{0};
};

} // namespace cortex::detail
