#include "sample_actors.hpp"

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

using trace = std::vector<std::string>;

struct pass {
  using reply = int;
  int hops = 0;
};

/// Writes down each request and passes it on to a neighbour.
class player {
public:
  using protocol = cortex::protocol<pass>;
  player(trace* seen, std::string name, handle<protocol> next)
    : seen_(seen), name_(std::move(name)), next_(std::move(next)) {}

  future<int> operator()(const pass& r) {
    seen_->push_back(name_ + std::to_string(r.hops));
    if (r.hops == 0 || !next_.valid())
      return make_ready_future<int>(r.hops);
    return next_.ask(pass{r.hops - 1}).then([this](expected<int> n) {
      seen_->push_back("back at " + name_);
      return n;
    });
  }

private:
  trace* seen_;
  std::string name_;
  handle<protocol> next_;
};

trace play(unsigned seed) {
  trace seen;
  auto rt = open_deterministic();
  auto c = spawn<player>(rt, "c", {}, &seen, std::string{"c"}, handle<player::protocol>{});
  auto b = spawn<player>(rt, "b", {}, &seen, std::string{"b"}, c);
  auto a = spawn<player>(rt, "a", {}, &seen, std::string{"a"}, b);
  std::mt19937 random{seed};
  std::vector<future<int>> answers;
  for (int i = 0; i < 50; ++i) {
    const auto choice = random() % 4;
    if (choice == 3)
      rt.run_until_idle();
    else
      answers.push_back((choice == 0   ? a
                         : choice == 1 ? b
                                       : c)
                          .ask(pass{static_cast<int>(choice)}));
  }
  rt.run_until_idle();
  for (auto& answer : answers)
    REQUIRE(answer.ready());
  return seen;
}

/// Counts ticks; throws at one of them.
class clockwork {
public:
  using protocol = cortex::protocol<total>;
  explicit clockwork(int throw_at = 0) : throw_at_(throw_at) {}
  void on_tick() {
    if (++ticks_ == throw_at_)
      throw std::runtime_error{"tick"};
  }
  int operator()(const total&) { return ticks_; }

private:
  int throw_at_;
  int ticks_ = 0;
};

actor_options every(std::chrono::nanoseconds period) {
  actor_options options;
  options.tick = period;
  return options;
}

class job_service final : public service {
public:
  [[nodiscard]] std::string name() const override { return "jobs"; }
  bool stop(monotonic_time) noexcept override { return true; }
  bool run_one() noexcept override {
    if (jobs.empty())
      return false;
    auto owed = std::move(jobs.back());
    jobs.pop_back();
    owed.set(1);
    return true;
  }
  std::vector<promise<int>> jobs;
};

} // namespace

TEST_CASE("the same steps give the same trace", "[deterministic]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);

  const auto first = play(seed);

  CHECK_FALSE(first.empty());
  CHECK(play(seed) == first);
  CHECK(play(seed + 100) != first);
}

TEST_CASE("nothing runs until it is driven", "[deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto answer = actor.ask(echo{1});
  bool ran = false;
  auto next = std::move(answer).then([&](expected<int>) { ran = true; });

  CHECK_FALSE(next.ready());
  CHECK(rt.run_until_idle() > 0);

  CHECK(ran);
  CHECK(next.ready());
  CHECK(rt.run_until_idle() == 0);
}

TEST_CASE("a call drives the runtime until its answer is there", "[deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  actor.tell(add{3});

  CHECK(actor.call(total{}).value() == 3);
  CHECK(actor.call_parked(where{}).value() == std::this_thread::get_id());
  CHECK(actor.ask(total{}).get().value() == 3);
  CHECK(metrics_of(rt).lent == 0);
}

TEST_CASE("wait_for drives the runtime too", "[deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto answer = actor.ask(echo{1});
  auto never = actor.ask(keep{});

  CHECK(answer.wait_for(default_deadline));
  CHECK_FALSE(never.wait_for(default_deadline));
}

TEST_CASE("waiting for what will never come is refused", "[deterministic][errors]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);

  CHECK(error_of(actor.call(keep{})) == errc::would_deadlock);
  CHECK(error_of(actor.ask(keep{}).get()) == errc::would_deadlock);
  auto continued = actor.ask(keep{}).then([](expected<int> n) { return n; });
  CHECK(error_of(continued.get()) == errc::would_deadlock);

  CHECK(actor.call(answer_kept{1}).value() == 3);
}

TEST_CASE("a call drives continuations and services", "[deterministic]") {
  auto rt = open_deterministic();
  auto jobs = std::make_shared<job_service>();
  REQUIRE(rt.attach(jobs));
  auto [owed, done] = make_promise<int>(rt.continuations());
  jobs->jobs.push_back(std::move(owed));

  auto next = std::move(done).then([](expected<int> n) { return n.value() + 1; });

  CHECK(next.get().value() == 2);
}

TEST_CASE("coroutines run on the thread that drives", "[deterministic][task]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  const auto driver = std::this_thread::get_id();
  auto body = [&]() -> task<bool> {
    static_cast<void>(co_await actor.ask(echo{1}));
    co_return std::this_thread::get_id() == driver;
  };

  auto result = rt.start(body());
  CHECK_FALSE(result.ready());

  CHECK(result.get().value());
}

TEST_CASE("ticks fire when time is moved, not before", "[deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn<clockwork>(rt, "clockwork", every(10ms), 0);
  CHECK(actor.call(total{}).value() == 0);

  rt.advance(9ms);
  CHECK(actor.call(total{}).value() == 0);
  rt.advance(1ms);
  CHECK(actor.call(total{}).value() == 1);
  for (int i = 0; i < 5; ++i)
    rt.advance(10ms);

  CHECK(actor.call(total{}).value() == 6);
}

TEST_CASE("an endless period between ticks is never over", "[deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn<clockwork>(rt, "clockwork", every(std::chrono::nanoseconds::max()), 0);

  rt.advance(std::chrono::hours{24});

  CHECK(actor.call(total{}).value() == 0);
}

TEST_CASE("an actor without a period or without on_tick is never ticked", "[deterministic]") {
  auto rt = open_deterministic();
  auto still = spawn<clockwork>(rt, "still", {}, 0);
  auto plain = spawn<worker>(rt, "plain", every(1ms));

  for (int i = 0; i < 3; ++i)
    rt.advance(1s);

  CHECK(still.call(total{}).value() == 0);
  CHECK(metrics_of(rt, "plain").handled == 0);
}

TEST_CASE("a tick that throws restarts the actor, and it ticks on",
          "[deterministic][supervision]") {
  auto rt = open_deterministic();
  auto actor = spawn<clockwork>(rt, "clockwork", every(10ms), 3);

  for (int i = 0; i < 4; ++i)
    rt.advance(10ms);

  CHECK(metrics_of(rt, "clockwork").restarts == 1);
  CHECK(metrics_of(rt, "clockwork").why == "tick");
  CHECK(actor.call(total{}).value() == 1);
}

TEST_CASE("an actor that ticks ends with its last handle and with its runtime", "[deterministic]") {
  auto rt = open_deterministic();
  auto first = spawn<clockwork>(rt, "first", every(10ms), 0);
  auto second = spawn<clockwork>(rt, "second", every(10ms), 0);

  first = {};
  rt.run_until_idle();
  rt.advance(1s);

  CHECK(rt.metrics().size() == 1);
  CHECK(rt.stop());
}

TEST_CASE("two deterministic runtimes are driven one by one", "[deterministic]") {
  auto one = open_deterministic();
  auto two = open_deterministic();
  auto first = spawn_worker(one).ask(echo{1});
  auto actor = spawn_worker(two);
  auto second = actor.ask(echo{2});

  two.run_until_idle();

  CHECK_FALSE(first.ready());
  CHECK(second.ready());
  CHECK(first.get().value() == 1);
}

} // namespace cortex::testing
