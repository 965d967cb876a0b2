#include "cortex/runtime/system_watch.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/attachable.hpp>

#include <utility>

namespace cortex::detail {

/// What the spawn server keeps of a watch.
class system_watch::notice final : public caf::attachable {
public:
  explicit notice(const std::shared_ptr<system_watch>& watch) : key_(watch.get()), watch_(watch) {}

  void actor_exited(const caf::error& /*why*/, caf::execution_unit* /*where*/) override {
    if (const auto watch = watch_.lock())
      watch->ended_();
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == key_;
  }

private:
  const system_watch* key_;
  std::weak_ptr<system_watch> watch_;
};

system_watch::system_watch(std::function<void()> ended) : ended_(std::move(ended)) {}

std::shared_ptr<system_watch> system_watch::begin(caf::actor_system& system,
                                                  std::function<void()> ended) {
  const auto server = system.registry().get<caf::strong_actor_ptr>(caf::atom("SpawnServ"));
  if (server == nullptr)
    return nullptr;
  std::shared_ptr<system_watch> watch{new system_watch{std::move(ended)}};
  watch->spawn_server_ = caf::actor_cast<caf::actor_addr>(server);
  server->get()->attach(std::make_unique<notice>(watch));
  return watch;
}

system_watch::~system_watch() {
  // Held while it is asked; if it is the last thing that is left of the system, it has ended.
  if (const auto server = caf::actor_cast<caf::strong_actor_ptr>(spawn_server_))
    server->get()->detach({caf::attachable::token::anonymous, this});
}

} // namespace cortex::detail
