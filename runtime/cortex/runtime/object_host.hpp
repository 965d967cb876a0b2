/// Runs the object behind an actor: dispatches requests to it, makes it anew when it throws, ends
/// it in order. Knows no CAF: who calls, and when, is up to `host_actor` and the lenders.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/runtime.hpp"
#include "cortex/runtime/mailbox.hpp"
#include "cortex/runtime/restart_tracker.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

namespace cortex::detail {

struct actor_record;
class runtime_core;

/// How a run ended.
enum class run_result : std::uint8_t {
  idle,  ///< Nothing waits; the right to run is given away.
  work,  ///< Something waits; the right to run is still the caller's, who must hand it on.
  ended, ///< The actor has ended.
};

/// *Owned by one actor*: used by whoever owns its mailbox.
class object_host {
public:
  /// `record` and `core` outlive the mailbox's last owner.
  object_host(blueprint plan, std::shared_ptr<void> object, actor_record& record,
              runtime_core& core, std::weak_ptr<actor_link> self);

  /// Takes up to `most` requests. A lender stops at an order of the runtime: ticks, restarts and
  /// the end are not for a caller's thread. `begun` is a time not after the call.
  [[nodiscard]] run_result run(std::size_t most, bool lent, monotonic_time begun);

  /// Sets the first tick, if the object wants any.
  void schedule_tick();

private:
  void receive(slot_ptr<slot_base> sealed);
  void dispatch(slot_ptr<slot_base> sealed);
  void obey(mailbox_node::kind order);
  void ticked();
  void restarted();
  void finished();

  void crashed(const std::string& why);
  void make_anew();
  void release_stash(std::string_view why);
  [[nodiscard]] monotonic_time now() const noexcept;
  void note_oldest(const slot_base& request) noexcept;
  void note_oldest() noexcept;
  void note_handler_time(std::chrono::nanoseconds took) noexcept;

  blueprint plan_;
  std::shared_ptr<void> object_; // null while it is backing off or failed
  actor_record& record_;
  runtime_core& core_;
  std::weak_ptr<actor_link> self_;
  restart_tracker restarts_;
  std::list<slot_ptr<slot_base>> stash_; // requests that wait for the restart
  monotonic_time clock_{};               // the end of the last handler, or later
  bool asker_rested_ = false;            // that of the last request
};

} // namespace cortex::detail
