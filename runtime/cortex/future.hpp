/// Answers that come later: `future` for the asker, `promise` for whoever owes the answer.
#pragma once

#include "cortex/executor.hpp"
#include "cortex/expected.hpp"
#include "cortex/reply_slot.hpp"

#include <chrono>
#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

namespace cortex {

template <class T>
class future;
template <class T>
class promise;

namespace detail {

template <class T>
struct unwrapped {
  using type = T;
};
template <class T>
struct unwrapped<expected<T>> {
  using type = T;
};
template <class T>
struct unwrapped<future<T>> {
  using type = T;
};
/// The value type that a function's result stands for: `U` for `U`, `expected<U>`, `future<U>`.
template <class T>
using unwrapped_t = typename unwrapped<T>::type;

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<future<T>> = true;

template <class T>
future<T> make_future(slot_ptr<reply_slot<T>> slot) noexcept;
template <class T>
slot_ptr<reply_slot<T>> take_slot(future<T>&& from) noexcept;

/// Runs `f` with the answer of `From` and completes its own slot with what `f` gives.
template <class T, class U, class F>
class then_slot final : public reply_slot<U> {
public:
  then_slot(slot_ptr<reply_slot<T>> source, F&& f)
    : source_(std::move(source)), f_(std::move(f)), job_(*this) {
    this->home = source_->home;
    this->deadline = source_->deadline;
  }

  [[nodiscard]] slot_base& origin() noexcept override { return source_->origin(); }

  /// Takes over the reference that the pending job holds on this slot.
  void start(executor& where) noexcept {
    if (!source_->attach(job_, where))
      job_.run();
  }

private:
  void withdraw_sources(const error& why) noexcept override { source_->give_up(why); }

  struct step final : job {
    explicit step(then_slot& owner) noexcept : job(&step::run_step), owner_(&owner) {}
    static void run_step(job& self) noexcept {
      auto mine = slot_ptr<then_slot>{static_cast<step&>(self).owner_};
      mine->run();
    }
    then_slot* owner_;
  };

  void run() noexcept;

  slot_ptr<reply_slot<T>> source_;
  F f_;
  step job_;
};

/// The answer of another slot, or `timeout` if that does not come in time.
template <class T>
class timed_slot final : public reply_slot<T> {
public:
  timed_slot(slot_ptr<reply_slot<T>> source, executor& watch) noexcept
    : source_(std::move(source)), watch_(watch), arrival_(*this), alarm_(*this) {
    this->home = source_->home;
    this->deadline = source_->deadline;
  }

  [[nodiscard]] slot_base& origin() noexcept override { return source_->origin(); }

  void start(std::chrono::nanoseconds patience) noexcept {
    this->ref(); // for the alarm
    if (auto watched = watch_.post_after(alarm_, patience); !watched) {
      const slot_ptr<timed_slot> mine{this};
      this->withdraw(std::move(watched).error());
      return;
    }
    this->ref(); // for the arrival
    if (!source_->attach(arrival_, inline_executor()))
      arrival_.run();
  }

private:
  struct arrival final : job {
    explicit arrival(timed_slot& owner) noexcept : job(&arrival::come), owner_(&owner) {}
    static void come(job& self) noexcept {
      const slot_ptr<timed_slot> mine{static_cast<arrival&>(self).owner_};
      mine->complete(mine->source_->take());
      mine->forget_alarm();
    }
    timed_slot* owner_;
  };
  struct alarm final : timer {
    explicit alarm(timed_slot& owner) noexcept : timer(&alarm::ring), owner_(&owner) {}
    static void ring(timer& self, errc why) noexcept {
      const slot_ptr<timed_slot> mine{static_cast<alarm&>(self).owner_};
      if (why == errc::timeout)
        mine->fail(expire(mine->origin()));
      else
        mine->withdraw(error{why, "the runtime stopped before the answer came"});
    }
    timed_slot* owner_;
  };

  void withdraw_sources(const error& why) noexcept override {
    source_->give_up(why);
    forget_alarm();
  }
  void forget_alarm() noexcept {
    if (watch_.recall(alarm_))
      this->unref();
  }

  slot_ptr<reply_slot<T>> source_;
  executor& watch_;
  arrival arrival_;
  alarm alarm_;
};

/// Completes a slot with the answer of another one, on whatever thread has it.
template <class T>
void forward(future<T>&& from, slot_ptr<reply_slot<T>> to) noexcept;

} // namespace detail

/// An answer that comes later. It always comes: a value, or an error. *Not thread-safe*: one owner
/// at a time; the answer may be given on any thread.
template <class T>
class [[nodiscard]] future {
public:
  using value_type = T;

  /// An empty future; only assignment and destruction are allowed.
  future() noexcept = default;

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(slot_); }
  /// True once `get` will not wait.
  [[nodiscard]] bool ready() const noexcept { return slot_->done(); }

  /// Blocks for at most `patience`. True if the answer is there.
  /// Errors: false at once where blocking is not allowed (inside a handler) and it is not there, or
  /// on a deterministic runtime with nothing left to run.
  [[nodiscard]] bool wait_for(std::chrono::nanoseconds patience) const noexcept {
    return detail::await_slot(*slot_, patience);
  }

  /// Blocks until the answer is there or the request's deadline passes, and takes it out. The
  /// future is empty afterwards. A future that `then` gave has the deadline of the request before
  /// it, whatever the continuation goes on to do; one of `make_promise` or `start` has none.
  /// Errors: those of the answer; `timeout` with the stage at which the request then is;
  /// `would_deadlock` where blocking is not allowed.
  [[nodiscard]] expected<T> get() {
    auto slot = std::move(slot_);
    if (auto arrived = detail::await_slot(*slot); !arrived)
      return unexpected{std::move(arrived).error()};
    return slot->take();
  }

  /// Withdraws the request. True if it had not begun: it never will, and the answer is `cancelled`.
  /// One that has begun is asked to stop: a read of a database then ends before its next row, a
  /// write is undone unless COMMIT has begun, with `cancelled`; other work goes on. The future
  /// keeps its answer.
  ///
  /// Of a future that `then` gave it is the continuation that must not have begun: it never will,
  /// and the request before it is cancelled too. `within` and `when_all` pass the cancel on in the
  /// same way. What a continuation or a coroutine has asked for by itself is not reached: a task
  /// runs on to its end, and its result is dropped.
  bool cancel() noexcept { return slot_->give_up({errc::cancelled, "withdrawn by the asker"}); }

  /// Calls `f(expected<T>)` with the answer, on the runtime's continuation thread or, if the answer
  /// is there already, at once on this one. `f` returns `U`, `expected<U>`, `future<U>` or nothing;
  /// what it throws becomes `internal`. The future is empty afterwards.
  ///
  /// `f` always runs, unless it is cancelled. If time runs out it gets `timeout` from whoever sees
  /// that first: the actor or the writer when it comes to the request, or a thread in `get` of the
  /// future returned here. No timer watches unless `within` sets one: until one of them sees it,
  /// `f` waits. A `get` that has seen it gives `timeout` itself unless `f` has already made another
  /// answer of it.
  template <class F>
  auto then(F f) {
    auto& where = slot_->home != nullptr ? *slot_->home : inline_executor();
    return then(where, std::move(f));
  }

  /// The same on an executor of the caller's choice.
  template <class F>
  auto then(executor& where, F f) {
    using result = std::invoke_result_t<F, expected<T>&&>;
    using value = detail::unwrapped_t<result>;
    auto* next = new detail::then_slot<T, value, F>(std::move(slot_), std::move(f));
    next->ref(); // for the pending job
    auto answer = detail::make_future<value>(detail::slot_ptr<detail::reply_slot<value>>{next});
    next->start(where);
    return answer;
  }

  /// The same answer if it comes within `patience`, from now on; otherwise `timeout` with the stage
  /// at which the request then is. One that had not begun never will. The future is empty
  /// afterwards; continuations run where those of this one did.
  ///
  /// A timer of the runtime's continuation thread watches: a continuation that keeps this thread
  /// busy makes it late. On a deterministic runtime the time is what `advance` moves. The timer
  /// goes with the answer.
  /// Errors beside `timeout`: `closed` once the runtime has stopped; `unsupported` where
  /// continuations run on an executor without timers, as with `make_promise` by default;
  /// `unavailable` if the system has no thread for the timer. The request is withdrawn then, too.
  [[nodiscard]] future within(std::chrono::nanoseconds patience) {
    auto& watch = slot_->home != nullptr ? *slot_->home : inline_executor();
    return within(watch, patience);
  }

  /// The same by a timer of another executor: `runtime::continuations`.
  [[nodiscard]] future within(executor& watch, std::chrono::nanoseconds patience) {
    auto slot = std::move(slot_);
    if (slot->done() || patience == std::chrono::nanoseconds::max())
      return future{std::move(slot)};
    auto* timed = new detail::timed_slot<T>(std::move(slot), watch);
    auto answer = detail::slot_ptr<detail::reply_slot<T>>{timed};
    timed->start(patience);
    return future{std::move(answer)};
  }

  /// `co_await` gives `expected<T>`; the coroutine goes on where continuations run. It waits for as
  /// long as the answer takes; `co_await answer.within(…)` does not.
  auto operator co_await() && noexcept {
    struct awaiter final : job {
      explicit awaiter(detail::slot_ptr<detail::reply_slot<T>> slot) noexcept
        : job(&awaiter::resume_waiting), slot_(std::move(slot)) {}
      static void resume_waiting(job& self) noexcept {
        static_cast<awaiter&>(self).waiting_.resume();
      }
      [[nodiscard]] bool await_ready() const noexcept { return slot_->done(); }
      [[nodiscard]] bool await_suspend(std::coroutine_handle<> caller) noexcept {
        waiting_ = caller;
        return slot_->attach(*this, slot_->home != nullptr ? *slot_->home : inline_executor());
      }
      [[nodiscard]] expected<T> await_resume() noexcept { return slot_->take(); }
      detail::slot_ptr<detail::reply_slot<T>> slot_;
      std::coroutine_handle<> waiting_;
    };
    return awaiter{std::move(slot_)};
  }

private:
  explicit future(detail::slot_ptr<detail::reply_slot<T>> slot) noexcept : slot_(std::move(slot)) {}
  friend future<T> detail::make_future<T>(detail::slot_ptr<detail::reply_slot<T>>) noexcept;
  friend detail::slot_ptr<detail::reply_slot<T>> detail::take_slot<T>(future<T>&&) noexcept;

  detail::slot_ptr<detail::reply_slot<T>> slot_;
};

/// The obligation to give one answer. Dropping it unanswered answers `unavailable`. May be moved to
/// any thread; *Not thread-safe* beyond that.
template <class T>
class promise {
public:
  promise() noexcept = default;
  promise(promise&&) noexcept = default;
  promise& operator=(promise&& other) noexcept {
    if (this != &other) {
      drop();
      slot_ = std::move(other.slot_);
    }
    return *this;
  }
  promise(const promise&) = delete;
  promise& operator=(const promise&) = delete;
  ~promise() { drop(); }

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(slot_); }

  /// Gives the answer. The promise is empty afterwards; a second call does nothing.
  void set(expected<T> answer) noexcept {
    if (auto slot = std::move(slot_))
      slot->complete(std::move(answer));
  }

  /// True once the asker has given up: an answer is of no use any more.
  [[nodiscard]] bool abandoned() const noexcept { return !slot_ || slot_->done(); }

  /// For the runtime and for `make_promise`.
  explicit promise(detail::slot_ptr<detail::reply_slot<T>> slot) noexcept
    : slot_(std::move(slot)) {}

private:
  void drop() noexcept {
    if (const auto slot = std::move(slot_))
      detail::answer_dropped(*slot);
  }

  detail::slot_ptr<detail::reply_slot<T>> slot_;
};

/// A promise and the future that belongs to it; continuations run on `where`.
template <class T>
[[nodiscard]] std::pair<promise<T>, future<T>> make_promise(executor& where = inline_executor()) {
  struct plain_slot final : detail::reply_slot<T> {};
  auto* slot = new plain_slot;
  slot->home = &where;
  slot->ref();
  using pointer = detail::slot_ptr<detail::reply_slot<T>>;
  return {promise<T>{pointer{slot}}, detail::make_future<T>(pointer{slot})};
}

/// A future whose answer is there already.
template <class T>
[[nodiscard]] future<T> make_ready_future(expected<T> answer) {
  auto [owed, result] = make_promise<T>();
  owed.set(std::move(answer));
  return std::move(result);
}

// -- implementation -------------------------------------------------------------------------------

namespace detail {

template <class T>
future<T> make_future(slot_ptr<reply_slot<T>> slot) noexcept {
  return future<T>{std::move(slot)};
}

template <class T>
slot_ptr<reply_slot<T>> take_slot(future<T>&& from) noexcept {
  return std::move(from.slot_);
}

template <class T>
void forward(future<T>&& from, slot_ptr<reply_slot<T>> to) noexcept {
  struct relay final : job {
    relay(slot_ptr<reply_slot<T>> from, slot_ptr<reply_slot<T>> to) noexcept
      : job(&relay::run_relay), from_(std::move(from)), to_(std::move(to)) {}
    static void run_relay(job& self) noexcept {
      const std::unique_ptr<relay> mine{&static_cast<relay&>(self)};
      mine->to_->complete(mine->from_->take());
    }
    slot_ptr<reply_slot<T>> from_;
    slot_ptr<reply_slot<T>> to_;
  };
  auto* work = new relay{take_slot(std::move(from)), std::move(to)};
  if (!work->from_->attach(*work, inline_executor()))
    work->run();
}

template <class T, class U, class F>
void then_slot<T, U, F>::run() noexcept {
  using result = std::invoke_result_t<F, expected<T>&&>;
  if (!this->begin())
    return; // withdrawn
  try {
    if constexpr (std::is_void_v<result>) {
      f_(source_->take());
      this->complete(expected<void>{});
    } else if constexpr (is_future<result>) {
      forward(f_(source_->take()), slot_ptr<reply_slot<U>>::share(*this));
    } else {
      this->complete(expected<U>{f_(source_->take())});
    }
  } catch (const std::exception& bug) {
    this->fail(error{errc::internal, std::string{"a continuation threw: "} + bug.what()});
  } catch (...) {
    this->fail(error{errc::internal, "a continuation threw"});
  }
}

} // namespace detail

} // namespace cortex
