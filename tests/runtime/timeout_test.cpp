#include "sample_actors.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

template <class T>
stage stage_of(const expected<T>& answer) {
  REQUIRE(error_of(answer) == errc::timeout);
  return answer.error().where;
}

} // namespace

TEST_CASE("an answer that comes within its time is passed on, errors too", "[within]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);

  CHECK(actor.ask(echo{3}).within(60s).get().value() == 3);
  CHECK(error_of(actor.ask(find{false}).within(60s).get()) == errc::not_found);
  CHECK(actor.ask(echo{4}).within(std::chrono::nanoseconds::max()).get().value() == 4);
  CHECK(make_ready_future<int>(5).within(0ns).get().value() == 5);
}

TEST_CASE("an answer that does not come within its time is a timeout, exactly then",
          "[within][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto answer = actor.ask(keep{}).within(5s);

  rt.advance(5s - 1ns);
  CHECK_FALSE(answer.ready());
  rt.advance(1ns);

  REQUIRE(answer.ready());
  CHECK(stage_of(answer.get()) == stage::handler);
  CHECK(actor.call(answer_kept{1}).value() == 1); // nobody is harmed by the late answer
}

TEST_CASE("a request that waits when its time within is over is never handled",
          "[within][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  static_cast<void>(actor.call(crash{}));
  static_cast<void>(actor.call(crash{})); // backs off for 10 ms
  auto answer = actor.ask(add{1}).within(5ms);

  rt.advance(5ms);
  REQUIRE(answer.ready());
  CHECK(stage_of(answer.get()) == stage::mailbox);
  rt.advance(5ms);

  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("the timer of a running system wakes by itself, and for the nearest time", "[within]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  const held_worker busy{actor};
  auto patient = actor.ask(add{1}, 1h).within(1h);
  auto waiting = actor.ask(add{1}, 1h).within(1ms);
  auto begun = actor.ask(keep{}, 1h).within(-1s);

  REQUIRE(waiting.wait_for(default_deadline));
  REQUIRE(begun.wait_for(default_deadline));

  CHECK(stage_of(waiting.get()) == stage::mailbox);
  CHECK(error_of(begun.get()) == errc::timeout);
  CHECK_FALSE(patient.ready());
  CHECK(patient.cancel());
}

TEST_CASE("timeouts come in the order of their times", "[within][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  std::string order;
  auto ask = [&](char name, std::chrono::seconds patience) {
    return actor.ask(keep{}).within(patience).then(
      inline_executor(), [&order, name](expected<int>) { order += name; });
  };
  const auto c = ask('c', 3s);
  const auto a = ask('a', 1s);
  const auto b = ask('b', 2s);

  rt.advance(1s);
  CHECK(order == "a");
  rt.advance(10s);

  CHECK(order == "abc");
}

TEST_CASE("what comes before a timeout is given the timeout, what comes after it as well",
          "[within][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  static_cast<void>(actor.call(crash{}));
  static_cast<void>(actor.call(crash{}));
  std::optional<errc> before;
  std::optional<errc> after;
  auto last = actor.ask(add{1})
                .then([&](expected<void> done) { before = error_of(done); })
                .within(1ms)
                .then([&](expected<void> done) { after = error_of(done); });

  rt.advance(1ms);

  CHECK(last.ready());
  CHECK(before == errc::timeout);
  CHECK(after == errc::timeout);
}

TEST_CASE("all answers within one time: what has not begun is withdrawn", "[within][when_all]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  static_cast<void>(actor.call(crash{}));
  static_cast<void>(actor.call(crash{}));

  auto all = when_all(actor.ask(add{1}), actor.ask(add{2})).within(1ms);
  rt.advance(1ms);
  CHECK(error_of(all.get()) == errc::timeout);
  rt.advance(1s);

  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("a coroutine waits for no longer than within", "[within][task][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto body = [](worker_handle from) -> task<bool> {
    auto late = co_await from.ask(keep{}).within(1s);
    auto there = co_await from.ask(echo{1}).within(1s);
    co_return error_of(late) == errc::timeout&& there.value() == 1;
  };
  auto result = rt.start(body(actor));

  rt.advance(1s);

  CHECK(result.get().value());
}

// -- what a timer costs ---------------------------------------------------------------------------

TEST_CASE("the timer goes with the answer, long before its time", "[within]") {
  auto rt = open_runtime();
  auto value = std::make_shared<int>(1);
  {
    auto [owed, answer] = make_promise<std::shared_ptr<int>>();
    auto timed = std::move(answer).within(rt.continuations(), 1h);
    owed.set(value);
    CHECK(timed.ready());
    CHECK(value.use_count() == 2);
  }

  CHECK(value.use_count() == 1); // a timer would have kept the answer
}

TEST_CASE("the timer goes with a cancel, which withdraws the request", "[within][cancel]") {
  auto rt = open_runtime();
  auto held = std::make_shared<int>(1);
  auto [owed, answer] = make_promise<int>();
  {
    auto timed = std::move(answer)
                   .then([held](expected<int> n) { return n; })
                   .within(rt.continuations(), 1h);
    CHECK(timed.cancel());
    CHECK(error_of(timed.get()) == errc::cancelled);
  }

  CHECK(owed.abandoned());
  CHECK(held.use_count() == 1);
}

TEST_CASE("100,000 outstanding timeouts end once each", "[within][deterministic]") {
  constexpr int count = 100'000;
  auto rt = open_deterministic();
  std::vector<promise<int>> owed;
  std::vector<future<int>> answers;
  for (int i = 0; i < count; ++i) {
    auto [mine, answer] = make_promise<int>();
    owed.push_back(std::move(mine));
    answers.push_back(
      std::move(answer).within(rt.continuations(), std::chrono::milliseconds{1 + i * 7 % count}));
  }

  for (int i = 0; i < count; i += 2)
    owed[static_cast<std::size_t>(i)].set(i);
  rt.advance(std::chrono::milliseconds{count});

  int wrong = 0;
  for (int i = 0; i < count; ++i) {
    auto& answer = answers[static_cast<std::size_t>(i)];
    if (!answer.ready())
      FAIL("no answer to " << i);
    const auto got = answer.get();
    wrong += i % 2 == 0 ? got.value_or(-1) != i : error_of(got) != errc::timeout;
  }
  CHECK(wrong == 0);
}

TEST_CASE("answers and timers of 8 threads meet exactly once", "[within][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::atomic<int> answered = 0;

  run_threads(8, [&](std::size_t thread) {
    for (int i = 0; i < 500; ++i) {
      const auto patience = std::chrono::microseconds{(i * 7 + static_cast<int>(thread)) % 200};
      const auto answer = actor.ask(echo{i}).within(patience).get();
      answered += answer ? *answer == i : answer.error() == errc::timeout;
    }
  });

  CHECK(answered == 4'000);
}

// -- where there are no timers --------------------------------------------------------------------

TEST_CASE("an answer awaited within a time is closed when the runtime has stopped",
          "[within][stop]") {
  const bool deterministic = GENERATE(false, true);
  auto rt = deterministic ? open_deterministic() : open_runtime();
  auto [owed, answer] = make_promise<int>();
  auto [other_owed, other] = make_promise<int>();
  auto timed = std::move(answer).within(rt.continuations(), 1h);

  REQUIRE(rt.stop(default_deadline));

  REQUIRE(timed.ready());
  CHECK(error_of(timed.get()) == errc::closed);
  CHECK(owed.abandoned());
  auto late = std::move(other).within(rt.continuations(), 1h);
  CHECK(error_of(late.get()) == errc::closed);
  CHECK(other_owed.abandoned());
}

TEST_CASE("a continuation that ends its runtime closes what is awaited within a time",
          "[within][stop]") {
  auto rt = open_runtime();
  auto [owed, answer] = make_promise<int>();
  auto timed = std::move(answer).within(rt.continuations(), 1h);
  auto [go, start] = make_promise<int>(rt.continuations());
  auto stopped = std::move(start).then([&](expected<int>) { return error_of(rt.stop(1ms)); });

  go.set(1);

  REQUIRE(stopped.wait_for(default_deadline));
  CHECK(error_of(timed.get()) == errc::closed);
}

TEST_CASE("where continuations run without timers, within is unsupported and says so at once",
          "[within][errors]") {
  auto [owed, answer] = make_promise<int>();

  auto timed = std::move(answer).within(1s);

  REQUIRE(timed.ready());
  CHECK(error_of(timed.get()) == errc::unsupported);
  CHECK(owed.abandoned());
}

} // namespace cortex::testing
