// A program outside the tree with a CAF actor system of its own: it lends its workers to a runtime,
// and one of its actors asks an actor of ours.
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/scoped_actor.hpp>
#include <cortex/caf.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

struct add {
  using reply = std::int64_t;
  std::int64_t amount = 0;
};
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(add)

struct ledger {
  using protocol = cortex::protocol<add>;
  std::int64_t total = 0;
  std::int64_t operator()(const add& request) { return total += request.amount; }
};

int main() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto rt = cortex::open_on(system).value();
  auto book = rt.spawn<ledger>("ledger", [] { return std::make_unique<ledger>(); }).value();
  static_cast<void>(book.call(add{40}));

  std::int64_t total = 0;
  caf::scoped_actor self{system};
  self->request(cortex::gateway(system, book).value(), std::chrono::seconds{10}, add{2})
    .receive([&](std::int64_t answer) { total = answer; }, [](const caf::error&) {});
  return total == 42 ? 0 : 1;
}
