// A bug on purpose: the build with ThreadSanitizer must report it, or its silence about everything
// else means nothing. The way from one thread to the other leads through an actor, so a libcaf
// that is not instrumented shows as well.
#include "sample_actors.hpp"

namespace cortex::testing {
namespace {

struct touch {
  using reply = void;
  int* shared = nullptr;
};

struct toucher {
  using protocol = cortex::protocol<touch>;
  void operator()(const touch& r) { ++*r.shared; }
};

} // namespace

TEST_CASE("a race between a handler and the one who asked it is reported", "[.canary]") {
  auto rt = open_runtime();
  auto actor = spawn<toucher>(rt, "toucher", {});
  int shared = 0;

  for (int i = 0; i < 100; ++i) {
    auto answer = actor.ask(touch{&shared});
    ++shared;
    REQUIRE(answer.get());
  }

  CHECK(shared > 0);
}

} // namespace cortex::testing
