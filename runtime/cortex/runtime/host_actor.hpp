/// The one CAF actor that hosts every plain class, and the message it understands.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/runtime.hpp"
#include "cortex/runtime/actor_record.hpp"
#include "cortex/runtime/restart_tracker.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::detail {

class runtime_core;

/// A message's reference to an envelope. Dropping the last one unanswered is an answer. Messages
/// are never copied here, so each envelope has one letter.
class letter {
public:
  letter() noexcept = default;
  /// Takes over a reference.
  letter(slot_base& sealed, const std::shared_ptr<actor_record>& to) noexcept;
  letter(const letter& other) noexcept;
  letter(letter&& other) noexcept
    : sealed_(std::exchange(other.sealed_, nullptr)), to_(std::exchange(other.to_, nullptr)) {}
  letter& operator=(letter other) noexcept {
    std::swap(sealed_, other.sealed_);
    std::swap(to_, other.to_);
    return *this;
  }
  ~letter();

  /// Takes the envelope out; the caller now owes the answer.
  [[nodiscard]] slot_ptr<slot_base> open() noexcept {
    return slot_ptr<slot_base>{std::exchange(sealed_, nullptr)};
  }

private:
  slot_base* sealed_ = nullptr;
  actor_record* to_ = nullptr;
};

/// Messages of an actor to itself, and the runtime's order to end.
struct tick {
  int unused = 0; // CAF 0.17 mishandles empty messages
};
struct restart {
  int unused = 0;
};
struct finish {
  int unused = 0;
};

} // namespace cortex::detail

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::letter)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::restart)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::finish)

namespace cortex::detail {

/// Hosts one object: dispatches requests to it, makes it anew when it throws, ends it in order.
class host_actor final : public caf::event_based_actor {
public:
  host_actor(caf::actor_config& config, blueprint plan, std::shared_ptr<void> object,
             std::shared_ptr<actor_record> record, std::shared_ptr<runtime_core> core,
             std::weak_ptr<actor_link> self);

  caf::behavior make_behavior() override;
  const char* name() const override { return "cortex.host"; }
  void on_exit() override;

private:
  void receive(slot_ptr<slot_base> sealed);
  void dispatch(slot_ptr<slot_base> sealed);
  void ticked();
  void restarted();
  void finished();

  void crashed(const std::string& why);
  void make_anew();
  void schedule_tick();
  void release_stash(errc code, std::string_view detail);
  [[nodiscard]] monotonic_time now() const noexcept;
  void note_handler_time(std::chrono::nanoseconds took) noexcept;

  blueprint plan_;
  std::shared_ptr<void> object_; // null while it is backing off or failed
  std::shared_ptr<actor_record> record_;
  std::shared_ptr<runtime_core> core_;
  std::weak_ptr<actor_link> self_;
  restart_tracker restarts_;
  std::deque<slot_ptr<slot_base>> stash_; // requests that wait for the restart
};

} // namespace cortex::detail
