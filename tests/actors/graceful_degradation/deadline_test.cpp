// Functions of the host that block: on which thread they run, and who waits for them how long.
#include "manager_fixture.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::errc;
using degraded::source;
using namespace std::chrono_literals;

TEST_CASE("GD-8: a model that does not answer in time is a failure, and its answer is dropped",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.api_timeout = 1ms;
  const auto opened = t.open(wanted);
  const auto go_on = std::make_shared<testing::signal>();
  const auto told_to_stop = std::make_shared<testing::signal>();

  const auto got = opened.process("install docker", [=](const degraded::model_call& call) {
    const std::stop_callback note{call.stop, [=] { told_to_stop->set(); }};
    static_cast<void>(go_on->wait());
    return "too late, " + call.query;
  });

  REQUIRE(got);
  CHECK(got->source == source::pattern_matching);
  CHECK(got->reason == "model: no answer in time");
  CHECK(opened.call(degraded::status{})->api_failures == 1);
  CHECK(told_to_stop->wait());
  CHECK(opened.running_calls() == 1);
  go_on->set();
  CHECK(testing::eventually([&] { return opened.running_calls() == 0; }));
  CHECK(opened.call(degraded::status{})->cache_entries == 0);
}

TEST_CASE("GD-8: a check that does not answer in time is a failure without a latency",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.api_timeout = 1ms;
  const auto opened = t.open(wanted);
  const auto go_on = std::make_shared<testing::signal>();

  const auto found = opened.check_health([=] { return go_on->wait(); });

  go_on->set();
  REQUIRE(found);
  CHECK(found->status == degraded::api_status::unavailable);
  CHECK(found->error == "no answer in time");
  CHECK_FALSE(found->latency);
}

TEST_CASE("with a deadline a model has a thread of its own, without one the caller's",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  std::atomic<std::thread::id> ran_on{};
  const degraded::model_function note = [&](const degraded::model_call&) {
    ran_on = std::this_thread::get_id();
    return std::string{"x"};
  };

  SECTION("without") {
    const auto opened = t.open(wanted);
    REQUIRE(opened.process("q", note)->source == source::llm);
    CHECK(ran_on.load() == std::this_thread::get_id());
  }
  SECTION("with") {
    wanted.api_timeout = 1h;
    const auto opened = t.open(wanted);
    REQUIRE(opened.process("q", note)->source == source::llm);
    CHECK(ran_on.load() != std::this_thread::get_id());
  }
}

TEST_CASE("models that block keep no worker from its work", "[graceful_degradation][concurrency]") {
  cortex::runtime_options how;
  how.workers = 1;
  testing::manager_fixture t{"2025-12-22T10:00:00Z", how};
  auto wanted = t.options();
  wanted.api_timeout = 1h;
  const auto opened = t.open(wanted);
  testing::countdown asked{8};
  testing::signal go_on;
  std::vector<std::thread> askers;
  for (int i = 0; i < 8; ++i)
    askers.emplace_back([&, i] {
      static_cast<void>(opened.process("q" + std::to_string(i), [&](const degraded::model_call&) {
        asked.arrive();
        return std::string{go_on.wait() ? "x" : "y"};
      }));
    });
  REQUIRE(asked.wait());

  auto answer = opened.ask(degraded::status{}); // answered by the only worker
  CHECK(answer.wait_for(testing::default_deadline));

  go_on.set();
  for (auto& each : askers)
    each.join();
  CHECK(opened.call(degraded::status{})->cache_entries == 8);
}

TEST_CASE("what a model throws is a failure with its text, on either thread",
          "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.api_timeout = GENERATE(std::chrono::nanoseconds{1h}, std::chrono::nanoseconds::max());
  const auto opened = t.open(wanted);

  const auto got = opened.process(
    "q", [](const degraded::model_call&) -> std::string { throw std::runtime_error{"quota"}; });

  REQUIRE(got);
  CHECK(got->reason == "model: quota");
}

TEST_CASE("what a late function holds goes when it ends, after the manager and the runtime",
          "[graceful_degradation][recovery]") {
  const auto go_on = std::make_shared<testing::signal>();
  std::weak_ptr<int> held;
  {
    testing::manager_fixture t;
    t.how.wall = nullptr; // what is not awaited reads clocks later than those of the fixture live
    t.how.monotonic = nullptr;
    t.restart();
    auto wanted = t.options();
    wanted.api_timeout = 1ms;
    const auto opened = t.open(wanted);
    auto token = std::make_shared<int>(1);
    held = token;
    REQUIRE(opened.process("q", [go_on, token = std::move(token)](const degraded::model_call&) {
      return std::string{go_on->wait() ? "x" : "y"};
    }));

    const auto stopped = t.rt->stop(1ms);

    REQUIRE_FALSE(stopped); // named, not awaited for ever
    CHECK(stopped.error() == errc::timeout);
    CHECK(stopped.error().detail.find("graceful_degradation") != std::string::npos);
    CHECK(opened.process("q").error() == errc::closed);
  }
  CHECK_FALSE(held.expired());

  go_on->set();

  CHECK(testing::eventually([&] { return held.expired(); }));
}

TEST_CASE("stopping the runtime waits for functions that still run", "[graceful_degradation]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.api_timeout = 1ms;
  const auto opened = t.open(wanted);
  const auto go_on = std::make_shared<testing::signal>();
  REQUIRE(opened.process(
    "q", [=](const degraded::model_call&) { return std::string{go_on->wait() ? "x" : "y"}; }));
  std::atomic<bool> stopped{false};
  std::thread stopper{[&] { stopped = t.rt->stop(testing::default_deadline).has_value(); }};
  CHECK(opened.running_calls() == 1);
  go_on->set();
  stopper.join();
  CHECK(stopped);
  CHECK(opened.running_calls() == 0);
}
