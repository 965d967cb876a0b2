#include "sample_actors.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

/// What the factory of a `fragile` does, and what it has seen.
struct plan {
  int made = 0;
  int destroyed = 0;
  int started = 0;
  bool factory_throws = false;
  bool factory_gives_nothing = false;
  bool start_throws = false;
};

class fragile : public worker {
public:
  explicit fragile(plan& p) : plan_(p) {}
  ~fragile() { ++plan_.destroyed; }
  void on_start(const weak_handle<protocol>&) {
    ++plan_.started;
    if (plan_.start_throws)
      throw std::runtime_error{"no start"};
  }

private:
  plan& plan_;
};

expected<worker_handle> spawn_fragile(runtime& rt, plan& p, actor_options options = {}) {
  return rt.spawn<fragile>(
    "worker",
    [&p]() -> std::unique_ptr<fragile> {
      ++p.made;
      if (p.factory_throws)
        throw std::runtime_error{"no object"};
      if (p.factory_gives_nothing)
        return nullptr;
      return std::make_unique<fragile>(p);
    },
    options);
}

actor_options restarts(std::size_t most, std::chrono::nanoseconds first = 10ms,
                       std::chrono::nanoseconds last = 5s) {
  actor_options options;
  options.restart.max_restarts = most;
  options.restart.min_backoff = first;
  options.restart.max_backoff = last;
  return options;
}

bool names(const error& problem, std::string_view text) {
  return problem.detail.find(text) != std::string::npos;
}

} // namespace

TEST_CASE("the request that throws gets internal with the reason", "[supervision][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);

  const auto called = actor.call(crash{"first"});
  const auto asked = actor.ask(crash{"second"}).get();

  REQUIRE(error_of(called) == errc::internal);
  CHECK(names(called.error(), "first"));
  CHECK(names(called.error(), "worker"));
  REQUIRE(error_of(asked) == errc::internal);
  CHECK(names(asked.error(), "second"));
}

TEST_CASE("what is thrown need not be an exception", "[supervision][errors]") {
  struct odd {
    using reply = void;
  };
  struct thrower {
    using protocol = cortex::protocol<odd>;
    void operator()(const odd&) { throw 1; }
  };
  auto rt = open_runtime();
  auto actor = spawn<thrower>(rt, "thrower", {});

  CHECK(error_of(actor.call(odd{})) == errc::internal);
  CHECK(metrics_of(rt, "thrower").restarts == 1);
}

TEST_CASE("answers that the object owed when it threw are unavailable", "[supervision][errors]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto first = actor.ask(keep{});
  auto second = actor.ask(keep{});

  CHECK(error_of(actor.call(crash{})) == errc::internal);

  CHECK(error_of(first.get()) == errc::unavailable);
  CHECK(error_of(second.get()) == errc::unavailable);
}

TEST_CASE("requests that wait when the object throws are handled by the next one",
          "[supervision]") {
  auto rt = open_deterministic();
  plan p;
  auto actor = spawn_fragile(rt, p).value();
  auto before = actor.ask(add{1});
  auto thrown = actor.ask(crash{});
  auto after = actor.ask(add{10});
  auto sum = actor.ask(total{});

  rt.run_until_idle();

  CHECK(before.get());
  CHECK(error_of(thrown.get()) == errc::internal);
  CHECK(after.get());
  CHECK(sum.get().value() == 10); // the object is fresh
  CHECK(p.made == 2);
  CHECK(p.started == 2);
  CHECK(p.destroyed == 1);
}

TEST_CASE("an answer given before the handler throws stands", "[supervision]") {
  struct both {
    using reply = int;
  };
  struct giver {
    using protocol = cortex::protocol<both>;
    void operator()(const both&, promise<int> owed) {
      owed.set(3);
      throw std::runtime_error{"afterwards"};
    }
  };
  auto rt = open_runtime();
  auto actor = spawn<giver>(rt, "giver", {});

  CHECK(actor.call(both{}).value() == 3);
  CHECK(metrics_of(rt, "giver").failed == 1);
}

TEST_CASE("a handler that throws with its promise in hand answers internal",
          "[supervision][errors]") {
  struct owing {
    using reply = int;
  };
  struct thrower {
    using protocol = cortex::protocol<owing>;
    void operator()(const owing&, promise<int> /*owed*/) { throw std::runtime_error{"no luck"}; }
  };
  auto rt = open_runtime();
  auto actor = spawn<thrower>(rt, "thrower", {});

  const auto called = actor.call(owing{});
  const auto asked = actor.ask(owing{}).get();

  REQUIRE(error_of(called) == errc::internal);
  CHECK(names(called.error(), "no luck"));
  CHECK(error_of(asked) == errc::internal);
}

TEST_CASE("a promise that its handler drops and returns is unavailable", "[supervision][errors]") {
  struct owing {
    using reply = int;
  };
  struct forgetful {
    using protocol = cortex::protocol<owing>;
    void operator()(const owing&, promise<int> owed) { const auto dropped = std::move(owed); }
  };
  auto rt = open_runtime();
  auto actor = spawn<forgetful>(rt, "forgetful", {});

  CHECK(error_of(actor.call(owing{})) == errc::unavailable);
  CHECK(metrics_of(rt, "forgetful").failed == 0);
}

TEST_CASE("promises of other requests that a throwing handler drops are unavailable",
          "[supervision][errors]") {
  struct owing {
    using reply = int;
    bool last = false;
  };
  struct hoarder {
    using protocol = cortex::protocol<owing>;
    void operator()(const owing& request, promise<int> owed) {
      kept.push_back(std::move(owed));
      if (!request.last)
        return;
      const auto dropped = std::exchange(kept, {}); // its own among them
      throw std::runtime_error{"no luck"};
    }
    std::vector<promise<int>> kept;
  };
  auto rt = open_deterministic();
  auto actor = spawn<hoarder>(rt, "hoarder", {});
  auto first = actor.ask(owing{});

  CHECK(error_of(actor.call(owing{true})) == errc::internal);

  REQUIRE(first.ready());
  CHECK(error_of(first.get()) == errc::unavailable);
}

TEST_CASE("the second crash in a window waits for the back-off", "[supervision]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt, restarts(5, 10ms));
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  REQUIRE(actor.call(add{1}));
  CHECK(metrics_of(rt).state == actor_state::running);

  REQUIRE(error_of(actor.call(crash{"again"})) == errc::internal);
  auto waiting = actor.ask(total{});
  rt.run_until_idle();
  CHECK_FALSE(waiting.ready());
  CHECK(metrics_of(rt).state == actor_state::backing_off);
  CHECK(metrics_of(rt).why == "again");
  CHECK(metrics_of(rt).depth == 1);
  rt.advance(9ms);
  CHECK_FALSE(waiting.ready());
  rt.advance(1ms);

  CHECK(waiting.get().value() == 0);
  CHECK(metrics_of(rt).state == actor_state::running);
  CHECK(metrics_of(rt).restarts == 2);
  CHECK(metrics_of(rt).depth == 0);
}

TEST_CASE("the back-off doubles up to its limit", "[supervision]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt, restarts(10, 10ms, 25ms));
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);

  for (auto pause : {10ms, 20ms, 25ms, 25ms}) {
    REQUIRE(error_of(actor.call(crash{})) == errc::internal);
    auto waiting = actor.ask(echo{1});
    rt.advance(pause - 1ms);
    CHECK_FALSE(waiting.ready());
    rt.advance(1ms);
    CHECK(waiting.get().value() == 1);
  }
}

TEST_CASE("a crash long after the last one restarts at once again", "[supervision]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt, restarts(1));

  for (int i = 0; i < 5; ++i) {
    REQUIRE(error_of(actor.call(crash{})) == errc::internal);
    CHECK(actor.call(echo{i}).value() == i);
    clock.advance(60s);
  }

  CHECK(metrics_of(rt).restarts == 5);
}

TEST_CASE("requests that wait for a restart keep their order, across a crash among them",
          "[supervision]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt, restarts(10, 10ms, 10ms));
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  auto one = actor.ask(add{1});
  auto sum = actor.ask(total{});
  auto thrown = actor.ask(crash{});
  auto two = actor.ask(add{2});
  auto rest = actor.ask(total{});

  rt.advance(10ms);
  CHECK(sum.get().value() == 1);
  CHECK(error_of(thrown.get()) == errc::internal);
  CHECK_FALSE(rest.ready());
  auto last = actor.ask(total{});
  rt.advance(10ms);

  CHECK(one.get());
  CHECK(two.get());
  CHECK(rest.get().value() == 2);
  CHECK(last.get().value() == 2);
}

TEST_CASE("a request whose time passes during the back-off is not handled", "[supervision]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt, restarts(5, 10ms));
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  auto late = actor.ask(add{1}, 1s);

  clock.advance(2s);
  rt.advance(10ms);

  CHECK(error_of(late.get()) == errc::timeout);
  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("an actor that throws too often has failed and says why", "[supervision][errors]") {
  auto rt = open_deterministic();
  auto other = spawn<worker>(rt, "other", {});
  auto actor = spawn_worker(rt, restarts(1));
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  auto thrown = actor.ask(crash{"the last straw"});
  auto waiting = actor.ask(echo{1});

  rt.run_until_idle();

  CHECK(error_of(thrown.get()) == errc::internal);
  CHECK(error_of(waiting.get()) == errc::unavailable);
  CHECK(error_of(actor.call(echo{1})) == errc::unavailable);
  const auto seen = metrics_of(rt);
  CHECK(seen.state == actor_state::failed);
  CHECK(seen.why == "the last straw");
  CHECK(seen.restarts == 1);
  CHECK(seen.failed == 2);
  CHECK(other.call(echo{2}).value() == 2); // the rest goes on
}

TEST_CASE("an actor without restarts fails with its first crash", "[supervision][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt, restarts(0));

  CHECK(error_of(actor.call(crash{})) == errc::internal);

  CHECK(error_of(actor.call(echo{1})) == errc::unavailable);
  CHECK(metrics_of(rt).state == actor_state::failed);
}

TEST_CASE("requests that wait for a restart which never comes are unavailable",
          "[supervision][errors]") {
  auto rt = open_deterministic();
  plan p;
  auto actor = spawn_fragile(rt, p, restarts(2, 10ms)).value();
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  auto waiting = actor.ask(echo{1});
  p.factory_throws = true;

  rt.advance(10ms);

  CHECK(error_of(waiting.get()) == errc::unavailable);
  CHECK(metrics_of(rt).state == actor_state::failed);
  CHECK(metrics_of(rt).why.find("no object") != std::string::npos);
  CHECK(metrics_of(rt).depth == 0);
}

TEST_CASE("a factory or a start that fails on a restart is tried again", "[supervision]") {
  auto rt = open_deterministic();
  plan p;
  auto actor = spawn_fragile(rt, p, restarts(5, 10ms)).value();
  bool plan::*const flaw
    = GENERATE(&plan::factory_throws, &plan::factory_gives_nothing, &plan::start_throws);
  p.*flaw = true;

  CHECK(error_of(actor.call(crash{})) == errc::internal);
  CHECK(metrics_of(rt).state == actor_state::backing_off);
  auto waiting = actor.ask(echo{4});
  rt.run_until_idle();
  CHECK_FALSE(waiting.ready());
  p.*flaw = false;
  rt.advance(10ms);

  CHECK(waiting.get().value() == 4);
}

TEST_CASE("a factory or a start that fails at first is an error of spawn",
          "[supervision][errors]") {
  auto rt = open_runtime();
  plan p;
  bool plan::*const flaw
    = GENERATE(&plan::factory_throws, &plan::factory_gives_nothing, &plan::start_throws);
  p.*flaw = true;

  const auto refused = spawn_fragile(rt, p);
  p.*flaw = false;

  REQUIRE(error_of(refused) == errc::internal);
  CHECK(names(refused.error(), "worker"));
  CHECK(rt.metrics().empty());
  CHECK(spawn_fragile(rt, p).value().call(echo{1}).value() == 1); // the name is free
}

TEST_CASE("a crash and a failure are told to the log", "[supervision]") {
  std::vector<std::string> lines;
  std::vector<severity> levels;
  runtime_options options;
  options.deterministic = true;
  options.log = [&](severity level, std::string_view component, std::string_view text) {
    levels.push_back(level);
    lines.push_back(std::string{component} + ": " + std::string{text});
  };
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt, restarts(1));

  static_cast<void>(actor.call(crash{"once"}));
  static_cast<void>(actor.call(crash{"twice"}));

  REQUIRE(lines.size() == 2);
  CHECK(levels == std::vector{severity::warning, severity::error});
  CHECK(lines[0].find("worker") != std::string::npos);
  CHECK(lines[0].find("once") != std::string::npos);
  CHECK(lines[1].find("twice") != std::string::npos);
}

TEST_CASE("a handle works across restarts, and so do its copies", "[supervision]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  auto copy = actor;

  CHECK(error_of(actor.call(crash{})) == errc::internal);

  CHECK(copy.call(add{1}));
  CHECK(actor.call(total{}).value() == 1);
}

TEST_CASE("32 threads are answered once each while the actor crashes again and again",
          "[supervision][concurrency]") {
  auto rt = open_runtime();
  actor_options options = restarts(1'000'000, 1ns, 1us);
  auto actor = spawn_worker(rt, options);
  constexpr int calls = 200;
  std::atomic<int> good = 0;
  std::atomic<int> thrown = 0;
  std::atomic<int> dropped = 0;

  run_threads(32, [&](std::size_t thread) {
    for (int i = 0; i < calls; ++i) {
      const int n = static_cast<int>(thread) * calls + i;
      if (n % 20 == 0) {
        thrown += error_of(actor.call(crash{})) == errc::internal;
      } else if (n % 20 == 1) { // only a crash, if anything, answers it
        auto kept = actor.ask(keep{});
        const auto answer = actor.call(answer_kept{n});
        const auto mine = kept.get();
        dropped += answer && (mine || mine.error() == errc::unavailable);
      } else {
        const auto answer = n % 2 == 0 ? actor.call(echo{n}) : actor.ask(echo{n}).get();
        good += answer && *answer == n;
      }
    }
  });

  CHECK(thrown == 320);
  CHECK(dropped == 320);
  CHECK(good == 32 * calls - 640);
  CHECK(metrics_of(rt).restarts == 320);
  CHECK(metrics_of(rt).depth == 0);
}

TEST_CASE("an endless back-off is never over", "[supervision]") {
  constexpr auto for_ever = std::chrono::nanoseconds::max();
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt, restarts(5, for_ever, for_ever));
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);

  rt.advance(std::chrono::hours{24});

  CHECK(metrics_of(rt).state == actor_state::backing_off);
}

} // namespace cortex::testing
