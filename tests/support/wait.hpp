/// Waiting in tests: for a condition, for other threads, and always with a deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace cortex::testing {

/// How long tests wait for what must happen: far longer than it takes, even under a sanitizer.
inline constexpr std::chrono::seconds default_deadline{30};

/// A count that threads bring down to 0 and others wait for; it never goes up. Thread-safe.
class countdown {
public:
  explicit countdown(std::size_t count) : left_{count} {}

  /// Counts down by one; at 0 it stays there.
  void arrive() {
    // Notifies under the lock: the one who waits may destroy this as soon as it has it.
    std::lock_guard lock{mutex_};
    if (left_ > 0 && --left_ == 0)
      zero_.notify_all();
  }

  /// Returns whether 0 was reached within `deadline`.
  [[nodiscard]] bool wait(std::chrono::milliseconds deadline = default_deadline) {
    std::unique_lock lock{mutex_};
    return zero_.wait_for(lock, deadline, [this] { return left_ == 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable zero_;
  std::size_t left_; // guarded by mutex_
};

/// Something that happens once and stays so. Thread-safe.
class signal {
public:
  void set() { once_.arrive(); }

  /// Returns whether it was set within `deadline`.
  [[nodiscard]] bool wait(std::chrono::milliseconds deadline = default_deadline) {
    return once_.wait(deadline);
  }

private:
  countdown once_{1};
};

/// Waits for what nobody announces, such as a counter of another thread; returns the predicate's
/// last answer. Where there is somebody to announce it, use a `signal`.
template <class Predicate>
[[nodiscard]] bool eventually(Predicate predicate,
                              std::chrono::milliseconds deadline = default_deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= end)
      return predicate();
    // Yields rather than sleeps: an interval would add its length to the test and hide races.
    std::this_thread::yield();
  }
  return true;
}

/// Runs `fn(index)` in `count` threads that begin together and joins them all. An exception ends
/// its thread only; the one of the lowest index is thrown again at the end.
template <class Function>
void run_threads(std::size_t count, Function fn) {
  std::latch start{static_cast<std::ptrdiff_t>(count)};
  std::vector<std::exception_ptr> failures(count);
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (std::size_t index = 0; index < count; ++index)
      threads.emplace_back([&, index] {
        start.arrive_and_wait();
        try {
          fn(index);
        } catch (...) {
          failures[index] = std::current_exception();
        }
      });
  }
  for (auto& failure : failures)
    if (failure)
      std::rethrow_exception(std::move(failure));
}

} // namespace cortex::testing
