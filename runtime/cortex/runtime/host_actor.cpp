#include "cortex/runtime/host_actor.hpp"

#include "cortex/runtime/core.hpp"

#include <exception>

namespace cortex::detail {

// -- letter ---------------------------------------------------------------------------------------

letter::letter(slot_base& sealed, const std::shared_ptr<actor_record>& to) noexcept
  : sealed_(&sealed), to_(to.get()) {}

letter::letter(const letter& other) noexcept : sealed_(other.sealed_), to_(other.to_) {
  if (sealed_ != nullptr)
    sealed_->ref();
}

letter::~letter() {
  if (sealed_ == nullptr)
    return;
  to_->taken.fetch_add(1, std::memory_order_relaxed);
  sealed_->fail(error{errc::unavailable, "actor '" + to_->name + "' has ended"});
  sealed_->unref();
}

// -- host_actor -----------------------------------------------------------------------------------

host_actor::host_actor(caf::actor_config& config, blueprint plan, std::shared_ptr<void> object,
                       std::shared_ptr<actor_record> record, std::shared_ptr<runtime_core> core,
                       std::weak_ptr<actor_link> self)
  : caf::event_based_actor(config),
    plan_(std::move(plan)),
    object_(std::move(object)),
    record_(std::move(record)),
    core_(std::move(core)),
    self_(std::move(self)),
    restarts_(record_->options.restart) {
  // Without these CAF writes to the standard streams or ends the actor.
  set_default_handler(caf::drop);
  set_exception_handler([this](std::exception_ptr&) {
    core_->log(severity::error, record_->name, "an exception left the dispatcher");
    return caf::error{};
  });
  set_error_handler([](caf::error&) {});
  set_down_handler([](caf::down_msg&) {});
  set_exit_handler([](caf::exit_msg&) {});
}

caf::behavior host_actor::make_behavior() {
  schedule_tick();
  return {
    [this](letter& sealed) { receive(sealed.open()); },
    [this](const tick&) { ticked(); },
    [this](const restart&) { restarted(); },
    [this](const finish&) { finished(); },
  };
}

void host_actor::on_exit() {
  object_.reset();
  release_stash(errc::unavailable, "has ended");
  core_->finished(*record_);
  core_.reset();
}

void host_actor::receive(slot_ptr<slot_base> sealed) {
  if (object_ == nullptr && record_->phase == actor_state::backing_off) {
    stash_.push_back(std::move(sealed)); // still counted as waiting
    return;
  }
  dispatch(std::move(sealed));
}

void host_actor::dispatch(slot_ptr<slot_base> sealed) {
  auto& record = *record_;
  // Not add_relaxed: letters dropped on other threads count here too.
  record.taken.fetch_add(1, std::memory_order_relaxed);
  if (record.cut_off.load(std::memory_order_relaxed)) {
    sealed->fail(error{errc::unavailable, "the runtime ended without '" + record.name + "'"});
    return;
  }
  if (object_ == nullptr) {
    sealed->fail(error{errc::unavailable, "actor '" + record.name + "' failed too often"});
    return;
  }
  const auto begun = now();
  if (sealed->deadline <= begun) {
    add_relaxed(record.expired);
    sealed->fail(error{errc::timeout, "'" + record.name + "' was busy", stage::mailbox});
    return;
  }
  if (!sealed->begin())
    return; // withdrawn
  add_relaxed(record.handled);
  try {
    const no_blocking_scope handler{record.where.c_str()};
    plan_.table[sealed->index](object_.get(), *sealed);
  } catch (const std::exception& bug) {
    sealed->fail(error{errc::internal, "'" + record.name + "' threw: " + bug.what()});
    crashed(bug.what());
  } catch (...) {
    sealed->fail(error{errc::internal, "'" + record.name + "' threw"});
    crashed("an exception of an unknown type");
  }
  const auto ended = now();
  record.latency.record(ended - sealed->enqueued);
  note_handler_time(ended - begun);
}

void host_actor::ticked() {
  if (object_ != nullptr) {
    try {
      const no_blocking_scope handler{record_->where.c_str()};
      plan_.on_tick(object_.get());
    } catch (const std::exception& bug) {
      crashed(bug.what());
    } catch (...) {
      crashed("an exception of an unknown type");
    }
  }
  schedule_tick();
}

void host_actor::schedule_tick() {
  if (plan_.on_tick != nullptr && record_->options.tick.count() > 0)
    delayed_send(this, record_->options.tick, tick{});
}

// The object that threw is gone at once: what it owed is answered by its destructor.
void host_actor::crashed(const std::string& why) {
  auto& record = *record_;
  add_relaxed(record.failed);
  {
    const std::lock_guard guard{record.why_mutex};
    record.why = why;
  }
  object_.reset();
  const auto pause = restarts_.crashed(now());
  if (!pause) {
    record.phase = actor_state::failed;
    core_->log(severity::error, record.name, "failed too often, the last time: " + why);
    release_stash(errc::unavailable, "failed too often");
    return;
  }
  core_->log(severity::warning, record.name, "threw and is made anew: " + why);
  if (pause->count() == 0) {
    make_anew();
    return;
  }
  record.phase = actor_state::backing_off;
  delayed_send(this, *pause, restart{});
}

void host_actor::make_anew() {
  auto& record = *record_;
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
  add_relaxed(record.restarts);
  record.phase = actor_state::running;
}

void host_actor::restarted() {
  make_anew();
  // One of them may throw as well and put the rest back to waiting.
  while (record_->phase == actor_state::running && !stash_.empty()) {
    auto next = std::move(stash_.front());
    stash_.pop_front();
    dispatch(std::move(next));
  }
}

void host_actor::finished() {
  release_stash(errc::unavailable, "has ended");
  if (object_ != nullptr && plan_.on_stop != nullptr && !record_->cut_off) {
    try {
      const no_blocking_scope handler{record_->where.c_str()};
      plan_.on_stop(object_.get());
    } catch (...) {
      core_->log(severity::error, record_->name, "threw while it stopped");
    }
  }
  quit();
}

void host_actor::release_stash(errc code, std::string_view detail) {
  for (auto& sealed : stash_) {
    record_->taken.fetch_add(1, std::memory_order_relaxed);
    sealed->fail(error{code, "actor '" + record_->name + "' " + std::string{detail}});
  }
  stash_.clear();
}

monotonic_time host_actor::now() const noexcept {
  return core_->monotonic.now();
}

void host_actor::note_handler_time(std::chrono::nanoseconds took) noexcept {
  auto slowest = record_->slowest_ns.load(std::memory_order_relaxed);
  slowest -= slowest / 1024; // forgets a slow one over a few thousand requests
  record_->slowest_ns.store(std::max<std::int64_t>(slowest, took.count()),
                            std::memory_order_relaxed);
  // Grows by small steps only: a handler whose thread was suspended is not a slow handler.
  const auto typical = record_->typical_ns.load(std::memory_order_relaxed);
  const auto step = std::min((took.count() - typical) / 16, typical / 16 + 16);
  record_->typical_ns.store(typical + step, std::memory_order_relaxed);
}

} // namespace cortex::detail
