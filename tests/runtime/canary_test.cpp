// A bug on purpose: the build with ThreadSanitizer must report it, or its silence about everything
// else means nothing. The way from one thread to the other leads through an actor, so a libcaf
// that is not instrumented shows as well.
#include "sample_actors.hpp"

#include <atomic>

namespace cortex::testing {
namespace {

struct touch {
  using reply = void;
  int* shared = nullptr;
  std::atomic<int>* touched = nullptr;
};

struct toucher {
  using protocol = cortex::protocol<touch>;
  void operator()(const touch& r) {
    ++*r.shared;
    r.touched->fetch_add(1, std::memory_order_relaxed);
  }
};

} // namespace

TEST_CASE("a race between a handler and the one who asked it is reported", "[.canary]") {
  auto rt = open_runtime();
  auto actor = spawn<toucher>(rt, "toucher", {});
  int shared = 0;
  std::atomic<int> touched = 0;

  for (int i = 1; i <= 100; ++i) {
    actor.tell(touch{&shared, &touched});
    ++shared;
    // Whatever the order of the two, nothing but this relaxed counter tells either of the other.
    REQUIRE(eventually([&] { return touched.load(std::memory_order_relaxed) == i; }));
  }

  CHECK(shared > 0);
}

} // namespace cortex::testing
