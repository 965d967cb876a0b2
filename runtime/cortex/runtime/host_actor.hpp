/// The CAF actor behind every hosted object: it lends the object CAF's threads and timers. Requests
/// wait in a mailbox of ours; CAF's holds the few messages that say who runs it next.
#pragma once

#include "cortex/runtime/actor_record.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>

#include <memory>

namespace cortex::detail {

class runtime_core;

/// Hands the right to run the object to the actor.
struct bell {
  int unused = 0; // CAF 0.17 mishandles empty messages
};
/// Time to push an order of the runtime into the mailbox.
struct alarm {
  mailbox_node* order = nullptr; // a member of the actor's record
};

/// The object is run and ended elsewhere: the actor may go.
struct farewell {
  int unused = 0;
};

} // namespace cortex::detail

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::bell)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::alarm)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::detail::farewell)

namespace cortex::detail {

/// Runs its object whenever it is given the right to, a limited number of requests at a time.
class host_actor final : public caf::event_based_actor {
public:
  host_actor(caf::actor_config& config, std::shared_ptr<actor_record> record,
             std::shared_ptr<runtime_core> core);

  caf::behavior make_behavior() override;
  const char* name() const override { return "cortex.host"; }
  void on_exit() override;

private:
  void run();

  std::shared_ptr<actor_record> record_;
  std::shared_ptr<runtime_core> core_;
};

/// Makes the CAF actor of a record. The system's end does not wait for one that is `hidden`.
[[nodiscard]] caf::strong_actor_ptr make_host_actor(caf::actor_system& system,
                                                    std::shared_ptr<actor_record> record,
                                                    std::shared_ptr<runtime_core> core,
                                                    bool hidden);

} // namespace cortex::detail
