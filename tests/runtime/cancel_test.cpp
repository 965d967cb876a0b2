#include "sample_actors.hpp"

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

/// Keeps the jobs until somebody runs them.
class job_list final : public executor {
public:
  void post(job& work) noexcept override { jobs_.push_back(&work); }
  void run_all() {
    for (auto* work : std::exchange(jobs_, {}))
      work->run();
  }

private:
  std::vector<job*> jobs_;
};

} // namespace

TEST_CASE("cancelling a continuation withdraws its request from the mailbox", "[cancel]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  held_worker held{actor};
  std::atomic<int> ran = 0;
  auto next = actor.ask(add{1}).then([&](expected<void>) { ran += 1; }).then([&](expected<void>) {
    ran += 1;
  });

  CHECK(next.cancel());
  CHECK_FALSE(next.cancel());
  held.release();

  CHECK(error_of(next.get()) == errc::cancelled);
  CHECK(actor.call(total{}).value() == 0);
  REQUIRE(rt.stop());
  CHECK(ran == 0);
}

TEST_CASE("cancelling a continuation leaves a request alone that its handler has begun",
          "[cancel]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  bool ran = false;
  auto next = actor.ask(hold{&entered, &release}).then([&](expected<void>) { ran = true; });
  REQUIRE(entered.wait());

  CHECK(next.cancel());
  release.set();

  CHECK(error_of(next.get()) == errc::cancelled);
  REQUIRE(rt.stop());
  CHECK_FALSE(ran);
}

TEST_CASE("a continuation that waits for its executor can be cancelled, one that runs cannot",
          "[cancel]") {
  job_list later;
  auto [owed, answer] = make_promise<int>();
  bool ran = false;
  auto waiting = std::move(answer).then(later, [&](expected<int>) { ran = true; });
  owed.set(1);

  CHECK(waiting.cancel());
  later.run_all();
  CHECK_FALSE(ran);

  future<bool> running;
  auto [other_owed, other] = make_promise<int>();
  running = std::move(other).then(later, [&](expected<int>) { return running.cancel(); });
  other_owed.set(1);
  later.run_all();
  CHECK_FALSE(running.get().value());
}

TEST_CASE("a cancelled chain lets go of what it holds at once", "[cancel]") {
  auto held = std::make_shared<int>(1);
  auto [owed, answer] = make_promise<int>();
  auto [other_owed, other] = make_promise<int>();
  auto keeps = [held](auto answers) { return answers; };
  {
    auto last = when_all(std::move(answer).then(keeps), std::move(other).then(keeps))
                  .then([held](auto answers) { return answers; })
                  .then([held](auto) { return 1; });
    CHECK(held.use_count() == 6);
    CHECK(last.cancel());
    CHECK(error_of(last.get()) == errc::cancelled);
  }

  CHECK(owed.abandoned());
  CHECK(other_owed.abandoned());
  CHECK(held.use_count() == 2); // this one and that of `keeps`
}

TEST_CASE("what a continuation has asked for is not reached by a cancel", "[cancel]") {
  auto [inner_owed, inner] = make_promise<int>();
  auto next = make_ready_future<int>(1).then(
    [inner = std::move(inner)](expected<int>) mutable { return std::move(inner); });

  CHECK_FALSE(next.cancel());
  CHECK_FALSE(inner_owed.abandoned());
  inner_owed.set(2);

  CHECK(next.get().value() == 2);
}

TEST_CASE("cancelling all answers withdraws each request that has not begun",
          "[cancel][when_all]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  std::vector<future<void>> asked;
  asked.push_back(actor.ask(hold{&entered, &release}));
  REQUIRE(entered.wait());
  asked.push_back(actor.ask(add{1}));
  asked.push_back(actor.ask(add{2}));
  auto listed = when_all(std::move(asked));
  auto both = when_all(actor.ask(add{4}), actor.ask(echo{8})).then([](auto) {});

  CHECK(listed.cancel());
  CHECK(both.cancel());
  release.set();

  CHECK(error_of(listed.get()) == errc::cancelled);
  CHECK(error_of(both.get()) == errc::cancelled);
  CHECK(actor.call(total{}).value() == 0);
  CHECK(metrics_of(rt).handled == 2);
}

TEST_CASE("a request that waits for a restart can be cancelled", "[cancel][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  static_cast<void>(actor.call(crash{}));
  static_cast<void>(actor.call(crash{})); // backs off
  auto plain = actor.ask(add{1});
  auto continued = actor.ask(add{2}).then([](expected<void> done) { return done; });
  auto kept = actor.ask(add{4});
  rt.run_until_idle();

  CHECK(plain.cancel());
  CHECK(continued.cancel());
  rt.advance(1s);

  CHECK(error_of(plain.get()) == errc::cancelled);
  CHECK(error_of(continued.get()) == errc::cancelled);
  CHECK(kept.get());
  CHECK(actor.call(total{}).value() == 4);
}

TEST_CASE("on a deterministic runtime what has not run can be cancelled",
          "[cancel][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto plain = actor.ask(add{1});
  bool ran = false;
  auto continued = actor.ask(add{2}).then([&](expected<void>) { ran = true; });

  CHECK(plain.cancel());
  CHECK(continued.cancel());
  rt.run_until_idle();

  CHECK_FALSE(ran);
  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("after the stop there is nothing left to cancel but continuations", "[cancel][stop]") {
  struct hand_out {
    using reply = int;
    promise<int>* to = nullptr;
  };
  struct giver {
    using protocol = cortex::protocol<hand_out>;
    void operator()(const hand_out& r, promise<int> owed) { *r.to = std::move(owed); }
  };
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  auto give = spawn<giver>(rt, "giver", {});
  promise<int> owed;
  promise<int> owed_too;
  auto dropped = actor.ask(keep{});
  auto begun = give.ask(hand_out{&owed});
  auto continued = give.ask(hand_out{&owed_too}).then([](expected<int> n) { return n; });
  REQUIRE(rt.stop());
  auto refused = actor.ask(echo{1});

  CHECK_FALSE(dropped.cancel());
  CHECK_FALSE(begun.cancel());
  CHECK_FALSE(refused.cancel());
  CHECK(continued.cancel());
  owed.set(1);
  owed_too.set(2);

  CHECK(error_of(dropped.get()) == errc::unavailable);
  CHECK(begun.get().value() == 1);
  CHECK(error_of(refused.get()) == errc::closed);
  CHECK(error_of(continued.get()) == errc::cancelled);
}

TEST_CASE("a task whose future is cancelled runs on, and its result is dropped",
          "[cancel][task][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  bool ended = false;
  auto body = [](worker_handle from, bool* done) -> task<int> {
    auto n = co_await from.ask(echo{1});
    *done = true;
    co_return n;
  };
  auto result = rt.start(body(actor, &ended));

  CHECK(result.cancel());
  rt.run_until_idle();

  CHECK(ended);
  CHECK(error_of(result.get()) == errc::cancelled);
}

TEST_CASE("of a continuation and its cancel at the same time exactly one wins",
          "[cancel][concurrency]") {
  constexpr int rounds = 2'000;
  int wrong = 0;

  for (int i = 0; i < rounds; ++i) {
    auto [owed, answer] = make_promise<int>();
    auto [other_owed, other] = make_promise<int>();
    std::atomic<int> ran = 0;
    auto next = when_all(std::move(answer), std::move(other)).then([&](auto) { ran += 1; });
    std::latch start{2};
    std::jthread setter{
      [&start, owed = std::move(owed), other_owed = std::move(other_owed)]() mutable {
        start.arrive_and_wait();
        owed.set(1);
        other_owed.set(2);
      }};
    start.arrive_and_wait();
    const bool cancelled = next.cancel();
    setter.join();
    const auto result = next.get();
    wrong += cancelled ? ran != 0 || error_of(result) != errc::cancelled
                       : ran != 1 || !result.has_value();
  }

  CHECK(wrong == 0);
}

} // namespace cortex::testing
