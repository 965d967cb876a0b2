/// Notices in time that an actor system which somebody else owns comes to its end.
#pragma once

#include <caf/actor_addr.hpp>
#include <caf/fwd.hpp>

#include <functional>
#include <memory>

namespace cortex::detail {

/// Calls a function once when the destructor of an actor system runs: when the actors that the
/// system waits for are gone, and before its workers, its timers and its memory go. The destructor
/// does not get past its workers while the function runs. On which thread that is, is CAF's choice:
/// a worker, or the one that destroys the system.
///
/// CAF has no such notice. What it does have is an actor of its own, the spawn server, that it ends
/// at just this place. *Thread-safe*.
class system_watch {
public:
  /// Null if the system is ending already. `ended` may run before `begin` returns.
  [[nodiscard]] static std::shared_ptr<system_watch> begin(caf::actor_system& system,
                                                           std::function<void()> ended);
  system_watch(const system_watch&) = delete;
  system_watch& operator=(const system_watch&) = delete;
  /// Forgets the system, which may be gone.
  ~system_watch();

private:
  class notice;
  explicit system_watch(std::function<void()> ended);

  std::function<void()> ended_;
  caf::actor_addr spawn_server_;
};

} // namespace cortex::detail
