/// What a manager's copies share.
#pragma once

#include "cortex/config_manager/actor.hpp"
#include "cortex/config_manager/watcher.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cortex::config_manager::detail {

/// *Immutable after construction*.
struct manager_parts {
  manager_parts(cortex::handle<own_protocol> talks_to, shared_session shared, std::string file,
                std::vector<std::string> notes, std::optional<watcher> watches)
    : actor(std::move(talks_to)),
      in(std::move(shared)),
      path(std::move(file)),
      notices(std::move(notes)),
      watch(std::move(watches)) {}

  cortex::handle<own_protocol> actor;
  shared_session in;
  std::string path;
  std::vector<std::string> notices;
  std::optional<watcher> watch; ///< Ends first.
};

} // namespace cortex::config_manager::detail
