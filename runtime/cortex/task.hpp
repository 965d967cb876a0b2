/// Coroutines over futures: `task<T>` is started once and ends in an `expected<T>`.
#pragma once

#include "cortex/executor.hpp"
#include "cortex/expected.hpp"
#include "cortex/future.hpp"

#include <atomic>
#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace cortex {

template <class T = void>
class task;

namespace detail {

template <class T>
struct task_promise_base {
  std::optional<expected<T>> result;
  std::coroutine_handle<> caller;
  // Set by both ends, the caller that would wait and the end of the body: whoever comes second lets
  // the caller go on. So a body that never waits returns to its caller as a function does; handing
  // over from coroutine to coroutine instead grows the stack wherever the compiler makes no tail
  // calls, as without optimisation.
  std::atomic<bool> met{false};

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct back_to_caller {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> done) noexcept {
      auto next = done.promise().caller; // who goes on may destroy the body
      if (done.promise().met.exchange(true, std::memory_order_acq_rel))
        next.resume();
    }
    void await_resume() noexcept {}
  };
  back_to_caller final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept {
    try {
      throw;
    } catch (const std::exception& bug) {
      result.emplace(fail(errc::internal, std::string{"a coroutine threw: "} + bug.what()));
    } catch (...) {
      result.emplace(fail(errc::internal, "a coroutine threw"));
    }
  }
};

template <class T>
struct task_promise : task_promise_base<T> {
  task<T> get_return_object() noexcept;
  template <class U>
    requires std::constructible_from<expected<T>, U &&> void return_value(U&& value) {
      this->result.emplace(std::forward<U>(value));
    }
};

// C++20 allows `co_return value` or `co_return` in a promise, not both: a task<void> that can fail
// ends in `co_return expected<void>{…}` or `co_return fail(…)`.
template <>
struct task_promise<void> : task_promise_base<void> {
  task<void> get_return_object() noexcept;
  void return_value(expected<void> value) { this->result.emplace(std::move(value)); }
};

} // namespace detail

/// A coroutine that has not started. It runs when awaited, or when given to `start`. Inside,
/// `co_await` of a `future<U>` or `task<U>` gives `expected<U>`; the body ends in `co_return` of a
/// `T`, an `expected<T>` or `fail(…)`. What it throws becomes `internal`. *Not thread-safe*.
template <class T>
class [[nodiscard]] task {
public:
  using promise_type = detail::task_promise<T>;
  using handle_type = std::coroutine_handle<promise_type>;

  explicit task(handle_type body) noexcept : body_(body) {}
  task(task&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    std::swap(body_, other.body_);
    return *this;
  }
  task(const task&) = delete;
  task& operator=(const task&) = delete;
  ~task() {
    if (body_)
      body_.destroy();
  }

  auto operator co_await() && noexcept {
    struct awaiter {
      bool await_ready() noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> caller) noexcept {
        auto& promise = body.promise();
        promise.caller = caller;
        body.resume();
        return !promise.met.exchange(true, std::memory_order_acq_rel);
      }
      expected<T> await_resume() noexcept { return std::move(*body.promise().result); }
      handle_type body;
    };
    return awaiter{body_};
  }

private:
  handle_type body_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>{std::coroutine_handle<task_promise<T>>::from_promise(*this)};
}
inline task<void> task_promise<void>::get_return_object() noexcept {
  return task<void>{std::coroutine_handle<task_promise<void>>::from_promise(*this)};
}

/// Runs on its own and frees itself at the end.
struct detached_coroutine {
  struct promise_type {
    detached_coroutine get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept {
      std::terminate(); // the body below cannot throw
    }
  };
};

template <class T>
detached_coroutine drive(task<T> body, promise<T> owed) {
  owed.set(co_await std::move(body));
}

} // namespace detail

/// Starts a task on the calling thread; it runs there until it first waits. The result arrives in
/// the future, whose continuations run on `where`.
template <class T>
[[nodiscard]] future<T> start(task<T> body, executor& where = inline_executor()) {
  auto [owed, result] = make_promise<T>(where);
  detail::drive(std::move(body), std::move(owed));
  return std::move(result);
}

} // namespace cortex
