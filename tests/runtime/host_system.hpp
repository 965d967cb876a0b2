/// A CAF actor system as a host has one.
#pragma once

#include "cortex/caf.hpp"

#include "sample_actors.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/logger.hpp>

#include <cstddef>
#include <optional>
#include <thread>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::testing::echo)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::testing::add)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::testing::total)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::testing::keep)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cortex::testing::find)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::thread::id)

namespace cortex::testing {

/// May end on any thread: the logger's reference that CAF leaves with the one that makes the system
/// is dropped, or the end would wait for that thread.
class host_system {
public:
  explicit host_system(std::size_t workers = 4) {
    config_.set("scheduler.max-threads", workers);
    make();
  }
  struct testing_tag {};
  explicit host_system(testing_tag) {
    config_.set("scheduler.policy", caf::atom("testing"));
    make();
  }

  caf::actor_system& operator*() { return *system_; }
  caf::actor_system* operator->() { return &*system_; }
  void end() { system_.reset(); }

private:
  void make() {
    system_.emplace(config_);
    caf::logger::set_current_actor_system(nullptr);
  }

  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
};

inline runtime open_on(host_system& host, runtime_options options = {}) {
  auto opened = cortex::open_on(*host, std::move(options));
  REQUIRE(opened);
  return *std::move(opened);
}

} // namespace cortex::testing
