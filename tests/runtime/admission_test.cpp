#include "sample_actors.hpp"

#include <atomic>
#include <vector>

namespace cortex::testing {
namespace {

actor_options bound(std::size_t n) {
  actor_options options;
  options.mailbox_bound = n;
  return options;
}

} // namespace

TEST_CASE("beyond its bound an actor refuses at once and says when to try again",
          "[admission][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt, bound(4));
  held_worker held{actor};
  std::vector<future<void>> waiting;
  for (int i = 0; i < 4; ++i)
    waiting.push_back(actor.ask(add{1}));
  CHECK(metrics_of(rt).depth == 4);

  const auto called = actor.call(add{100});
  const auto asked = actor.ask(add{100}).get();
  actor.tell(add{100});

  REQUIRE(error_of(called) == errc::overloaded);
  CHECK(called.error().retry_after > 0ms);
  REQUIRE(error_of(asked) == errc::overloaded);
  CHECK(asked.error().retry_after > 0ms);
  CHECK(metrics_of(rt).overloaded == 3);
  CHECK(metrics_of(rt).depth == 4);

  held.release();
  for (auto& one : waiting)
    CHECK(one.get());
  CHECK(actor.call(total{}).value() == 4);
  CHECK(metrics_of(rt).depth == 0);
}

TEST_CASE("an actor that has made room accepts again", "[admission]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt, bound(1));

  for (int round = 0; round < 20; ++round) {
    held_worker held{actor};
    auto waiting = actor.ask(add{1});
    CHECK(error_of(actor.call(add{1})) == errc::overloaded);
    held.release();
    CHECK(waiting.get());
  }

  CHECK(actor.call(total{}).value() == 20);
}

TEST_CASE("a lone caller is never overloaded", "[admission]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt, bound(1));

  for (int i = 0; i < 1'000; ++i)
    REQUIRE(actor.call(add{1}));

  CHECK(actor.call(total{}).value() == 1'000);
}

TEST_CASE("cancelled and expired requests leave the mailbox's count", "[admission]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt, bound(4));
  auto cancelled = actor.ask(add{1});
  auto late = actor.ask(add{1}, 1s);
  REQUIRE(cancelled.cancel());
  clock.advance(2s);
  CHECK(metrics_of(rt).depth == 2);

  rt.run_until_idle();

  CHECK(metrics_of(rt).depth == 0);
  CHECK(error_of(late.get()) == errc::timeout);
}

TEST_CASE("32 threads at a small bound are answered or refused, once each",
          "[admission][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt, bound(3));
  std::atomic<int> good = 0;
  std::atomic<int> refused = 0;

  run_threads(32, [&](std::size_t thread) {
    for (int i = 0; i < 200; ++i) {
      const auto answer = thread % 2 == 0 ? actor.call(add{1}) : actor.ask(add{1}).get();
      good += answer.has_value();
      refused += error_of(answer) == errc::overloaded;
    }
  });

  CHECK(good + refused == 6'400);
  CHECK(actor.call(total{}).value() == good);
  const auto seen = metrics_of(rt);
  CHECK(seen.overloaded == static_cast<std::uint64_t>(refused));
  CHECK(seen.depth == 0);
}

} // namespace cortex::testing
