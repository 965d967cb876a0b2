/// What a manager's copies share.
#pragma once

#include "cortex/database.hpp"
#include "cortex/detail/host_calls.hpp"
#include "cortex/graceful_degradation/protocol.hpp"
#include "cortex/handle.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cortex::graceful_degradation::detail {

/// *Immutable after construction*.
struct manager_parts {
  manager_parts(runtime host, storage::database on, cortex::handle<own_protocol> talks_to,
                graceful_degradation::patterns table, std::chrono::nanoseconds patience,
                std::vector<std::string> notes, std::shared_ptr<cortex::detail::host_calls> counted)
    : rt(std::move(host)),
      file(std::move(on)),
      actor(std::move(talks_to)),
      patterns(std::move(table)),
      api_timeout(patience),
      notices(std::move(notes)),
      calls(std::move(counted)) {}
  manager_parts(const manager_parts&) = delete;
  manager_parts& operator=(const manager_parts&) = delete;
  ~manager_parts() { rt.detach(*calls); }

  runtime rt; ///< Does not keep it running.
  storage::database file;
  cortex::handle<own_protocol> actor;
  graceful_degradation::patterns patterns;
  std::chrono::nanoseconds api_timeout;
  std::vector<std::string> notices;
  std::shared_ptr<cortex::detail::host_calls> calls;
};

} // namespace cortex::graceful_degradation::detail
