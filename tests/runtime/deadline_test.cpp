#include "sample_actors.hpp"

#include <atomic>
#include <chrono>
#include <optional>

namespace cortex::testing {
namespace {

template <class T>
stage stage_of(const expected<T>& answer) {
  REQUIRE(error_of(answer) == errc::timeout);
  return answer.error().where;
}

} // namespace

TEST_CASE("a request without time is refused at admission", "[deadline][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);

  CHECK(stage_of(actor.call(add{}, 0ns)) == stage::admission);
  CHECK(stage_of(actor.call(add{}, -1s)) == stage::admission);
  CHECK(stage_of(actor.ask(add{}, 0ns).get()) == stage::admission);

  CHECK(actor.call(total{}).value() == 0);
  CHECK(metrics_of(rt).handled == 1);
}

TEST_CASE("a request whose time passes in the mailbox is never handled", "[deadline][errors]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  held_worker held{actor};
  auto late = actor.ask(add{1}, 5s);
  auto in_time = actor.ask(add{10}, 7s);

  clock.advance(6s);
  held.release();

  CHECK(stage_of(late.get()) == stage::mailbox);
  CHECK(in_time.get());
  CHECK(actor.call(total{}).value() == 10);
  CHECK(metrics_of(rt).expired == 1);
}

TEST_CASE("a deadline ends when it is reached, not after it", "[deadline]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt);
  auto exact = actor.ask(add{1}, 5s);
  auto longer = actor.ask(add{10}, 5s + 1ns);

  clock.advance(5s);
  rt.run_until_idle();

  CHECK(stage_of(exact.get()) == stage::mailbox);
  CHECK(longer.get());
}

TEST_CASE("a caller leaves a blocked actor's mailbox when its time is up", "[deadline][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  held_worker held{actor};

  CHECK(stage_of(actor.call(add{1}, 2ms)) == stage::mailbox);
  CHECK(stage_of(actor.ask(add{1}, 2ms).get()) == stage::mailbox);
  held.release();

  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("time that runs out while the handler works says so, and its answer is dropped",
          "[deadline][errors]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  auto answer = actor.ask(hold{&entered, &release}, 5s);
  REQUIRE(entered.wait());

  clock.advance(6s);
  const auto given_up = answer.get();
  release.set();

  CHECK(stage_of(given_up) == stage::handler);
  CHECK(actor.call(echo{1}).value() == 1);
  CHECK(metrics_of(rt).expired == 0);
}

TEST_CASE("get of a continuation gives up with the request, which is never handled then",
          "[deadline][errors]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  held_worker held{actor};
  signal ran;
  std::optional<errc> given;
  auto next = actor.ask(add{1}, 5s)
                .then([](expected<void> sum) { return sum; })
                .then([&](expected<void> sum) {
                  given = error_of(sum);
                  ran.set();
                });

  clock.advance(6s);
  const auto given_up = next.get();
  const auto expired = metrics_of(rt).expired;

  // Either the continuations ended before `get` looked, or `get` names the stage.
  CHECK((given_up || given_up.error().where == stage::mailbox));
  REQUIRE(ran.wait());
  CHECK(given == errc::timeout);
  CHECK(expired == 0); // nobody but `get` has seen that time is up
  held.release();
  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("get of a continuation gives up on a request that its handler has begun, and the "
          "continuation runs with the answer",
          "[deadline][errors]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  signal ran;
  std::optional<errc> given;
  auto next = actor.ask(hold{&entered, &release}, 5s).then([&](expected<void> done) {
    given = error_of(done);
    ran.set();
  });
  REQUIRE(entered.wait());

  clock.advance(6s);
  const auto given_up = next.get();
  release.set();

  CHECK(stage_of(given_up) == stage::handler);
  REQUIRE(ran.wait());
  CHECK_FALSE(given);
}

TEST_CASE("an inline continuation of a request whose time is up may give another answer",
          "[deadline]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  const held_worker held{actor};
  auto next = actor.ask(echo{1}, 5s).then(inline_executor(), [](expected<int> n) {
    return n.value_or(-1);
  });

  clock.advance(6s);

  CHECK(next.get().value() == -1);
  CHECK(metrics_of(rt).expired == 0); // nobody but `get` has seen that time is up
}

TEST_CASE("the default deadline of an actor stands for requests that name none", "[deadline]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  actor_options hurried;
  hurried.default_deadline = 3s;
  auto quick = spawn<worker>(rt, "quick", hurried);
  auto usual = spawn<worker>(rt, "usual", {});
  auto from_actor = quick.ask(echo{1});
  auto from_runtime = usual.ask(echo{1});
  auto named = quick.ask(echo{1}, 10s);
  quick.tell(add{1}); // wants no answer, so it has all the time

  clock.advance(4s);
  rt.run_until_idle();

  CHECK(stage_of(from_actor.get()) == stage::mailbox);
  CHECK(from_runtime.get());
  CHECK(named.get());
  CHECK(quick.call(total{}).value() == 1);
}

TEST_CASE("a promise knows that its asker has given up", "[deadline]") {
  struct slow {
    using reply = int;
  };
  struct finish {
    using reply = bool;
  };
  struct keeper {
    using protocol = cortex::protocol<slow, finish>;
    void operator()(const slow&, promise<int> given) { owed = std::move(given); }
    bool operator()(const finish&) {
      const bool abandoned = owed.abandoned();
      owed.set(1);
      return abandoned;
    }
    promise<int> owed;
  };
  auto rt = open_runtime();
  auto actor = spawn<keeper>(rt, "keeper", {});
  auto wanted = actor.ask(slow{});
  CHECK_FALSE(actor.call(finish{}).value());
  CHECK(wanted.get().value() == 1);

  auto cancelled = actor.ask(slow{});
  static_cast<void>(cancelled.cancel());
  // Whether the cancel came before the handler or not, nobody is harmed.
  CHECK(actor.call(finish{}));
}

TEST_CASE("a parked call waits by the system's clock, whatever clock deadlines use", "[deadline]") {
  manual_monotonic_clock clock;
  const bool ahead = GENERATE(true, false);
  if (ahead) // of the system's, for any machine that has been up for less than a century
    clock.advance(std::chrono::hours{24 * 365 * 100});
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);

  for (int i = 0; i < 20; ++i)
    REQUIRE(actor.call_parked(echo{i}).value() == i);

  const auto late = actor.call(keep{}, 2ms);
  CHECK(error_of(late) == errc::timeout);
}

TEST_CASE("requests of 16 threads with hardly any time are answered once each",
          "[deadline][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::atomic<int> answered = 0;
  std::atomic<int> added = 0;

  run_threads(16, [&](std::size_t thread) {
    for (int i = 0; i < 200; ++i) {
      const auto within = std::chrono::microseconds{(i * 7 + static_cast<int>(thread)) % 300};
      const auto answer = i % 2 == 0 ? actor.call(add{1}, within) : actor.ask(add{1}, within).get();
      added += answer.has_value();
      answered += answer || answer.error() == errc::timeout;
    }
  });

  CHECK(answered == 3'200);
  CHECK(actor.call(total{}, 30s).value() >= added); // one in its handler may still take effect
}

} // namespace cortex::testing
