// Holds a runtime and a handle in an object of static storage, made before all that the library
// keeps for itself: they end after `main`.
#include "cortex/runtime.hpp"

#include <optional>

namespace {

struct ping {
  using reply = int;
};

struct echo {
  using protocol = cortex::protocol<ping>;
  int operator()(ping&) { return 7; }
};

struct kept {
  std::optional<cortex::runtime> host;
  cortex::handle<echo::protocol> actor;
};
kept everything;

} // namespace

int main() {
  everything.host.emplace(cortex::runtime::open().value());
  everything.actor = everything.host->spawn<echo>("echo", [] { return echo{}; }).value();
  const auto answer = everything.actor.call(ping{});
  return answer && *answer == 7 ? 0 : 1;
}
