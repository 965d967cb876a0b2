/// The executor of a runtime's continuations and timers: one thread, or the one that drives a test.
#pragma once

#include "cortex/doorbell.hpp"
#include "cortex/executor.hpp"
#include "cortex/runtime/timer_heap.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

namespace cortex::detail {

/// Runs continuations of one runtime at a time. Executors are never destroyed: a promise may be
/// answered long after its runtime has gone, and then its continuation runs on the thread that
/// answers. So it does where the system refuses the thread, which starts with the first job: each
/// further job tries again. Taken by `acquire`, given back by `close` for the next runtime.
/// *Thread-safe*.
class continuation_executor final : public executor {
public:
  /// `driver` runs one other piece of the runtime's work; empty = the executor has a thread.
  /// `clock` is what the runtime's deadlines are on; null = the system's.
  [[nodiscard]] static continuation_executor& acquire(std::function<bool()> driver,
                                                      const monotonic_clock* clock);

  void post(job& work) noexcept override;
  expected<void> post_after(timer& work, std::chrono::nanoseconds pause) noexcept override;
  bool recall(timer& work) noexcept override;
  help_result help() noexcept override;
  [[nodiscard]] monotonic_time on_system_clock(monotonic_time deadline) const noexcept override;

  /// Runs one waiting continuation, or a timer that is due, on the calling thread. False if there
  /// is none.
  bool run_one() noexcept;
  /// Driven executors: moves the time of the timers. Runs none.
  void advance(std::chrono::nanoseconds by) noexcept;

  /// How many wait, about.
  [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size_approx(); }

  /// Runs what waits, timers with `closed`, ends the thread and gives the executor back. True if
  /// the thread has ended; false if a continuation still ran at `until`: then the thread gives it
  /// back when that has ended.
  bool close(monotonic_time until) noexcept;

private:
  enum class mode : unsigned char { inline_, thread, driven };

  void work() noexcept; // what the thread does
  void serve() noexcept;
  void give_back() noexcept;
  [[nodiscard]] bool has_thread() noexcept; // starts it if need be
  [[nodiscard]] monotonic_time now() const noexcept;
  bool run_due(monotonic_time until, errc why) noexcept; // one timer
  std::size_t run_some_due(std::size_t most) noexcept;
  void close_timers() noexcept;

  moodycamel::ConcurrentQueue<job*> queue_;
  doorbell bell_;
  std::atomic<mode> mode_{mode::inline_};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> thread_life_{0}; // futex
  std::atomic<std::uint32_t> posting_{0};     // posts that have seen a mode other than inline
  std::mutex start_;                          // guards thread_ while it is started
  std::thread thread_;                        // guarded by start_
  std::atomic<bool> started_{false};

  std::mutex timing_;
  timer_heap timers_; // guarded by timing_
  // Of the timers; written under timing_, read without it to save the lock.
  std::atomic<monotonic_time> earliest_{monotonic_time::max()};
  std::atomic<monotonic_time> driven_time_{monotonic_time{}};
  std::function<bool()> driver_; // constant while a runtime has the executor
  std::atomic<const monotonic_clock*> clock_{nullptr};
};

} // namespace cortex::detail
