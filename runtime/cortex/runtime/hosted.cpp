// A runtime on a host's actor system: how its actors end without the system's threads. The runtime
// may stop on one of them, and at the end of the system they are going.

#include "cortex/fork_guard.hpp"
#include "cortex/runtime/core.hpp"
#include "cortex/runtime/host_actor.hpp"
#include "cortex/runtime/system_watch.hpp"

#include <algorithm>

namespace cortex::detail {

expected<void> runtime_core::watch_host() {
  watch_ = system_watch::begin(*system_, [weak = weak_from_this()] {
    if (const auto core = weak.lock())
      core->host_ends();
  });
  if (watch_ == nullptr || !accepting())
    return fail(errc::closed, "the actor system of the host is ending");
  return {};
}

// The system's destructor waits until this has returned.
void runtime_core::host_ends() noexcept {
  if (fork_generation() != generation)
    return;
  std::vector<std::shared_ptr<actor_record>> records;
  {
    const std::lock_guard guard{mutex_};
    accepting_.store(false, std::memory_order_release);
    records = actors_.all();
    system_ = nullptr;
    ended_.notify_all(); // who waits for a name gets none
  }
  if (coordinator_ != nullptr)
    coordinator_ = nullptr; // one thread drives it, this one
  for (const auto& record : records)
    finish(record);
  const auto until = deadline_after(std::chrono::steady_clock::now(), options.stop_deadline);
  leave_host(records, until);
  {
    // Whoever is still in the system is a few steps from its end.
    std::unique_lock lock{mutex_};
    ended_.wait(lock, [&] {
      return std::ranges::all_of(records, [](const auto& r) { return r->released.load(); });
    });
  }
  for (const auto& name : await_end(records, until))
    log(severity::error, "runtime", "the actor system of the host ended before " + name);
}

// No thread enters the system for these actors any more. What was handed to its workers is taken
// back and done here.
void runtime_core::leave_host(const std::vector<std::shared_ptr<actor_record>>& records,
                              monotonic_time until) {
  auto waits = [](const auto& r) { return r->right_on_its_way.load(std::memory_order_acquire); };
  auto alive = [](const auto& r) { return !r->finished || !r->released; };
  std::unique_lock lock{mutex_};
  ++leaving_;
  lock.unlock();
  for (const auto& record : records)
    shut_door(*record);
  lock.lock();
  for (;;) {
    ended_.wait_until(lock, until, [&] {
      return std::ranges::any_of(records, waits) || std::ranges::none_of(records, alive);
    });
    if (std::ranges::none_of(records, waits))
      break; // all have ended, or time is up
    lock.unlock();
    for (const auto& record : records)
      if (take_right(*record))
        run_to_rest(*record);
    lock.lock();
  }
  --leaving_;
}

void runtime_core::shut_door(actor_record& who) noexcept {
  bool last = false;
  if (who.door.enter(last)) {
    if (who.address != nullptr) // null where the factory is still at work
      who.address->enqueue(
        caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, farewell{}), nullptr);
    last = who.door.leave();
  }
  if (who.door.shut() || last)
    release(who);
}

// Called by the mailbox's owner, who finds the door to the system shut.
void runtime_core::run_without_host(actor_record& who) noexcept {
  {
    const std::lock_guard guard{mutex_};
    if (leaving_ != 0) {
      who.right_on_its_way.store(true, std::memory_order_release);
      ended_.notify_all();
      return;
    }
  }
  run_to_rest(who); // it was cut off: nobody else will
}

void runtime_core::run_to_rest(actor_record& who) noexcept {
  constexpr std::size_t portion = 512;
  auto left = run_result::work;
  while (left == run_result::work)
    left = who.host->run(portion, false, monotonic.now());
  if (left == run_result::ended)
    end(who);
}

} // namespace cortex::detail
