// The way of a request into an actor: admission, the mailbox, who runs it.

#include "cortex/fork_guard.hpp"
#include "cortex/request_trace.hpp"
#include "cortex/runtime/core.hpp"
#include "cortex/runtime/host_actor.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <algorithm>

namespace cortex::detail {

// Answers what cannot be accepted; false then.
bool runtime_core::admit(actor_record& to, slot_base& sealed, bool bounded) const noexcept {
  if (fork_generation() != generation) {
    sealed.fail(error{errc::forked, "the runtime belongs to the parent process"});
    return false;
  }
  if (sealed.deadline <= sealed.enqueued) {
    sealed.fail(error{errc::timeout, "no time was given to '" + to.name + "'", stage::admission});
    return false;
  }
  if (to.ending.load(std::memory_order_acquire)) {
    sealed.fail(accepting() ? error{errc::unavailable, "actor '" + to.name + "' has ended"}
                            : error{errc::closed, "the runtime is stopping"});
    return false;
  }
  const auto bound = to.options.mailbox_bound;
  const auto posted = to.posted.fetch_add(1, std::memory_order_relaxed) + 1;
  const auto taken = to.taken.load(std::memory_order_relaxed);
  if (!bounded || posted <= taken || posted - taken <= bound)
    return true;
  to.posted.fetch_sub(1, std::memory_order_relaxed);
  to.overloaded.fetch_add(1, std::memory_order_relaxed);
  const auto wait = bound * static_cast<std::size_t>(std::max<std::int64_t>(to.slowest_ns, 1000));
  error busy{errc::overloaded, "'" + to.name + "' has its bound of requests waiting"};
  busy.retry_after = std::chrono::milliseconds{1 + std::min<std::size_t>(wait / 2'000'000, 1000)};
  sealed.fail(std::move(busy));
  return false;
}

void runtime_core::follow(const std::shared_ptr<actor_record>& to, slot_base& sealed,
                          delivery how) const {
  auto trace = std::make_unique<request_trace>(
    slow_sink_, std::shared_ptr<const std::string>{to, &to->name}, to->request_names[sealed.index],
    stage::mailbox, sealed.enqueued);
  if (how != delivery::send)
    trace->await();
  trace->note_now(moment::queued);
  sealed.follow(std::move(trace));
}

void runtime_core::post(const std::shared_ptr<actor_record>& to, slot_base& sealed, delivery how,
                        bool bounded) noexcept {
  auto& record = *to;
  if (!admit(record, sealed, bounded)) {
    sealed.unref();
    return;
  }
  sealed.asker_rests = how == delivery::call || current_thread().no_blocking != nullptr;
  if (slow_ != nullptr)
    follow(to, sealed, how);
  // A quick handler answers sooner than a sleep and a wake are over: let it run on this very core
  // before sleeping (call rows of bench/run: 10 times the calls from 300 threads).
  constexpr std::int64_t quick_ns = 10'000;
  if (how != delivery::send && record.typical_ns.load(std::memory_order_relaxed) < quick_ns)
    sealed.yields = 4;
  // With less time than its slowest recent handler took, a lent thread would come back late.
  const bool lends = how == delivery::call && !options.deterministic
                     && (sealed.deadline - sealed.enqueued).count()
                          > record.slowest_ns.load(std::memory_order_relaxed);
  switch (record.mail.push(sealed)) { // takes the reference over: a caller has one of its own
    case pushed::queued: break;
    case pushed::owner:
      record.oldest.store(sealed.enqueued.time_since_epoch().count(), std::memory_order_relaxed);
      if (lends)
        lend(record, sealed);
      else
        hand_on(record);
      break;
    case pushed::closed:
      record.posted.fetch_sub(1, std::memory_order_relaxed);
      sealed.fail(error{errc::unavailable, "actor '" + record.name + "' has ended"});
      sealed.unref();
      break;
  }
}

void runtime_core::lend(actor_record& record, slot_base& sealed) noexcept {
  add_relaxed(record.lent);
  // The own request comes first; a few of others after it save a wake of a worker.
  constexpr std::int64_t most = 64;
  const auto slowest = std::max<std::int64_t>(record.slowest_ns.load(std::memory_order_relaxed), 1);
  const auto fits = (sealed.deadline - sealed.enqueued).count() / slowest;
  lender me;
  auto& thread = current_thread();
  auto* before = std::exchange(thread.lent, &me);
  const auto left = record.host->run(
    static_cast<std::size_t>(std::clamp<std::int64_t>(fits, 1, most)), true, sealed.enqueued);
  if (left == run_result::work)
    hand_on(record);
  thread.lent = before;
  if (me.next != nullptr)
    me.next->lend(sealed);
}

// Called by the mailbox's owner: makes the CAF actor the next one. On a worker it joins the queue
// of that one, from where an idle worker may take it: nobody has to be woken.
void runtime_core::hand_on(actor_record& who) noexcept {
  bool last = false;
  const bool entered = who.door.enter(last);
  if (entered) {
    if (hosted_)
      who.right_on_its_way.store(true, std::memory_order_release);
    auto* worker = worker_to_join();
    if (worker != nullptr && &worker->system() != who.address->home_system)
      worker = nullptr;
    who.address->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, bell{}),
                         worker);
    last = who.door.leave();
  }
  if (last)
    release(who);
  if (!entered)
    run_without_host(who);
}

bool runtime_core::take_right(actor_record& who) noexcept {
  return !hosted_ || who.right_on_its_way.exchange(false, std::memory_order_acq_rel);
}

void runtime_core::push_later(actor_record& who, mailbox_node& order,
                              std::chrono::nanoseconds pause) {
  // CAF adds it to the time without a look at the end of time.
  constexpr std::chrono::nanoseconds for_ever = std::chrono::hours{24} * 365 * 100;
  pause = std::min(pause, for_ever);
  bool last = false;
  if (who.door.enter(last)) {
    caf::delayed_anon_send(caf::actor_cast<caf::actor>(who.address), pause, alarm{&order});
    last = who.door.leave();
  }
  if (last)
    release(who);
}

void runtime_core::close_mailbox(actor_record& who) noexcept {
  auto& mail = who.mail;
  mail.close();
  while (auto* next = mail.front()) {
    mail.pop();
    if (next->what != mailbox_node::kind::request)
      continue;
    const slot_ptr<slot_base> sealed{static_cast<slot_base*>(next)};
    add_relaxed(who.taken);
    sealed->fail(error{errc::unavailable, "actor '" + who.name + "' has ended"});
  }
}

} // namespace cortex::detail
