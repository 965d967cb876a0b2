/// Where continuations run: small jobs, handed over without allocation, at once or later.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"

#include <chrono>
#include <cstddef>
#include <limits>

namespace cortex {

namespace detail {
class timer_heap;
} // namespace detail

/// A piece of work that is run once. Its owner embeds it and keeps it alive until it has run.
class job {
public:
  using function = void (*)(job&) noexcept;

  explicit job(function body) noexcept : run_(body) {}
  void run() noexcept { run_(*this); }

private:
  function run_;
};

/// Work for a later time. Its owner embeds it and keeps it alive until it has run or was recalled.
class timer {
public:
  /// `why` it runs: `timeout`, or `closed` where nobody watches the time any more.
  using function = void (*)(timer&, errc why) noexcept;

  explicit timer(function body) noexcept : run_(body) {}
  void run(errc why) noexcept { run_(*this, why); }

private:
  friend class detail::timer_heap;
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

  function run_;
  monotonic_time due_{};
  std::size_t place_ = nowhere; // in the heap
};

/// Runs jobs, each once, in the order of its own choice. *Thread-safe*.
class executor {
public:
  executor() = default;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;

  /// Runs `work` later, or at once. Must not fail: a job that is never run is an answer never
  /// given.
  virtual void post(job& work) noexcept = 0;

  /// Runs `work` once `pause` is over, or earlier with `closed` if the executor's runtime ends.
  /// Errors: `closed` after that; `unsupported` where there are no timers, as on the inline
  /// executor; `unavailable` if the system has no memory or no thread for it. Nothing runs then.
  virtual expected<void> post_after(timer& work, std::chrono::nanoseconds pause) noexcept;
  /// Takes `work` back. True if it will not run; false if it has run, runs now or was never posted.
  virtual bool recall(timer& work) noexcept;

  /// What a thread gets that offers to help instead of waiting for an answer.
  enum class help_result : unsigned char {
    not_mine, ///< This executor has threads of its own: wait.
    ran,      ///< Something ran; look again.
    idle,     ///< Nothing is left to run: the answer will never come.
  };
  /// On executors without threads: runs one piece of waiting work.
  virtual help_result help() noexcept { return help_result::not_mine; }

  /// Where a deadline on the clock of this executor's runtime lies on the system's: for a thread
  /// that is about to sleep.
  [[nodiscard]] virtual monotonic_time on_system_clock(monotonic_time deadline) const noexcept {
    return deadline;
  }

protected:
  ~executor() = default;
};

/// Runs each job at once, on the thread that posts it. Use it only for work that takes no lock and
/// does not block: the poster may be a storage thread.
[[nodiscard]] executor& inline_executor() noexcept;

} // namespace cortex
