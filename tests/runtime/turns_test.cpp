// Who gets a worker when actors keep each other busy.

#include "cortex/runtime.hpp"

#include "support/catch_compat.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace cortex::testing {
namespace {

using namespace std::chrono_literals;

struct ball {
  using reply = void;
};
struct pair_up {
  using reply = void;
  handle<protocol<ball>> with;
};
using player_protocol = protocol<ball, pair_up>;

/// Plays every ball back until the game is over.
class player {
public:
  using protocol = player_protocol;

  explicit player(const std::atomic<bool>& over) : over_(over) {}
  void operator()(ball& what) {
    if (other_.valid() && !over_)
      other_.tell(what);
  }
  void operator()(pair_up& request) { other_ = std::move(request.with); }

private:
  const std::atomic<bool>& over_;
  handle<cortex::protocol<ball>> other_;
};

} // namespace

TEST_CASE("two actors that keep each other busy leave turns of the only worker to others",
          "[turns]") {
  std::atomic<bool> over{false};
  runtime_options options;
  options.workers = 1;
  auto rt = runtime::open(options);
  REQUIRE(rt);
  auto make = [&over] { return std::make_unique<player>(over); };
  const auto left = rt->spawn<player>("left", make).value();
  const auto right = rt->spawn<player>("right", make).value();
  const auto third = rt->spawn<player>("third", make).value();
  left.tell(pair_up{right});
  right.tell(pair_up{left});
  left.tell(ball{});
  while (rt->metrics().front().handled < 1000) // the game goes on
    std::this_thread::yield();

  CHECK(third.ask(ball{}, 20s).get());

  over = true;
  CHECK(left.call(pair_up{}));
  CHECK(right.call(pair_up{}));
}

} // namespace cortex::testing
