/// Work that may block: each piece on a thread of its own, counted, and waited for when the runtime
/// stops.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/runtime.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace cortex::detail {

/// Counts the threads that run a function of the host. A runtime that stops waits for them within
/// its deadline, and names them if they go on. *Thread-safe*.
class host_calls final : public service {
public:
  template <class T>
  using function = std::function<expected<T>(std::stop_token)>;

  /// `name` is told if something has not ended in time. On a deterministic runtime what `start` is
  /// given waits for the thread that drives it.
  explicit host_calls(std::string name, bool deterministic = false)
    : name_(std::move(name)), deterministic_(deterministic) {}

  /// Makes one that belongs to a runtime until the last reference to it goes: hold one for as long
  /// as something may still be started. Errors: `closed`.
  [[nodiscard]] static expected<std::shared_ptr<host_calls>> attach(const runtime& to,
                                                                    std::string name);

  /// What `work` gives, if that comes within `patience`; with `nanoseconds::max()` it runs on the
  /// calling thread. A function that is late is told to stop and runs on: what it gives is dropped.
  /// Errors: those of `work`; `timeout`; `unavailable` with the text of what it throws, or if there
  /// is no thread for it; `closed` after `stop`.
  template <class T>
  [[nodiscard]] expected<T> run(function<T> work, std::chrono::nanoseconds patience) {
    if (patience == std::chrono::nanoseconds::max())
      return guarded(work, {});
    auto [owed, result] = make_promise<T>();
    std::stop_source stop;
    auto begun = launch([work = std::move(work), owed = std::move(owed),
                         told = stop.get_token()]() mutable { owed.set(guarded(work, told)); });
    if (!begun)
      return unexpected{std::move(begun).error()};
    if (result.wait_for(patience))
      return result.get();
    stop.request_stop();
    static_cast<void>(result.cancel());
    return fail(errc::timeout, "no answer in time");
  }

  /// Runs `work()` on a thread of its own, soon. It must not throw, and should end when `stopping`
  /// says so. Errors: `unavailable` if there is no thread for it; `closed` after `stop`. What
  /// `work` holds is dropped then.
  template <class Work>
  [[nodiscard]] expected<void> start(Work work) {
    if (!deterministic_)
      return launch(std::move(work));
    if (count_->closed.load())
      return fail(errc::closed, "nothing is started any more");
    auto shared = std::make_shared<Work>(std::move(work));
    waiting_.emplace_back([shared] { (*shared)(); });
    return {};
  }

  /// Says that the runtime stops.
  [[nodiscard]] std::stop_token stopping() const noexcept { return stopping_.get_token(); }

  [[nodiscard]] std::size_t running() const noexcept { return count_->threads.load(); }

  [[nodiscard]] std::string name() const override { return name_; }
  bool stop(monotonic_time until) noexcept override;
  bool run_one() noexcept override;

private:
  /// Outlives the service: a thread may go on after it.
  struct counter {
    std::atomic<std::uint32_t> threads{0};
    std::atomic<bool> closed{false};
  };

  template <class Work>
  expected<void> launch(Work work) {
    auto begun = begin();
    if (!begun)
      return unexpected{std::move(begun).error()};
    auto body = [work = std::make_unique<Work>(std::move(work)),
                 held = *std::move(begun)]() mutable noexcept {
      (*work)();
      work.reset(); // what it holds goes before the thread is counted out
    };
    try {
      std::thread{std::move(body)}.detach();
    } catch (const std::system_error& problem) {
      return fail(errc::unavailable, std::string{"no thread for the call: "} + problem.what());
    }
    return {};
  }

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

  std::string name_;
  bool deterministic_;
  std::stop_source stopping_;
  std::deque<std::function<void()>> waiting_; // on deterministic runtimes, which have one thread
  std::shared_ptr<counter> count_ = std::make_shared<counter>();
};

} // namespace cortex::detail
