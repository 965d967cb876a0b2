/// The place where one answer arrives: filled once by whoever has it, awaited by whoever asked.
///
/// This header is the machinery under `future`, `promise` and `handle`; programs include those.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/executor.hpp"
#include "cortex/expected.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace cortex::detail {

class request_trace;

/// What the mailbox of an actor links. Written by whoever pushes it, then by the mailbox.
struct mailbox_node {
  enum class kind : std::uint8_t { request, tick, restart, finish };

  mailbox_node* next = nullptr;
  kind what = kind::request;
};

/// The state of an answer without its type. Counted by reference; *Thread-safe* unless said
/// otherwise.
///
/// The word goes from open to claimed (one thread writes the answer) to done. `begun` says that the
/// work has started, so that the asker cannot withdraw it any more.
class slot_base : public mailbox_node {
public:
  slot_base(const slot_base&) = delete;
  slot_base& operator=(const slot_base&) = delete;

  // Pooled for each thread: slots are made on one and end on another.
  static void* operator new(std::size_t size);
  static void operator delete(void* what, std::size_t size) noexcept;
  // Those of an unusual alignment, by what they carry, are not pooled.
  static void* operator new(std::size_t size, std::align_val_t alignment) {
    return ::operator new(size, alignment);
  }
  static void operator delete(void* what, std::size_t /*size*/,
                              std::align_val_t alignment) noexcept {
    ::operator delete(what, alignment);
  }

  void ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void unref() noexcept {
    if (sole() || refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }

  [[nodiscard]] bool done() const noexcept {
    return (word_.load(std::memory_order_acquire) & phase_mask) == done_phase;
  }
  [[nodiscard]] bool begun() const noexcept {
    return (word_.load(std::memory_order_acquire) & begun_flag) != 0;
  }

  /// Marks the work as started. False if the answer is already there: do not start then.
  [[nodiscard]] bool begin() noexcept;
  /// Takes `begin` back: the work was rolled back and will start again.
  void postpone() noexcept { word_.fetch_and(~begun_flag, std::memory_order_acq_rel); }

  /// Answers with an error unless somebody else answers. True if this call did.
  bool fail(error problem) noexcept;
  /// The same, but only while the work has not begun. What the answer would have been made from is
  /// withdrawn with it.
  bool withdraw(error problem) noexcept;
  /// Says that the asker wants no answer any more. Work that looks for it ends early; its answer
  /// comes all the same.
  void ask_to_stop() noexcept { word_.fetch_or(stop_flag, std::memory_order_acq_rel); }
  /// Withdraws work that has not begun, and asks other work to stop. True if it was withdrawn.
  bool give_up(error problem) noexcept;
  [[nodiscard]] bool asked_to_stop() const noexcept {
    return (word_.load(std::memory_order_relaxed) & stop_flag) != 0;
  }

  /// Parks the calling thread until the answer is there, or until `until` on the system's monotonic
  /// clock. True if the answer is there.
  bool wait_until(monotonic_time until) noexcept;

  /// Runs `work` on `where` once the answer is there. False if it is there already: then nothing
  /// happens. @pre called at most once
  [[nodiscard]] bool attach(job& work, executor& where) noexcept;

  /// The request whose answer this one is made from; the slot itself if it is of a request.
  [[nodiscard]] virtual slot_base& origin() noexcept { return *this; }

  /// Has what comes of the request taken down. Before the slot is shared.
  void follow(std::unique_ptr<request_trace> trace) noexcept;
  /// Null unless it is followed.
  [[nodiscard]] request_trace* trace() const noexcept { return trace_; }

  monotonic_time deadline = monotonic_time::max(); ///< Set before the slot is shared.
  monotonic_time enqueued{};                       ///< Set before the slot is shared.
  executor* home = nullptr;                        ///< Where continuations run by default.
  stage waits_in = stage::mailbox; ///< Until it has begun. Set before the slot is shared.
  stage works_in = stage::handler; ///< From then on. Set before the slot is shared.
  /// How often a waiter lets other threads run before it sleeps: for answers that come in less time
  /// than a sleep and a wake cost. Written by the waiter.
  unsigned yields = 0;
  std::uint32_t index = 0; ///< The request's place in its protocol.
  /// Nothing more comes from the asker soon: it waits for this answer, or is an actor that needs a
  /// worker to go on. Set before the slot is shared.
  bool asker_rests = false;

protected:
  slot_base() noexcept = default;
  virtual ~slot_base() {
    if (trace_ != nullptr)
      drop_trace();
  }

  /// Stores the error as the answer. Called by the thread that claimed.
  virtual void store_error(error&& problem) noexcept = 0;
  /// Withdraws the slots that this answer is made from. Called by the thread that claimed.
  virtual void withdraw_sources(const error& /*why*/) noexcept {}

  [[nodiscard]] bool claim() noexcept;
  void publish() noexcept;

private:
  /// True if the caller's reference is the only one, as with requests whose answer nobody wants: no
  /// other thread can look, so no step needs to be atomic. Pairs with the decrements of `unref`.
  [[nodiscard]] bool sole() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }
  /// Sets flags of an open word. False if it is not open, or has one of `unless`.
  [[nodiscard]] bool mark(std::uint32_t flags, std::uint32_t unless) noexcept;
  void drop_trace() noexcept;

  static constexpr std::uint32_t phase_mask = 3;
  static constexpr std::uint32_t open_phase = 0;
  static constexpr std::uint32_t claimed_phase = 1;
  static constexpr std::uint32_t done_phase = 2;
  static constexpr std::uint32_t parked_flag = 4;
  static constexpr std::uint32_t hooked_flag = 8;
  static constexpr std::uint32_t begun_flag = 16;
  static constexpr std::uint32_t stop_flag = 32;

  std::atomic<std::uint32_t> refs_{1};
  std::atomic<std::uint32_t> word_{0};
  job* hook_ = nullptr;            // written before hooked_flag is set
  executor* hook_home_ = nullptr;  // written before hooked_flag is set
  request_trace* trace_ = nullptr; // owned; a plain pointer, as its type is known below only
};

/// A counted reference to a slot. *Not thread-safe*, as a pointer is not.
template <class Slot>
class slot_ptr {
public:
  slot_ptr() noexcept = default;
  /// Takes over a reference.
  explicit slot_ptr(Slot* adopted) noexcept : slot_(adopted) {}
  slot_ptr(const slot_ptr& other) noexcept : slot_(other.slot_) {
    if (slot_ != nullptr)
      slot_->ref();
  }
  slot_ptr(slot_ptr&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  template <class Derived>
    requires std::is_convertible_v<Derived*, Slot*> slot_ptr(slot_ptr<Derived>&& other)
  noexcept // NOLINT(google-explicit-constructor): like T*
    : slot_(other.release()) {}
  slot_ptr& operator=(slot_ptr other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~slot_ptr() {
    if (slot_ != nullptr)
      slot_->unref();
  }

  [[nodiscard]] static slot_ptr share(Slot& slot) noexcept {
    slot.ref();
    return slot_ptr{&slot};
  }
  [[nodiscard]] Slot* release() noexcept { return std::exchange(slot_, nullptr); }
  [[nodiscard]] Slot* get() const noexcept { return slot_; }
  Slot& operator*() const noexcept { return *slot_; }
  Slot* operator->() const noexcept { return slot_; }
  explicit operator bool() const noexcept { return slot_ != nullptr; }

private:
  Slot* slot_ = nullptr;
};

/// A slot for an answer of type `T`.
template <class T>
class reply_slot : public slot_base {
public:
  /// Answers, unless somebody else answers. True if this call did.
  bool complete(expected<T> answer) noexcept {
    if (!claim())
      return false;
    answer_.emplace(std::move(answer));
    publish();
    return true;
  }

  /// Takes the answer out. @pre `done()`, called at most once
  [[nodiscard]] expected<T> take() noexcept { return std::move(*answer_); }

protected:
  void store_error(error&& problem) noexcept final {
    answer_.emplace(unexpected{std::move(problem)});
  }

private:
  std::optional<expected<T>> answer_;
};

/// Work that a thread which is about to wait may do itself. *Thread-safe*.
class lendable {
public:
  lendable() = default;
  lendable(const lendable&) = delete;
  lendable& operator=(const lendable&) = delete;
  virtual ~lendable() = default;
  /// Works on the calling thread until `wanted` is answered, its deadline passes, another thread is
  /// at it or nothing is left; sees to it that what is left gets done.
  virtual void lend(slot_base& wanted) noexcept = 0;
};

/// A foreign thread that runs an actor for its own call, and what it will run after that: the next
/// link of the same request, instead of waking the thread that would do it.
struct lender {
  std::shared_ptr<lendable> next;
};

class handler_scope;

/// What the calling thread is doing, as far as blocking, lending and owing are concerned.
struct thread_state {
  /// Why this thread must not block now, or null if it may: "the handler of 'ledger'".
  const char* no_blocking = nullptr;
  lender* lent = nullptr;
  /// Inside of how many pieces of the library's own work this thread is, such as running an actor.
  unsigned works = 0;
  /// The handler that runs here and was given a promise, or null.
  handler_scope* handler = nullptr;
  /// The request for which a handler runs here, if that one is followed.
  request_trace* serving = nullptr;
};
thread_state& current_thread() noexcept;

/// Surrounds a handler that is given the promise of its own request. If the handler drops it, the
/// answer is `unavailable` once it has returned; if it throws instead, the answer is the catcher's.
class handler_scope {
public:
  explicit handler_scope(slot_base& request) noexcept
    : state_(current_thread()), before_(std::exchange(state_.handler, this)), request_(request) {}
  handler_scope(const handler_scope&) = delete;
  handler_scope& operator=(const handler_scope&) = delete;
  ~handler_scope() { state_.handler = before_; }

  /// Call when the handler has returned.
  void returned() noexcept;

private:
  friend void answer_dropped(slot_base& request) noexcept;

  thread_state& state_;
  handler_scope* before_;
  slot_base& request_;
  bool dropped_ = false;
};

/// Answers, or leaves to its `handler_scope`, a request whose promise was dropped.
void answer_dropped(slot_base& request) noexcept;

/// Forbids blocking on this thread for as long as it lives.
class no_blocking_scope {
public:
  explicit no_blocking_scope(const char* why) noexcept
    : state_(current_thread()), before_(std::exchange(state_.no_blocking, why)) {}
  no_blocking_scope(const no_blocking_scope&) = delete;
  no_blocking_scope& operator=(const no_blocking_scope&) = delete;
  ~no_blocking_scope() { state_.no_blocking = before_; }

private:
  thread_state& state_;
  const char* before_;
};

/// Says that this thread runs an actor or serves a database. Whatever it calls meanwhile, a
/// destructor of the host or an inline continuation, must not wait for such work: it may be its
/// own.
class work_scope {
public:
  work_scope() noexcept : state_(current_thread()) { ++state_.works; }
  work_scope(const work_scope&) = delete;
  work_scope& operator=(const work_scope&) = delete;
  ~work_scope() { --state_.works; }

private:
  thread_state& state_;
};

/// The error for a blocking operation where none is allowed, if this is such a place.
[[nodiscard]] std::optional<error> blocking_refused(const char* operation);

/// Withdraws a request whose time is up, if it has not begun. Gives the error for whoever waited:
/// `timeout` with the stage.
error expire(slot_base& asked) noexcept;

/// Waits for the answer of a slot; gives up at its deadline. Errors: `would_deadlock`, `timeout`.
expected<void> await_slot(slot_base& slot) noexcept;
/// Waits for at most `patience` and withdraws nothing. False if the answer is not there, at once
/// where blocking is not allowed.
bool await_slot(slot_base& slot, std::chrono::nanoseconds patience) noexcept;

} // namespace cortex::detail
