#include "sample_actors.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

using event_list = std::vector<std::string>;

/// Writes down its own end.
class recorded : public worker {
public:
  recorded(event_list* events, std::string name) : events_(events), name_(std::move(name)) {}
  ~recorded() { events_->push_back("~" + name_); }
  void on_stop() { events_->push_back("stop " + name_); }

private:
  event_list* events_;
  std::string name_;
};

class recorded_service final : public service {
public:
  recorded_service(event_list* events, std::string name, bool in_time = true)
    : events_(events), name_(std::move(name)), in_time_(in_time) {}
  [[nodiscard]] std::string name() const override { return name_; }
  bool stop(monotonic_time) noexcept override {
    events_->push_back("stop " + name_);
    return in_time_;
  }

private:
  event_list* events_;
  std::string name_;
  bool in_time_;
};

} // namespace

TEST_CASE("stopping lets the actors finish what waits", "[stop]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::vector<future<int>> answers;
  {
    held_worker held{actor};
    for (int i = 0; i < 1'000; ++i)
      answers.push_back(actor.ask(echo{i}));
    std::jthread stopper{[&] { static_cast<void>(rt.stop(default_deadline)); }};
    REQUIRE(eventually([&] { return !rt.accepting(); }));
    held.release();
  }

  for (int i = 0; i < 1'000; ++i)
    if (answers[static_cast<std::size_t>(i)].get().value() != i)
      FAIL("request " << i << " was lost");
  CHECK(rt.stop());
}

TEST_CASE("a stopped runtime refuses everything as closed", "[stop][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  REQUIRE(rt.stop());

  CHECK(error_of(actor.call(echo{1})) == errc::closed);
  CHECK(error_of(actor.call_parked(echo{1})) == errc::closed);
  CHECK(error_of(actor.ask(echo{1}).get()) == errc::closed);
  actor.tell(add{1});
  CHECK(error_of(rt.spawn<worker>("other", [] { return std::make_unique<worker>(); }))
        == errc::closed);
  event_list events;
  CHECK(error_of(rt.attach(std::make_shared<recorded_service>(&events, "late"))) == errc::closed);
  CHECK_FALSE(rt.accepting());
  CHECK(actor.name() == "worker");
  CHECK(rt.metrics().empty());
}

TEST_CASE("stopping again does nothing, from two threads too", "[stop][concurrency]") {
  event_list events;
  auto rt = open_runtime();
  auto actor = spawn<recorded>(rt, "actor", {}, &events, std::string{"actor"});

  run_threads(2, [&](std::size_t) {
    if (!rt.stop(default_deadline))
      throw std::runtime_error{"not stopped"};
  });
  CHECK(rt.stop());

  CHECK(events == event_list{"stop actor", "~actor"});
}

TEST_CASE("actors end in order before the services, the last service first", "[stop]") {
  event_list events;
  auto rt = open_deterministic();
  REQUIRE(rt.attach(std::make_shared<recorded_service>(&events, "first")));
  REQUIRE(rt.attach(std::make_shared<recorded_service>(&events, "second")));
  auto gone = std::make_shared<recorded_service>(&events, "gone");
  REQUIRE(rt.attach(gone));
  auto actor = spawn<recorded>(rt, "actor", {}, &events, std::string{"actor"});
  rt.detach(*gone);

  REQUIRE(rt.stop());

  CHECK(events == event_list{"stop actor", "~actor", "stop second", "stop first"});
}

TEST_CASE("a service that does not end in time is named, and the others are stopped",
          "[stop][errors]") {
  event_list events;
  auto rt = open_runtime();
  REQUIRE(rt.attach(std::make_shared<recorded_service>(&events, "first")));
  REQUIRE(rt.attach(std::make_shared<recorded_service>(&events, "slow one", false)));

  const auto stopped = rt.stop(default_deadline);

  REQUIRE(error_of(stopped) == errc::timeout);
  CHECK(stopped.error().detail.find("slow one") != std::string::npos);
  CHECK(stopped.error().detail.find("first") == std::string::npos);
  CHECK(events == event_list{"stop slow one", "stop first"});
}

TEST_CASE("an actor that throws while it stops ends all the same", "[stop]") {
  struct stubborn : worker {
    void on_stop() { throw std::runtime_error{"no"}; }
  };
  auto rt = open_runtime();
  auto actor = spawn<stubborn>(rt, "stubborn", {});
  REQUIRE(actor.call(echo{1}));

  CHECK(rt.stop());
}

TEST_CASE("an actor that backs off or has failed ends with the runtime", "[stop]") {
  auto rt = open_deterministic();
  actor_options options;
  options.restart.max_restarts = GENERATE(std::size_t{1}, std::size_t{5});
  auto actor = spawn_worker(rt, options);
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  REQUIRE(error_of(actor.call(crash{})) == errc::internal);
  auto waiting = actor.ask(echo{1});

  CHECK(rt.stop());

  CHECK(error_of(waiting.get()) == errc::unavailable);
}

TEST_CASE("a handler that does not end in time is named", "[stop][errors]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  auto answer = actor.ask(hold{&entered, &release}, 60s);
  REQUIRE(entered.wait());
  auto waiting = actor.ask(echo{1}, 60s);

  const auto stopped = rt.stop(1ms);
  CHECK(error_of(actor.call(echo{1})) == errc::closed);
  release.set();

  REQUIRE(error_of(stopped) == errc::timeout);
  CHECK(stopped.error().detail.find("worker") != std::string::npos);
  CHECK(answer.get());
  CHECK(error_of(waiting.get()) == errc::unavailable); // cut off: its services may be gone
}

TEST_CASE("a factory that is at work while the runtime stops makes no actor",
          "[stop][concurrency]") {
  auto rt = open_runtime();
  signal making;
  signal go_on;
  std::optional<errc> spawned;
  std::jthread spawner{[&] {
    spawned = error_of(rt.spawn<worker>("worker", [&] {
      making.set();
      if (!go_on.wait())
        throw std::runtime_error{"nobody said go"};
      return std::make_unique<worker>();
    }));
  }};
  REQUIRE(making.wait());
  expected<void> stopped;
  std::jthread stopper{[&] { stopped = rt.stop(default_deadline); }};
  REQUIRE(eventually([&] { return !rt.accepting(); }));

  go_on.set();
  spawner.join();
  stopper.join();

  CHECK(spawned == errc::closed);
  CHECK(stopped);
}

TEST_CASE("a factory that outlasts the stop deadline is named", "[stop][errors]") {
  auto rt = open_runtime();
  signal making;
  signal go_on;
  std::optional<errc> spawned;
  std::jthread spawner{[&] {
    spawned = error_of(rt.spawn<worker>("slow_to_make", [&] {
      making.set();
      if (!go_on.wait())
        throw std::runtime_error{"nobody said go"};
      return std::make_unique<worker>();
    }));
  }};
  REQUIRE(making.wait());

  const auto stopped = rt.stop(1ms);
  go_on.set();
  spawner.join();

  REQUIRE(error_of(stopped) == errc::timeout);
  CHECK(stopped.error().detail.find("slow_to_make") != std::string::npos);
  CHECK(spawned == errc::closed);
}

TEST_CASE("handles and futures outlive the runtime", "[stop]") {
  worker_handle actor;
  future<int> done;
  future<int> dropped;
  {
    auto rt = open_runtime();
    actor = spawn_worker(rt);
    done = actor.ask(echo{2});
    dropped = actor.ask(keep{});
    REQUIRE(done.wait_for(default_deadline));
  }

  CHECK(error_of(actor.call(echo{1})) == errc::closed);
  CHECK(error_of(actor.ask(echo{1}).get()) == errc::closed);
  CHECK(done.get().value() == 2);
  CHECK(error_of(dropped.get()) == errc::unavailable);
  auto copy = actor;
  actor = {};
  CHECK(error_of(copy.call(echo{1})) == errc::closed);
}

TEST_CASE("a promise may be answered after its runtime is gone", "[stop]") {
  struct hand_out {
    using reply = int;
    promise<int>* to = nullptr;
  };
  struct giver {
    using protocol = cortex::protocol<hand_out>;
    void operator()(const hand_out& r, promise<int> owed) { *r.to = std::move(owed); }
  };
  promise<int> plain;
  promise<int> continued;
  future<int> answer;
  future<int> next;
  bool ran = false;
  {
    auto rt = open_runtime();
    auto actor = spawn<giver>(rt, "giver", {});
    answer = actor.ask(hand_out{&plain});
    next = actor.ask(hand_out{&continued}).then([&](expected<int> n) { return ran = true, *n; });
    REQUIRE(rt.stop());
  }

  plain.set(1);
  continued.set(2); // the continuation runs here: there is no other thread left

  CHECK(answer.get().value() == 1);
  CHECK(ran);
  CHECK(next.get().value() == 2);
}

TEST_CASE("an answer that outlives its runtime does not drive another one", "[stop]") {
  auto [owed, answer] = [] {
    auto rt = open_runtime();
    return make_promise<int>(rt.continuations());
  }();
  auto driven = open_deterministic();
  auto actor = spawn_worker(driven);
  actor.tell(add{1});

  CHECK_FALSE(answer.wait_for(1ms));

  CHECK(metrics_of(driven).depth == 1);
}

TEST_CASE("copies of a runtime share it, and the last one stops it", "[stop]") {
  std::optional<runtime> copy;
  worker_handle actor;
  {
    auto rt = open_runtime();
    actor = spawn_worker(rt);
    copy = rt;
    const auto unowned = rt.unowned();
    CHECK(unowned.accepting());
  }
  CHECK(actor.call(echo{1}).value() == 1);

  copy.reset();

  CHECK(error_of(actor.call(echo{1})) == errc::closed);
}

TEST_CASE("a runtime without actors starts and stops", "[stop]") {
  auto rt = open_runtime();

  CHECK(rt.accepting());
  CHECK(rt.stop());
  CHECK_FALSE(rt.accepting());
}

} // namespace cortex::testing
