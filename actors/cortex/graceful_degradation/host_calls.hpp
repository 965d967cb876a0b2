/// Calls of functions that belong to the host and may block: each on a thread of its own, for as
/// long as its caller is willing to wait.
#pragma once

#include "cortex/doorbell.hpp"
#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/runtime.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace cortex::graceful_degradation {

/// Counts the threads that run a function of the host. A runtime that stops waits for them within
/// its deadline, and names them if they go on. *Thread-safe*.
class host_calls final : public service {
public:
  template <class T>
  using function = std::function<expected<T>(std::stop_token)>;

  /// What `work` gives, if that comes within `patience`; with `nanoseconds::max()` it runs on the
  /// calling thread. A function that is late is told to stop and runs on: what it gives is dropped.
  /// Errors: those of `work`; `timeout`; `unavailable` with the text of what it throws, or if there
  /// is no thread for it; `closed` after `stop`.
  template <class T>
  [[nodiscard]] expected<T> run(function<T> work, std::chrono::nanoseconds patience) {
    if (patience == std::chrono::nanoseconds::max())
      return guarded(work, {});
    auto begun = begin();
    if (!begun)
      return unexpected{std::move(begun).error()};
    auto [owed, result] = make_promise<T>();
    std::stop_source stop;
    auto body = [work = std::move(work), owed = std::move(owed), told = stop.get_token(),
                 held = *std::move(begun)]() mutable {
      owed.set(guarded(work, told));
      work = nullptr; // what it holds goes before the thread is counted out
    };
    try {
      std::thread{std::move(body)}.detach();
    } catch (const std::system_error& problem) {
      return fail(errc::unavailable, std::string{"no thread for the call: "} + problem.what());
    }
    if (result.wait_for(patience))
      return result.get();
    stop.request_stop();
    static_cast<void>(result.cancel());
    return fail(errc::timeout, "no answer in time");
  }

  [[nodiscard]] std::size_t running() const noexcept { return count_->threads.load(); }

  [[nodiscard]] std::string name() const override { return "functions of graceful_degradation"; }
  bool stop(monotonic_time until) noexcept override;

private:
  /// Outlives the service: a thread may go on after it.
  struct counter {
    std::atomic<std::uint32_t> threads{0};
    std::atomic<bool> closed{false};
  };

  /// Something to hold for as long as the thread runs. Errors: `closed`.
  [[nodiscard]] expected<std::shared_ptr<void>> begin();

  template <class T>
  static expected<T> guarded(const function<T>& work, std::stop_token told) noexcept {
    try {
      return work(std::move(told));
    } catch (const std::exception& thrown) {
      return fail(errc::unavailable, thrown.what());
    } catch (...) {
      return fail(errc::unavailable, "the function threw");
    }
  }

  std::shared_ptr<counter> count_ = std::make_shared<counter>();
};

} // namespace cortex::graceful_degradation
