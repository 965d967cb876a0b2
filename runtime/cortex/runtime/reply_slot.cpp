#include "cortex/reply_slot.hpp"

#include "cortex/doorbell.hpp"
#include "cortex/request_trace.hpp"

#include <sched.h>

#include <string>

namespace cortex::detail {

bool slot_base::mark(std::uint32_t flags, std::uint32_t unless) noexcept {
  const bool alone = sole(); // first: then the word is the last that anybody else wrote
  auto word = word_.load(std::memory_order_acquire);
  while ((word & (phase_mask | unless)) == open_phase) {
    if (alone) {
      word_.store(word | flags, std::memory_order_relaxed);
      return true;
    }
    if (word_.compare_exchange_weak(word, word | flags, std::memory_order_acq_rel))
      return true;
  }
  return false;
}

bool slot_base::begin() noexcept {
  return mark(begun_flag, 0);
}

bool slot_base::claim() noexcept {
  return mark(claimed_phase, 0);
}

void slot_base::follow(std::unique_ptr<request_trace> trace) noexcept {
  trace_ = trace.release();
}

void slot_base::drop_trace() noexcept {
  delete trace_;
}

void slot_base::publish() noexcept {
  if (trace_ != nullptr)
    trace_->answered();
  if (sole()) {
    word_.store(done_phase, std::memory_order_release);
    return; // whoever parks or hooks a job here has a reference
  }
  // The caller holds a reference, so the slot outlives a waiter that sees `done` at once.
  const auto before = word_.exchange(done_phase, std::memory_order_acq_rel);
  if ((before & parked_flag) != 0)
    futex_wake_all(word_);
  if ((before & hooked_flag) != 0)
    hook_home_->post(*hook_);
}

bool slot_base::fail(error problem) noexcept {
  if (!claim())
    return false;
  store_error(std::move(problem));
  publish();
  return true;
}

bool slot_base::withdraw(error problem) noexcept {
  // Whoever withdraws a source uses the reference of the slot that waits for it. That one counts
  // for a waiter: with it alone, `sole` would tell that nobody waits.
  const auto held = slot_ptr<slot_base>::share(*this);
  if (!mark(claimed_phase, begun_flag))
    return false;
  withdraw_sources(problem);
  store_error(std::move(problem));
  publish();
  return true;
}

bool slot_base::give_up(error problem) noexcept {
  if (withdraw(std::move(problem)))
    return true;
  ask_to_stop();
  return false;
}

bool slot_base::wait_until(monotonic_time until) noexcept {
  for (unsigned i = 0; i < yields && !done(); ++i)
    sched_yield();
  auto word = word_.load(std::memory_order_acquire);
  for (;;) {
    if ((word & phase_mask) == done_phase)
      return true;
    if ((word & parked_flag) == 0) {
      if (!word_.compare_exchange_weak(word, word | parked_flag, std::memory_order_acq_rel))
        continue;
      word |= parked_flag;
    }
    const bool in_time = futex_wait(word_, word, until);
    word = word_.load(std::memory_order_acquire);
    if (!in_time)
      return (word & phase_mask) == done_phase;
  }
}

bool slot_base::attach(job& work, executor& where) noexcept {
  hook_ = &work;
  hook_home_ = &where;
  auto word = word_.load(std::memory_order_acquire);
  while ((word & phase_mask) != done_phase)
    if (word_.compare_exchange_weak(word, word | hooked_flag, std::memory_order_acq_rel))
      return true;
  return false;
}

thread_state& current_thread() noexcept {
  thread_local constinit thread_state state;
  return state;
}

namespace {

void fail_dropped(slot_base& request) noexcept {
  request.fail(error{errc::unavailable, "the request was dropped without an answer"});
}

} // namespace

void handler_scope::returned() noexcept {
  if (dropped_)
    fail_dropped(request_);
}

void answer_dropped(slot_base& request) noexcept {
  auto* handler = current_thread().handler;
  if (handler != nullptr && &handler->request_ == &request)
    handler->dropped_ = true;
  else
    fail_dropped(request);
}

std::optional<error> blocking_refused(const char* operation) {
  const char* why = current_thread().no_blocking;
  if (why == nullptr)
    return std::nullopt;
  return error{errc::would_deadlock,
               std::string{operation} + " would block " + why + "; use the form with a future"};
}

namespace {

// On a deterministic runtime the waiting thread does the work. False if nothing is left to run and
// the answer is not there.
bool help_until_done(slot_base& slot) noexcept {
  if (slot.home == nullptr)
    return true;
  auto helped = slot.home->help();
  while (helped == executor::help_result::ran && !slot.done())
    helped = slot.home->help();
  return helped != executor::help_result::idle || slot.done();
}

const char* waited_for(stage where) noexcept {
  switch (where) {
    case stage::lane: return "the deadline passed while it waited for the writer";
    case stage::reader: return "the deadline passed while it waited for a reader";
    default: return "the deadline passed before it was begun";
  }
}

expected<void> await_answer(slot_base& slot) noexcept {
  if (slot.done())
    return {};
  if (auto refused = blocking_refused("waiting for an answer"))
    return unexpected{*std::move(refused)};
  if (!help_until_done(slot))
    return fail(errc::would_deadlock, "nothing is left to run, the answer will never come");
  if (slot.wait_until(slot.home != nullptr ? slot.home->on_system_clock(slot.deadline)
                                           : slot.deadline))
    return {};
  auto late = expire(slot.origin()); // continuations run with it as with any other answer
  if (slot.done())
    return {}; // the answer is the time-out, or it came at the last moment
  return unexpected{std::move(late)};
}

} // namespace

error expire(slot_base& asked) noexcept {
  auto late = error{errc::timeout, waited_for(asked.waits_in), asked.waits_in};
  if (asked.give_up(late)) // nobody is left who would take the answer
    return late;
  return error{errc::timeout, "the deadline passed after it was begun; it may still take effect",
               asked.works_in};
}

expected<void> await_slot(slot_base& slot) noexcept {
  auto arrived = await_answer(slot);
  if (auto* trace = slot.trace())
    trace->left();
  return arrived;
}

bool await_slot(slot_base& slot, std::chrono::nanoseconds patience) noexcept {
  if (slot.done())
    return true;
  if (current_thread().no_blocking != nullptr || !help_until_done(slot))
    return false;
  return slot.wait_until(deadline_after(std::chrono::steady_clock::now(), patience));
}

} // namespace cortex::detail
