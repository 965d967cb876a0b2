#include "cortex/runtime/object_host.hpp"

#include "cortex/request_trace.hpp"
#include "cortex/runtime/core.hpp"

#include <sched.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace cortex::detail {

object_host::object_host(blueprint plan, std::shared_ptr<void> object, actor_record& record,
                         runtime_core& core, std::weak_ptr<actor_link> self)
  : plan_(std::move(plan)),
    object_(std::move(object)),
    record_(record),
    core_(core),
    self_(std::move(self)),
    restarts_(record.options.restart) {}

run_result object_host::run(std::size_t most, bool lent, monotonic_time begun) {
  const work_scope running;
  // Senders that are a little slower than the actor would wake a worker for each request. Letting
  // others run a few times before the rest spares that (tell/1 of bench/run: 1.4 times the rate).
  // Callers that wait are kept from running the actor themselves by it: they would queue up behind
  // the worker, each with a sleep and a wake (call/300: a tenth of the calls in half of the runs).
  // Actors that send need a worker themselves: yielding to other threads brings nothing from them.
  constexpr unsigned patience = 20;
  unsigned yields = lent || core_.options.deterministic ? 0 : patience;
  auto& mail = record_.mail;
  clock_ = begun;
  for (;;) {
    auto* next = mail.front();
    if (next == nullptr) {
      note_oldest();
      if (yields != 0 && !asker_rested_) {
        --yields;
        sched_yield();
        clock_ = now();
      } else if (mail.rest()) {
        return run_result::idle;
      }
      continue;
    }
    if (most == 0) {
      if (next->what == mailbox_node::kind::request)
        note_oldest(*static_cast<slot_base*>(next));
      return run_result::work;
    }
    --most;
    if (next->what == mailbox_node::kind::request) {
      mail.pop();
      receive(slot_ptr<slot_base>{static_cast<slot_base*>(next)});
    } else if (lent) {
      return run_result::work;
    } else {
      mail.pop(); // before it is obeyed: it may be pushed again then
      obey(next->what);
      if (mail.closed())
        return run_result::ended;
      clock_ = now();
    }
  }
}

// -- requests -------------------------------------------------------------------------------------

void object_host::note_oldest(const slot_base& request) noexcept {
  record_.oldest.store(request.enqueued.time_since_epoch().count(), std::memory_order_relaxed);
}

// The mailbox is empty; what waits for a restart is here.
void object_host::note_oldest() noexcept {
  if (stash_.empty())
    record_.oldest.store(0, std::memory_order_relaxed);
  else
    note_oldest(*stash_.front());
}

void object_host::receive(slot_ptr<slot_base> sealed) {
  if (object_ == nullptr && record_.phase == actor_state::backing_off) {
    stash_.push_back(std::move(sealed)); // still counted as waiting
    return;
  }
  dispatch(std::move(sealed));
}

void object_host::dispatch(slot_ptr<slot_base> sealed) {
  auto& record = record_;
  add_relaxed(record.taken);
  if (record.cut_off.load(std::memory_order_relaxed)) {
    sealed->fail(error{errc::unavailable, "the runtime ended without '" + record.name + "'"});
    return;
  }
  if (object_ == nullptr) {
    sealed->fail(error{errc::unavailable, "actor '" + record.name + "' failed too often"});
    return;
  }
  const auto begun = clock_;
  if (sealed->deadline <= begun) {
    add_relaxed(record.expired);
    sealed->fail(error{errc::timeout, "'" + record.name + "' was busy", stage::mailbox});
    return;
  }
  if (!sealed->begin())
    return; // withdrawn
  add_relaxed(record.handled);
  note_oldest(*sealed);
  asker_rested_ = sealed->asker_rests;
  auto* trace = sealed->trace();
  if (trace != nullptr)
    trace->note(moment::begun, begun);
  try {
    const trace_scope serving{trace};
    const no_blocking_scope handler{record.where.c_str()};
    plan_.table[sealed->index](object_.get(), *sealed);
  } catch (const std::exception& bug) {
    sealed->fail(error{errc::internal, "'" + record.name + "' threw: " + bug.what()});
    crashed(bug.what());
  } catch (...) {
    sealed->fail(error{errc::internal, "'" + record.name + "' threw"});
    crashed("an exception of an unknown type");
  }
  clock_ = now();
  if (trace != nullptr)
    trace->note(moment::handled, clock_);
  record.latency.record(clock_ - sealed->enqueued);
  note_handler_time(clock_ - begun);
}

monotonic_time object_host::now() const noexcept {
  return core_.monotonic.now();
}

void object_host::note_handler_time(std::chrono::nanoseconds took) noexcept {
  auto slowest = record_.slowest_ns.load(std::memory_order_relaxed);
  slowest -= slowest / 1024; // forgets a slow one over a few thousand requests
  record_.slowest_ns.store(std::max<std::int64_t>(slowest, took.count()),
                           std::memory_order_relaxed);
  // Grows by small steps only: a handler whose thread was suspended is not a slow handler.
  const auto typical = record_.typical_ns.load(std::memory_order_relaxed);
  const auto step = std::min((took.count() - typical) / 16, typical / 16 + 16);
  record_.typical_ns.store(typical + step, std::memory_order_relaxed);
}

// -- orders of the runtime ------------------------------------------------------------------------

void object_host::obey(mailbox_node::kind order) {
  switch (order) {
    case mailbox_node::kind::tick: ticked(); break;
    case mailbox_node::kind::restart: restarted(); break;
    case mailbox_node::kind::finish: finished(); break;
    case mailbox_node::kind::request: break; // not an order
  }
}

void object_host::ticked() {
  if (object_ != nullptr && !record_.cut_off.load(std::memory_order_relaxed)) {
    try {
      const no_blocking_scope handler{record_.where.c_str()};
      plan_.on_tick(object_.get());
    } catch (const std::exception& bug) {
      crashed(bug.what());
    } catch (...) {
      crashed("an exception of an unknown type");
    }
  }
  schedule_tick();
}

void object_host::schedule_tick() {
  if (plan_.on_tick != nullptr && record_.options.tick.count() > 0)
    core_.push_later(record_, record_.tick, record_.options.tick);
}

// The object that threw is gone at once: what it owed is answered by its destructor.
void object_host::crashed(const std::string& why) {
  auto& record = record_;
  add_relaxed(record.failed);
  {
    const std::lock_guard guard{record.why_mutex};
    record.why = why;
  }
  object_.reset();
  const auto pause = restarts_.crashed(now());
  if (!pause) {
    record.phase = actor_state::failed;
    core_.log(severity::error, record.name, "failed too often, the last time: " + why);
    release_stash("failed too often");
    return;
  }
  core_.log(severity::warning, record.name, "threw and is made anew: " + why);
  if (pause->count() == 0) {
    make_anew();
    return;
  }
  record.phase = actor_state::backing_off;
  core_.push_later(record, record.restart, *pause);
}

void object_host::make_anew() {
  try {
    object_ = plan_.make();
    if (object_ != nullptr && plan_.on_start != nullptr)
      plan_.on_start(object_.get(), self_);
  } catch (const std::exception& bug) {
    crashed(std::string{"its factory threw: "} + bug.what());
    return;
  } catch (...) {
    crashed("its factory threw");
    return;
  }
  if (object_ == nullptr) {
    crashed("its factory returned null");
    return;
  }
  add_relaxed(record_.restarts);
  record_.phase = actor_state::running;
}

void object_host::restarted() {
  make_anew();
  clock_ = now();
  // One of them may throw as well and put the rest back to waiting.
  while (record_.phase == actor_state::running && !stash_.empty()) {
    auto next = std::move(stash_.front());
    stash_.pop_front();
    dispatch(std::move(next));
  }
}

void object_host::finished() {
  release_stash("has ended");
  if (object_ != nullptr && plan_.on_stop != nullptr && !record_.cut_off) {
    try {
      const no_blocking_scope handler{record_.where.c_str()};
      plan_.on_stop(object_.get());
    } catch (...) {
      core_.log(severity::error, record_.name, "threw while it stopped");
    }
  }
  object_.reset();
  runtime_core::close_mailbox(record_);
}

void object_host::release_stash(std::string_view why) {
  for (auto& sealed : stash_) {
    add_relaxed(record_.taken);
    sealed->fail(error{errc::unavailable, "actor '" + record_.name + "' " + std::string{why}});
  }
  stash_.clear();
}

} // namespace cortex::detail
