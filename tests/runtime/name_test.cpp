#include "sample_actors.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace cortex::testing {
namespace {

expected<worker_handle> try_spawn(runtime& rt, const std::string& name = "worker") {
  return rt.spawn<worker>(name, [] { return std::make_unique<worker>(); });
}

/// Longer than a test lasts: whoever waited for it would fail.
constexpr auto never = 2 * default_deadline;

/// Options of a runtime that count down each time somebody begins to wait for a name.
runtime_options noting(countdown& waiters, std::chrono::nanoseconds bound = never) {
  runtime_options options;
  options.stop_deadline = bound;
  options.log = [&waiters](severity, std::string_view, std::string_view text) {
    if (text.starts_with("waits for the end"))
      waiters.arrive();
  };
  return options;
}

/// An actor named "worker" that has no handle any more and whose end takes until `release`.
class held_end {
public:
  explicit held_end(runtime& rt) {
    static_cast<void>(spawn<slow_to_end>(rt, "worker", {}, shared_));
    REQUIRE(shared_->ending.wait());
  }
  held_end(const held_end&) = delete;
  held_end& operator=(const held_end&) = delete;
  ~held_end() { release(); }

  void release() { shared_->release.set(); }

private:
  struct signals {
    signal ending;
    signal release;
  };
  class slow_to_end : public worker {
  public:
    explicit slow_to_end(std::shared_ptr<signals> shared) : shared_(std::move(shared)) {}
    void on_stop() {
      shared_->ending.set();
      static_cast<void>(shared_->release.wait(2 * never));
    }

  private:
    std::shared_ptr<signals> shared_;
  };

  std::shared_ptr<signals> shared_ = std::make_shared<signals>();
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

/// What came of an attempt to spawn that was made where others run an actor.
class attempt {
public:
  void make(runtime& rt) {
    result_ = error_of(try_spawn(rt));
    made_.set();
  }
  /// False if it still waits.
  [[nodiscard]] bool made() { return made_.wait(); }
  [[nodiscard]] std::optional<errc> result() const { return result_; } // once made

private:
  std::optional<errc> result_;
  signal made_;
};

/// Spawns an actor of its own name when it is destroyed.
class phoenix : public worker {
public:
  phoenix(runtime rt, attempt* rise) : rt_(std::move(rt)), rise_(rise) {}
  phoenix(const phoenix&) = delete;
  phoenix& operator=(const phoenix&) = delete;
  ~phoenix() { rise_->make(rt_); }

private:
  runtime rt_;
  attempt* rise_;
};

/// A runtime on which nobody comes to the end of a wait for a name.
runtime open_patient(std::size_t workers = 4) {
  runtime_options options;
  options.stop_deadline = never;
  options.workers = workers;
  return open_runtime(std::move(options));
}

} // namespace

TEST_CASE("a name belongs to one actor as long as it lives", "[spawn][errors]") {
  auto rt = open_runtime();
  const auto first = try_spawn(rt);
  REQUIRE(first);

  CHECK(error_of(try_spawn(rt)) == errc::already_exists);
  CHECK(try_spawn(rt, "Worker"));
}

// -- who waits ------------------------------------------------------------------------------------

TEST_CASE("an actor made anew after its last handle went waits for the old one's end", "[spawn]") {
  countdown waiters{1};
  auto rt = open_runtime(noting(waiters));
  held_end old{rt};
  expected<worker_handle> made = fail(errc::io);

  std::jthread waiter{[&] { made = try_spawn(rt); }};
  const bool waited = waiters.wait();
  old.release();
  waiter.join();

  CHECK(waited);
  REQUIRE(made);
  CHECK(made->call(echo{7}).value() == 7);
}

TEST_CASE("an actor can be made anew as often as its last handle goes", "[spawn]") {
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
  constexpr std::size_t count = 4;
  countdown waiters{count};
  auto rt = open_runtime(noting(waiters));
  held_end old{rt};
  std::vector<expected<worker_handle>> made(count, fail(errc::closed));
  std::atomic<bool> all_waited{false};

  run_threads(count + 1, [&](std::size_t thread) {
    if (thread == count) {
      all_waited = waiters.wait();
      old.release();
    } else {
      made[thread] = try_spawn(rt);
    }
  });

  CHECK(all_waited);
  int given = 0;
  for (const auto& each : made) {
    given += each.has_value() ? 1 : 0;
    CHECK((each || each.error().code == errc::already_exists));
  }
  CHECK(given == 1);
}

TEST_CASE("nobody waits for ever for a name", "[spawn][errors]") {
  countdown waiters{1};
  auto rt = open_runtime(noting(waiters, 1ms));
  held_end old{rt};

  CHECK(error_of(try_spawn(rt)) == errc::already_exists);
  CHECK(waiters.wait(0ms));

  old.release();
  CHECK(rt.stop(default_deadline));
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
  countdown waiters{1};
  auto rt = open_runtime(noting(waiters));
  held_end old{rt};
  attempt late;
  const std::jthread waiter{[&] { late.make(rt); }};
  REQUIRE(waiters.wait());

  const auto stopped = rt.stop(1ms); // the old actor does not end by then

  CHECK(error_of(stopped) == errc::timeout);
  REQUIRE(late.made());
  CHECK(late.result() == errc::closed);
}

// -- who does not ---------------------------------------------------------------------------------

TEST_CASE("a handler does not wait for a name", "[spawn][errors]") {
  auto rt = open_patient();
  auto outer = spawn<parent>(rt, "parent", {}, rt.unowned());
  const held_end old{rt};

  CHECK(error_of(outer.call(find{}, default_deadline)) == errc::already_exists);
}

TEST_CASE("a destructor of an actor's object does not wait for its own name", "[spawn][errors]") {
  attempt rise;
  auto rt = open_patient();

  static_cast<void>(spawn<phoenix>(rt, "worker", {}, rt.unowned(), &rise));

  REQUIRE(rise.made());
  CHECK(rise.result() == errc::already_exists);
}

TEST_CASE("what an actor's factory holds does not wait for its own name", "[spawn][errors]") {
  attempt rise;
  auto rt = open_patient();
  {
    auto held = std::make_shared<phoenix>(rt.unowned(), &rise);
    static_cast<void>(
      rt.spawn<worker>("worker", [held = std::move(held)] { return std::make_unique<worker>(); }));
  }

  REQUIRE(rise.made());
  CHECK(rise.result() == errc::already_exists);
}

TEST_CASE("an inline continuation of a dropped answer does not wait for a name",
          "[spawn][errors]") {
  attempt again;
  auto rt = open_patient();
  auto actor = spawn_worker(rt);
  const auto dropped = actor.ask(keep{}).then(
    inline_executor(), [&](const expected<int>& /*answer*/) { again.make(rt); });
  actor = {};

  REQUIRE(again.made());
  CHECK(again.result() == errc::already_exists);
}

TEST_CASE("a factory that runs again after a crash does not wait for its own name",
          "[spawn][errors]") {
  attempt again;
  signal entered;
  signal release;
  auto rt = open_patient();
  {
    auto actor = rt.spawn<worker>("worker", [&again, own = rt.unowned(), first = true]() mutable {
      if (!std::exchange(first, false))
        again.make(own);
      return std::make_unique<worker>();
    });
    REQUIRE(actor);
    actor->tell(hold{&entered, &release});
    actor->tell(crash{});
    REQUIRE(entered.wait());
  } // the last handle: it is to end once it has crashed
  release.set();

  REQUIRE(again.made());
  CHECK(again.result() == errc::already_exists);
}

TEST_CASE("an actor that is run by a caller's thread does not wait for a name",
          "[spawn][errors][lending]") {
  attempt again;
  auto rt = open_patient(1);
  const auto outer = spawn<phoenix>(rt, "outer", {}, rt.unowned(), &again);
  const held_end old{rt}; // on the only worker

  CHECK(error_of(outer.call(crash{})) == errc::internal); // its object ends on this thread

  REQUIRE(again.made());
  CHECK(again.result() == errc::already_exists);
}

} // namespace cortex::testing
