// Who owns the writer, for how long, and who is let in next.

#include "cortex/doorbell.hpp"
#include "cortex/storage/writer.hpp"

#include <sched.h>

namespace cortex::storage::detail {

using cortex::detail::futex_wait;
using cortex::detail::futex_wake_all;
using cortex::detail::futex_wake_one;

bool writer::enqueue(pending_write& what) noexcept {
  auto refusal = lanes_.enter(what);
  if (!refusal)
    return true;
  what.slot().fail(*std::move(refusal));
  what.slot().unref();
  return false;
}

bool writer::try_own() noexcept {
  std::uint32_t free = 0;
  return owner_.load(std::memory_order_relaxed) == 0 && claims_.load(std::memory_order_seq_cst) == 0
         && owner_.compare_exchange_strong(free, 1, std::memory_order_acquire);
}

bool writer::own(monotonic_time until) noexcept {
  if (try_own())
    return true;
  awaited_.fetch_add(1, std::memory_order_seq_cst);
  bool waits = true;
  bool owned = false;
  while (waits) {
    owned = owner_.exchange(2, std::memory_order_acquire) == 0;
    waits = !owned && futex_wait(owner_, 2, until);
  }
  awaited_.fetch_sub(1, std::memory_order_seq_cst);
  return owned;
}

bool writer::own_first(monotonic_time until) noexcept {
  if (try_own())
    return true;
  claims_.fetch_add(1, std::memory_order_seq_cst);
  const bool owned = own(until);
  claims_.fetch_sub(1, std::memory_order_seq_cst);
  return owned;
}

bool writer::own_turn(monotonic_time until) noexcept {
  auto ended = [this] { return turns_ended_.load(std::memory_order_seq_cst); };
  if (!ended() && try_own())
    return true;
  turns_awaited_.fetch_add(1, std::memory_order_seq_cst);
  awaited_.fetch_add(1, std::memory_order_seq_cst);
  bool owned = false;
  bool waits = !ended();
  while (waits) {
    // First, even at the end: a wake that it is free may have been ours alone.
    owned = owner_.exchange(2, std::memory_order_acquire) == 0;
    waits = !owned && !ended() && futex_wait(owner_, 2, until);
  }
  awaited_.fetch_sub(1, std::memory_order_seq_cst);
  turns_awaited_.fetch_sub(1, std::memory_order_seq_cst);
  return owned;
}

// Who sleeps for ownership would come too late each time if the thread that gives it back took it
// again at once: work in slices goes on for long.
void writer::let_in() const noexcept {
  while (awaited_.load(std::memory_order_seq_cst) != 0
         && owner_.load(std::memory_order_seq_cst) == 0)
    sched_yield();
}

void writer::end_turns() noexcept {
  turns_ended_.store(true, std::memory_order_seq_cst);
  while (turns_awaited_.load(std::memory_order_seq_cst) != 0) {
    futex_wake_all(owner_); // one that looked before may go to sleep after a single wake
    sched_yield();
  }
}

bool writer::disown() noexcept {
  if (owner_.exchange(0, std::memory_order_seq_cst) == 2)
    futex_wake_one(owner_);
  return needs_owner();
}

std::optional<bool> writer::run_alone(pending_write& what) noexcept {
  if (has_work() || !try_own())
    return std::nullopt;
  if (lanes_.refusing()) {
    static_cast<void>(disown());
    return std::nullopt; // `enqueue` answers it
  }
  slow_down();
  group_.assign(1, &what);
  screen();
  commit_group();
  return disown();
}

bool writer::combine(const cortex::detail::slot_base& wanted) noexcept {
  if (!try_own())
    return false; // the owner looks again after giving it back
  // What it waits for may be something else than a write: others' work must not keep it for ever.
  constexpr int most_groups = 8;
  for (int groups = 0; groups < most_groups && !wanted.done() && has_work(); ++groups)
    run_group();
  return disown();
}

bool writer::serve() noexcept {
  if (!has_work() || !try_own())
    return false;
  bool left = true;
  while (left) {
    do {
      gather();
      run_group();
    } while (has_work() && claims_.load(std::memory_order_seq_cst) == 0
             && awaited_.load(std::memory_order_seq_cst) == 0);
    left = disown();
    let_in();
    left = left && try_own();
  }
  return true;
}

bool writer::serve_one() noexcept {
  if (!has_work() || !try_own())
    return false;
  run_group();
  static_cast<void>(disown());
  return true;
}

} // namespace cortex::storage::detail
