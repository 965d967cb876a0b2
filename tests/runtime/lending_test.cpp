#include "sample_actors.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace cortex::testing {
namespace {

std::thread::id here() {
  return std::this_thread::get_id();
}

// -- an actor that tries to block -----------------------------------------------------------------

struct call_other {
  using reply = std::optional<errc>;
};
struct call_other_parked {
  using reply = std::optional<errc>;
};
struct get_answer {
  using reply = std::optional<errc>;
};
struct wait_for_answer {
  using reply = bool;
};
struct take_ready {
  using reply = int;
};
struct stop_runtime {
  using reply = std::optional<errc>;
};
struct forward_total {
  using reply = int;
};

class blocker {
public:
  using protocol = cortex::protocol<call_other, call_other_parked, get_answer, wait_for_answer,
                                    take_ready, stop_runtime, forward_total>;
  blocker(runtime rt, worker_handle other) : rt_(std::move(rt)), other_(std::move(other)) {}

  std::optional<errc> operator()(const call_other&) { return error_of(other_.call(echo{1})); }
  std::optional<errc> operator()(const call_other_parked&) {
    return error_of(other_.call_parked(echo{1}));
  }
  std::optional<errc> operator()(const get_answer&) { return error_of(other_.ask(keep{}).get()); }
  bool operator()(const wait_for_answer&) {
    return other_.ask(keep{}).wait_for(std::chrono::nanoseconds::max());
  }
  int operator()(const take_ready&) { return make_ready_future<int>(4).get().value(); }
  std::optional<errc> operator()(const stop_runtime&) { return error_of(rt_.stop()); }
  future<int> operator()(const forward_total&) { return other_.ask(total{}); }

private:
  runtime rt_;
  worker_handle other_;
};

struct blocker_fixture {
  runtime rt = open_runtime();
  worker_handle other = spawn_worker(rt);
  handle<blocker::protocol> actor = spawn<blocker>(rt, "blocker", {}, rt.unowned(), other);
};

} // namespace

TEST_CASE("an idle actor is run by the thread that calls it", "[lending]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);

  for (int i = 0; i < 100; ++i)
    REQUIRE(actor.call(where{}).value() == here());

  CHECK(metrics_of(rt).lent == 100);
}

TEST_CASE("a caller that refuses to lend its thread does not run the actor", "[lending]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);

  CHECK(actor.call_parked(where{}).value() != here());
  CHECK(actor.ask(where{}).get().value() != here());

  CHECK(metrics_of(rt).lent == 0);
}

TEST_CASE("a caller that finds the actor busy is answered all the same", "[lending]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  held_worker held{actor};
  std::jthread caller;
  std::atomic<int> answer = 0;

  caller = std::jthread{[&] { answer = actor.call(echo{3}).value(); }};
  REQUIRE(eventually([&] { return metrics_of(rt).depth == 1; }));
  held.release();
  caller.join();

  CHECK(answer == 3);
  CHECK(metrics_of(rt).lent == 0);
}

TEST_CASE("an actor that throws on a lent thread is made anew and the caller gets internal",
          "[lending][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  REQUIRE(actor.call(add{5}));

  const auto thrown = actor.call(crash{"on a lent thread"});

  REQUIRE(error_of(thrown) == errc::internal);
  CHECK(thrown.error().detail.find("on a lent thread") != std::string::npos);
  CHECK(actor.call(total{}).value() == 0);
  CHECK(actor.call(where{}).value() == here());
  CHECK(metrics_of(rt).restarts == 1);
}

TEST_CASE("an actor that ends while threads are lent to it answers everybody",
          "[lending][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::atomic<int> answered = 0;
  countdown calling{8};

  std::vector<std::jthread> callers;
  for (int thread = 0; thread < 8; ++thread)
    callers.emplace_back([&, mine = actor] {
      for (int i = 0;; ++i) {
        const auto answer = mine.call(echo{i});
        if (!answer) {
          answered += answer.error() == errc::closed || answer.error() == errc::unavailable;
          return;
        }
        if (i == 10)
          calling.arrive();
      }
    });
  REQUIRE(calling.wait());
  CHECK(rt.stop(default_deadline));
  callers.clear();

  CHECK(answered == 8);
}

TEST_CASE("the last handle may go while its own thread runs the actor", "[lending][concurrency]") {
  auto rt = open_runtime();

  for (int i = 0; i < 200; ++i) {
    auto actor = spawn<worker>(rt, "worker_" + std::to_string(i), {});
    run_threads(4, [mine = std::move(actor)](std::size_t) mutable {
      const auto copy = mine;
      if (!copy.call(add{1}))
        throw std::runtime_error{"a handle's owner was not answered"};
    });
  }

  CHECK(eventually([&] { return rt.metrics().empty(); }));
}

TEST_CASE("a lent thread that stays in a handler past the stop deadline comes back unharmed",
          "[lending][stop]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  std::optional<errc> answer = errc::internal;
  std::jthread caller{[&] { answer = error_of(actor.call(hold{&entered, &release}, 60s)); }};
  REQUIRE(entered.wait());

  const auto stopped = rt.stop(1ms);
  release.set();
  caller.join();

  REQUIRE(error_of(stopped) == errc::timeout);
  CHECK(stopped.error().detail.find("worker") != std::string::npos);
  CHECK_FALSE(answer);
}

TEST_CASE("handlers run one at a time, whoever lends a thread", "[lending][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  constexpr int calls = 200;

  run_threads(64, [&](std::size_t thread) {
    for (int i = 0; i < calls; ++i) {
      const auto way = (thread + static_cast<std::size_t>(i)) % 4;
      if (way == 0)
        actor.tell(add{1});
      else if (!(way == 1 ? actor.ask(add{1}).get() : actor.call(add{1})))
        throw std::runtime_error{"not answered"};
    }
  });

  CHECK(actor.call(total{}).value() == 64 * calls);
}

TEST_CASE("a caller with less time than the slowest handler took lends nothing", "[lending]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  struct slow {
    using reply = void;
    std::chrono::nanoseconds takes;
  };
  struct sleeper {
    using protocol = cortex::protocol<slow, where>;
    explicit sleeper(manual_monotonic_clock* c) : clock(c) {}
    void operator()(const slow& r) { clock->advance(r.takes); }
    std::thread::id operator()(const where&) { return here(); }
    manual_monotonic_clock* clock;
  };
  auto actor = spawn<sleeper>(rt, "sleeper", {}, &clock);
  REQUIRE(actor.call(slow{10s}, 60s));
  REQUIRE(metrics_of(rt, "sleeper").lent == 1);

  const auto hurried = actor.call(where{}, 5s);
  CHECK(hurried.value() != here());
  CHECK(metrics_of(rt, "sleeper").lent == 1);
}

// -- blocking inside a handler --------------------------------------------------------------------

TEST_CASE_METHOD(blocker_fixture, "whatever would block inside a handler is refused",
                 "[lending][errors]") {
  const bool lent = GENERATE(true, false);
  auto on = [&](auto request) {
    return lent ? actor.call(request).value() : actor.ask(request).get().value();
  };

  CHECK(on(call_other{}) == errc::would_deadlock);
  CHECK(on(call_other_parked{}) == errc::would_deadlock);
  CHECK(on(get_answer{}) == errc::would_deadlock);
  CHECK_FALSE(on(wait_for_answer{}));
  CHECK(on(stop_runtime{}) == errc::would_deadlock);

  CHECK(on(take_ready{}) == 4); // nothing to wait for
  CHECK(rt.accepting());
}

TEST_CASE_METHOD(blocker_fixture, "a handler asks another actor and forwards its answer",
                 "[lending]") {
  REQUIRE(other.call(add{6}));

  CHECK(actor.call(forward_total{}).value() == 6);
  CHECK(actor.ask(forward_total{}).get().value() == 6);
}

TEST_CASE_METHOD(blocker_fixture, "the thread that ran a handler may block again afterwards",
                 "[lending]") {
  CHECK(actor.call(call_other{}).value() == errc::would_deadlock);
  CHECK(other.call(echo{1}).value() == 1);
  CHECK(error_of(other.call(crash{})) == errc::internal);

  CHECK(other.call(echo{2}).value() == 2);
}

} // namespace cortex::testing
