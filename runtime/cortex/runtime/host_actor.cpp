#include "cortex/runtime/host_actor.hpp"

#include "cortex/runtime/core.hpp"

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/make_actor.hpp>

#include <exception>
#include <utility>

namespace cortex::detail {

host_actor::host_actor(caf::actor_config& config, std::shared_ptr<actor_record> record,
                       std::shared_ptr<runtime_core> core)
  : caf::event_based_actor(config), record_(std::move(record)), core_(std::move(core)) {
  // Without these CAF writes to the standard streams or ends the actor.
  set_default_handler(caf::drop);
  set_exception_handler([this](std::exception_ptr&) {
    if (core_ != nullptr)
      core_->log(severity::error, record_->name, "an exception left the dispatcher");
    return caf::error{};
  });
  set_error_handler([](caf::error&) {});
  set_down_handler([](caf::down_msg&) {});
  set_exit_handler([](caf::exit_msg&) {});
}

caf::behavior host_actor::make_behavior() {
  return {
    [this](const bell&) {
      if (core_->take_right(*record_))
        run();
    },
    [this](const alarm& due) {
      if (record_->mail.push(*due.order) == pushed::owner)
        run();
    },
    [this](const farewell&) { quit(); },
  };
}

void host_actor::run() {
  // Other actors want the thread as well. One at a time where every step is to be repeatable.
  constexpr std::size_t portion = 512;
  const auto most = core_->options.deterministic ? std::size_t{1} : portion;
  switch (record_->host->run(most, false, core_->monotonic.now())) {
    case run_result::idle: break;
    case run_result::work: core_->hand_on(*record_); break;
    case run_result::ended:
      core_->end(*record_); // nobody owns a closed mailbox any more
      quit();
      break;
  }
}

void host_actor::on_exit() {
  // Timers that are not due yet keep the actor, but neither the runtime nor what it knows of it.
  core_.reset();
  record_.reset();
}

// As `actor_system::spawn`, which besides leaves a reference to the system's logger with the
// thread: another system's may be there.
caf::strong_actor_ptr make_host_actor(caf::actor_system& system,
                                      std::shared_ptr<actor_record> record,
                                      std::shared_ptr<runtime_core> core, bool hidden) {
  caf::actor_config config{system.dummy_execution_unit()};
  if (hidden)
    config.add_flag(caf::abstract_actor::is_hidden_flag);
  auto made = caf::make_actor<host_actor, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, std::move(record), std::move(core));
  constexpr bool lazy = true;
  static_cast<host_actor*>(made->get())->launch(config.host, lazy, hidden);
  return made;
}

} // namespace cortex::detail
