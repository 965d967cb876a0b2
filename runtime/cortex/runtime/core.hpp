/// The inside of a runtime: its actors, its services, the CAF system, in the order they stop.
#pragma once

#include "cortex/runtime.hpp"
#include "cortex/runtime/actor_list.hpp"
#include "cortex/runtime/actor_record.hpp"
#include "cortex/runtime/continuations.hpp"
#include "cortex/runtime/slow_log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace caf::scheduler {
class test_coordinator;
} // namespace caf::scheduler

namespace cortex::detail {

class system_watch;

/// *Thread-safe*.
class runtime_core final : public std::enable_shared_from_this<runtime_core> {
public:
  /// `host` is the actor system to run on, somebody else's; null = an own one.
  runtime_core(runtime_options options, caf::actor_system* host);
  runtime_core(const runtime_core&) = delete;
  runtime_core& operator=(const runtime_core&) = delete;
  ~runtime_core();

  /// A reference to a runtime: the last of its copies stops it.
  [[nodiscard]] static runtime share(std::shared_ptr<runtime_core> core);
  /// Before it is shared, where it runs on a host's system: sees to it that the actors end before
  /// the system does. Errors: `closed` if that is ending already.
  expected<void> watch_host();

  // Constant after construction.
  const runtime_options options;
  const wall_clock& wall;
  const monotonic_clock& monotonic;
  const std::uint32_t generation; ///< The fork generation that this runtime belongs to.

  expected<std::shared_ptr<actor_link>> launch(std::string name, blueprint plan,
                                               const actor_options& actor);
  expected<void> stop(std::chrono::nanoseconds within);
  expected<void> attach(std::shared_ptr<service> what);
  void detach(const service& what) noexcept;
  [[nodiscard]] bool accepting() const noexcept {
    return accepting_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::vector<actor_metrics> metrics() const;
  [[nodiscard]] runtime_report report() const;
  /// Null if nobody asked for them.
  [[nodiscard]] const std::shared_ptr<slow_request_sink>& slow_requests() const noexcept {
    return slow_sink_;
  }

  [[nodiscard]] continuation_executor& continuations() const noexcept { return continuations_; }
  void log(severity level, std::string_view component, std::string_view text) const noexcept;

  std::size_t run_until_idle();
  void advance(std::chrono::nanoseconds by);

  /// Hands a request to an actor; see `actor_link::post`. `bounded`: unless its bound is reached.
  void post(const std::shared_ptr<actor_record>& to, slot_base& sealed, delivery how,
            bool bounded) noexcept;
  /// For hosts: pushes an order into the actor's mailbox after a pause. @pre called by its owner
  void push_later(actor_record& who, mailbox_node& order, std::chrono::nanoseconds pause);
  /// For hosts: closes the mailbox and answers what is in it. @pre called by its owner
  static void close_mailbox(actor_record& who) noexcept;
  /// Tells an actor to finish what waits and end. Later requests are refused.
  void finish(const std::shared_ptr<actor_record>& who) noexcept;
  /// Called by the last one through a shut door.
  void release(actor_record& who) noexcept;
  /// Makes the CAF actor the next one to run the object. @pre called by the mailbox's owner
  void hand_on(actor_record& who) noexcept;
  /// Called by the CAF actor when it is the next one. False if the right has been taken back.
  [[nodiscard]] bool take_right(actor_record& who) noexcept;
  /// Called by the last owner of the mailbox, which is closed: ends the object.
  void end(actor_record& who) noexcept;

private:
  void start_system();
  [[nodiscard]] expected<void> hold_name(const std::shared_ptr<actor_record>& record);
  [[nodiscard]] bool await_name(const actor_record& holder, monotonic_time until);
  void finished(actor_record& who) noexcept;
  bool run_one();
  [[nodiscard]] bool admit(actor_record& to, slot_base& sealed, bool bounded) const noexcept;
  void follow(const std::shared_ptr<actor_record>& to, slot_base& sealed, delivery how) const;
  [[nodiscard]] std::size_t worker_count() const noexcept;
  void lend(actor_record& to, slot_base& sealed) noexcept;
  [[nodiscard]] std::vector<std::string> stop_actors(monotonic_time until);
  [[nodiscard]] std::vector<std::string>
  await_end(const std::vector<std::shared_ptr<actor_record>>& records, monotonic_time until);
  [[nodiscard]] std::vector<std::string> stop_services(monotonic_time until);
  void stop_system();
  // On a host's system, see hosted.cpp.
  void host_ends() noexcept;
  void leave_host(const std::vector<std::shared_ptr<actor_record>>& records, monotonic_time until);
  void shut_door(actor_record& who) noexcept;
  void run_without_host(actor_record& who) noexcept;
  void run_to_rest(actor_record& who) noexcept;

  continuation_executor& continuations_;
  std::atomic<bool> accepting_{true};
  const monotonic_time opened_;
  const std::shared_ptr<slow_log> slow_; // null if nobody asked for it
  const std::shared_ptr<slow_request_sink> slow_sink_{slow_};

  mutable std::mutex mutex_;
  std::condition_variable ended_;                  // with mutex_; also when `stop` begins
  bool stopped_ = false;                           // guarded by mutex_
  actor_list actors_;                              // guarded by mutex_
  std::vector<std::shared_ptr<service>> services_; // guarded by mutex_

  // Made with the first actor under mutex_; constant while an actor's door is open. If an actor
  // outlives `stop`, they stay for ever: a thread may be in them.
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> own_system_;
  caf::actor_system* system_ = nullptr; // the own one or the host's
  caf::scheduler::test_coordinator* coordinator_ = nullptr;

  const bool hosted_;
  std::shared_ptr<system_watch> watch_; // constant once shared
  std::size_t leaving_ = 0;             // threads in `leave_host`; guarded by mutex_
};

} // namespace cortex::detail
