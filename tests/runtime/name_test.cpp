#include "sample_actors.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

expected<worker_handle> try_spawn(runtime& rt, const std::string& name = "worker") {
  return rt.spawn<worker>(name, [] { return std::make_unique<worker>(); });
}

/// Holds its thread while its object ends.
class slow_to_end : public worker {
public:
  slow_to_end(signal* ending, signal* release) : ending_(ending), release_(release) {}
  void on_stop() {
    ending_->set();
    static_cast<void>(release_->wait());
  }

private:
  signal* ending_;
  signal* release_;
};

/// Spawns an actor from its handler.
class parent {
public:
  using protocol = cortex::protocol<find>;
  explicit parent(runtime rt) : rt_(std::move(rt)) {}
  expected<int> operator()(const find&) {
    if (auto child = try_spawn(rt_); !child)
      return unexpected{std::move(child).error()};
    return 1;
  }

private:
  runtime rt_;
};

} // namespace

TEST_CASE("a name belongs to one actor as long as it lives", "[spawn][errors]") {
  auto rt = open_runtime();
  const auto first = try_spawn(rt);
  REQUIRE(first);

  CHECK(error_of(try_spawn(rt)) == errc::already_exists);
  CHECK(try_spawn(rt, "Worker"));
}

TEST_CASE("an actor made anew after its last handle went waits for the old one's end", "[spawn]") {
  auto rt = open_runtime();

  for (int round = 0; round < 500; ++round) {
    auto made = try_spawn(rt);
    if (!made)
      FAIL("round " << round << ": " << to_string(made.error()));
    for (int i = 0; i < 20; ++i)
      made->tell(add{});
  }
}

TEST_CASE("of several that wait for a name one gets it", "[spawn][concurrency]") {
  auto rt = open_runtime();
  signal ending;
  signal release;
  static_cast<void>(spawn<slow_to_end>(rt, "worker", {}, &ending, &release));
  REQUIRE(ending.wait());
  std::vector<expected<worker_handle>> made(4, fail(errc::closed));

  run_threads(5, [&](std::size_t thread) {
    if (thread == 4)
      release.set();
    else
      made[thread] = try_spawn(rt);
  });

  int given = 0;
  for (const auto& each : made) {
    given += each.has_value() ? 1 : 0;
    CHECK((each || each.error().code == errc::already_exists));
  }
  CHECK(given == 1);
}

TEST_CASE("nobody waits for ever for a name", "[spawn][errors]") {
  runtime_options options;
  options.stop_deadline = 1ms;
  auto rt = open_runtime(std::move(options));
  signal ending;
  signal release;
  static_cast<void>(spawn<slow_to_end>(rt, "worker", {}, &ending, &release));
  REQUIRE(ending.wait());

  CHECK(error_of(try_spawn(rt)) == errc::already_exists);

  release.set();
  CHECK(rt.stop(default_deadline));
}

TEST_CASE("a handler does not wait for a name", "[spawn][errors]") {
  auto rt = open_runtime();
  auto outer = spawn<parent>(rt, "parent", {}, rt.unowned());
  signal ending;
  signal release;
  static_cast<void>(spawn<slow_to_end>(rt, "worker", {}, &ending, &release));
  REQUIRE(ending.wait());

  CHECK(error_of(outer.call(find{})) == errc::already_exists);

  release.set();
}

TEST_CASE("on a deterministic runtime the thread that wants a name ends its holder",
          "[spawn][deterministic]") {
  auto rt = open_deterministic();

  for (int round = 0; round < 3; ++round) {
    auto made = try_spawn(rt);
    REQUIRE(made);
    made->tell(add{});
  }
}

TEST_CASE("whoever waits for a name hears that the runtime stops", "[spawn][stop]") {
  auto rt = open_runtime();
  signal ending;
  signal release;
  static_cast<void>(spawn<slow_to_end>(rt, "worker", {}, &ending, &release));
  REQUIRE(ending.wait());
  expected<worker_handle> late = fail(errc::io);

  run_threads(2, [&](std::size_t thread) {
    if (thread == 0) {
      late = try_spawn(rt);
      return;
    }
    release.set();
    static_cast<void>(rt.stop(default_deadline));
  });

  CHECK((late || late.error().code == errc::closed));
}

} // namespace cortex::testing
