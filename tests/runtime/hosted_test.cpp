#include "host_system.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

std::ptrdiff_t thread_count() {
  return std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {});
}

bool over(const expected<int>& answer) {
  return error_of(answer) == errc::closed || error_of(answer) == errc::unavailable;
}

} // namespace

// -- opening --------------------------------------------------------------------------------------

TEST_CASE("on a host's system the actors start no thread", "[hosted]") {
  host_system host;
  const auto before = thread_count();
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  CHECK(actor.call(where{}).value() == std::this_thread::get_id()); // lent as ever
  std::vector<future<std::thread::id>> asked;
  for (int i = 0; i < 100; ++i)
    asked.push_back(actor.ask(where{}));

  for (auto& each : asked)
    CHECK(each.get().value() != std::this_thread::get_id());
  CHECK(thread_count() == before);
}

TEST_CASE("bad options for a host's system are all named at once", "[hosted][errors]") {
  host_system host;
  runtime_options options;
  options.workers = 2;
  options.deterministic = true;
  options.default_deadline = -1s;

  const auto opened = cortex::open_on(*host, options);

  REQUIRE(error_of(opened) == errc::invalid_argument);
  for (const auto* name : {"workers", "deterministic", "default_deadline"})
    CHECK(opened.error().detail.find(name) != std::string::npos);
}

TEST_CASE("CAF's test scheduler and a runtime that is not deterministic do not go together",
          "[hosted][errors]") {
  host_system host{host_system::testing_tag{}};

  CHECK(error_of(cortex::open_on(*host)) == errc::invalid_argument);
}

TEST_CASE("the logger of a thread stays what it was, whatever is spawned and stopped there",
          "[hosted]") {
  host_system host;
  auto* before = caf::logger::current_logger();
  {
    auto rt = open_on(host);
    CHECK(spawn_worker(rt).call(echo{1}).value() == 1);
  }

  CHECK(caf::logger::current_logger() == before);
}

TEST_CASE("several runtimes share a host's system", "[hosted]") {
  host_system host;
  auto one = open_on(host);
  auto two = open_on(host);
  auto of_one = spawn_worker(one);
  auto of_two = spawn_worker(two);
  REQUIRE(one.stop());

  CHECK(error_of(of_one.call(echo{1})) == errc::closed);
  CHECK(of_two.call(echo{2}).value() == 2);
  CHECK(of_two.ask(echo{3}).get().value() == 3);
}

TEST_CASE("an actor on a host's system is made anew, ticks and ends as elsewhere",
          "[hosted][deterministic]") {
  struct ticking : worker {
    explicit ticking(int* count) : ticks(count) {}
    void on_tick() { *ticks += 1; }
    int* ticks;
  };
  host_system host{host_system::testing_tag{}};
  runtime_options options;
  options.deterministic = true;
  auto rt = open_on(host, options);
  int ticks = 0;
  actor_options each_second;
  each_second.tick = 1s;
  auto actor = spawn<ticking>(rt, "worker", each_second, &ticks);
  static_cast<void>(actor.call(crash{}));
  static_cast<void>(actor.call(crash{})); // backs off
  auto waiting = actor.ask(echo{1});

  for (int i = 0; i < 3; ++i)
    rt.advance(1s);

  CHECK(waiting.get().value() == 1);
  CHECK(ticks == 3);
  auto timed = actor.ask(keep{}).within(2s);
  rt.advance(2s);
  CHECK(error_of(timed.get()) == errc::timeout);
  actor = {};
  rt.run_until_idle();
  CHECK(rt.metrics().empty());
}

// -- the runtime ends first -----------------------------------------------------------------------

TEST_CASE("a runtime that stops before its host's system leaves nothing there", "[hosted][stop]") {
  host_system host;
  worker_handle actor;
  future<int> dropped;
  {
    auto rt = open_on(host);
    actor = spawn_worker(rt);
    CHECK(actor.ask(echo{1}).get().value() == 1);
    dropped = actor.ask(keep{});
    CHECK(rt.stop(default_deadline));
  }
  host.end();

  CHECK(error_of(dropped.get()) == errc::unavailable);
  CHECK(error_of(actor.call(echo{1})) == errc::closed);
  CHECK(error_of(actor.ask(echo{1}).get()) == errc::closed);
}

TEST_CASE("a runtime that has stopped is gone while its host's system goes on, timers or not",
          "[hosted][stop]") {
  struct ticking : worker {
    void on_tick() {}
  };
  const auto held = std::make_shared<int>(1);
  host_system host;
  {
    runtime_options options;
    options.log = [held](severity, std::string_view, std::string_view) {};
    auto rt = open_on(host, options);
    actor_options hourly;
    hourly.tick = 1h;
    CHECK(spawn<ticking>(rt, "ticking", hourly).ask(echo{1}).get());
  }

  CHECK(eventually([&] { return held.use_count() == 1; }));
}

TEST_CASE("stopping on a host's system lets the actors finish what waits", "[hosted][stop]") {
  host_system host{1};
  auto rt = open_on(host);
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
}

TEST_CASE("an actor of the host may stop the runtime on the only worker", "[hosted][stop]") {
  host_system host{1};
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  std::vector<future<int>> answers;
  std::optional<errc> failed = errc::internal;
  signal stopped;
  auto stopping = host->spawn(
    [&](caf::event_based_actor*, int) -> caf::behavior {
      return {[&](int) {
        for (int i = 0; i < 100; ++i)
          answers.push_back(actor.ask(echo{i})); // its turn on the worker does not come
        failed = error_of(rt.stop(default_deadline));
        stopped.set();
      }};
    },
    0);

  caf::anon_send(stopping, 1);
  REQUIRE(stopped.wait());

  CHECK_FALSE(failed);
  for (int i = 0; i < 100; ++i)
    CHECK(answers[static_cast<std::size_t>(i)].get().value() == i);
}

TEST_CASE("a handler that does not end in time is named on a host's system too",
          "[hosted][stop][errors]") {
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  const bool lent = GENERATE(false, true);
  signal entered;
  signal release;
  std::jthread caller;
  future<void> answer;
  if (lent)
    caller = std::jthread{[&] { static_cast<void>(actor.call(hold{&entered, &release}, 60s)); }};
  else
    answer = actor.ask(hold{&entered, &release}, 60s);
  REQUIRE(entered.wait());
  auto waiting = actor.ask(echo{1}, 60s);

  const auto stopped = rt.stop(1ms);
  release.set();

  REQUIRE(error_of(stopped) == errc::timeout);
  CHECK(stopped.error().detail.find("worker") != std::string::npos);
  CHECK(error_of(waiting.get()) == errc::unavailable);
}

// -- the system ends first ------------------------------------------------------------------------

TEST_CASE("a host's system that ends first takes the actors along", "[hosted][stop]") {
  std::vector<std::string> events;
  struct recorded : worker {
    explicit recorded(std::vector<std::string>* to) : seen(to) {}
    ~recorded() { seen->push_back("gone"); }
    void on_stop() { seen->push_back("on_stop"); }
    std::vector<std::string>* seen;
  };
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn<recorded>(rt, "worker", {}, &events);
  REQUIRE(actor.ask(echo{1}).get());
  auto dropped = actor.ask(keep{});

  host.end();

  CHECK(events == std::vector<std::string>{"on_stop", "gone"});
  CHECK(error_of(dropped.get()) == errc::unavailable);
  CHECK(error_of(actor.call(echo{1})) == errc::closed);
  CHECK(error_of(actor.ask(echo{1}).get()) == errc::closed);
  actor.tell(add{1});
  CHECK(error_of(rt.spawn<worker>("other", [] { return std::make_unique<worker>(); }))
        == errc::closed);
  CHECK(rt.stop());
}

TEST_CASE("what waits when a host's system ends is handled before", "[hosted][stop]") {
  const auto workers = GENERATE(std::size_t{1}, std::size_t{4});
  host_system host{workers};
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  std::vector<future<int>> answers;
  std::jthread ending;
  {
    held_worker held{actor};
    for (int i = 0; i < 1'000; ++i)
      answers.push_back(actor.ask(echo{i}));
    ending = std::jthread{[&] { host.end(); }};
  }

  for (int i = 0; i < 1'000; ++i)
    if (answers[static_cast<std::size_t>(i)].get().value() != i)
      FAIL("request " << i << " was lost");
}

TEST_CASE("a host's system does not end while a lent thread is in it", "[hosted][stop]") {
  host_system host;
  auto rt = open_on(host);
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  std::atomic<bool> ended = false;
  std::atomic<bool> ended_before_answer = false;
  std::jthread caller{[&] {
    const auto answer = actor.call(hold{&entered, &release}, 60s);
    if (!answer)
      ended_before_answer = true;
  }};
  REQUIRE(entered.wait());
  auto waiting = actor.ask(echo{7}, 60s);
  std::jthread ending{[&] {
    host.end();
    ended = true;
  }};
  REQUIRE(eventually([&] { return !rt.accepting(); }));

  CHECK_FALSE(ended);
  release.set();
  ending.join();
  caller.join();

  CHECK_FALSE(ended_before_answer);
  CHECK(waiting.get().value() == 7);
}

TEST_CASE("a lent thread that outlasts the end of a host's system finds it no more",
          "[hosted][stop][errors]") {
  std::atomic<bool> named = false;
  host_system host;
  runtime_options options;
  options.stop_deadline = 1ms;
  options.log = [&](severity, std::string_view, std::string_view text) {
    if (text.find("'worker'") != std::string_view::npos)
      named = true;
  };
  auto rt = open_on(host, options);
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  std::jthread caller{[&] { static_cast<void>(actor.call(hold{&entered, &release}, 60s)); }};
  REQUIRE(entered.wait());
  auto waiting = actor.ask(echo{1}, 60s);

  host.end();
  CHECK(named);
  release.set();
  caller.join();

  CHECK(error_of(waiting.get()) == errc::unavailable);
}

TEST_CASE("requests that wait for a restart when a host's system ends are unavailable",
          "[hosted][stop]") {
  host_system host;
  auto rt = open_on(host);
  actor_options slow;
  slow.restart.min_backoff = 1h;
  slow.restart.max_backoff = 1h;
  slow.tick = 1h;
  auto actor = spawn_worker(rt, slow);
  static_cast<void>(actor.call(crash{}));
  static_cast<void>(actor.call(crash{}));
  auto waiting = actor.ask(echo{1}, 2h);

  host.end();

  CHECK(error_of(waiting.get()) == errc::unavailable);
}

TEST_CASE("with CAF's test scheduler a host's system may end first, too",
          "[hosted][stop][deterministic]") {
  host_system host{host_system::testing_tag{}};
  runtime_options options;
  options.deterministic = true;
  auto rt = open_on(host, options);
  auto actor = spawn_worker(rt);
  auto waiting = actor.ask(echo{1});
  auto kept = actor.ask(keep{});

  host.end();

  CHECK(waiting.get().value() == 1);
  CHECK(error_of(kept.get()) == errc::unavailable);
  CHECK(error_of(actor.call(echo{1})) == errc::closed);
  rt.advance(1s);
  CHECK(rt.stop());
}

TEST_CASE("continuations and timers go on without the host's system", "[hosted][stop]") {
  host_system host;
  auto rt = open_on(host);
  auto [owed, answer] = make_promise<int>(rt.continuations());
  auto [never, later] = make_promise<int>(rt.continuations());
  auto next = std::move(answer).then([](expected<int>) { return std::this_thread::get_id(); });

  host.end();
  auto timed = std::move(later).within(1ms);
  owed.set(1);

  CHECK(next.get().value() != std::this_thread::get_id());
  CHECK(error_of(timed.get()) == errc::timeout);
}

TEST_CASE("requests that race with the end of a host's system are answered once each",
          "[hosted][stop][concurrency]") {
  int wrong = 0;

  for (int round = 0; round < 30; ++round) {
    host_system host{static_cast<std::size_t>(1 + round % 4)};
    auto rt = open_on(host);
    auto actor = spawn_worker(rt);
    auto other = spawn<worker>(rt, "other", {});
    std::atomic<int> good = 0;
    run_threads(6, [&](std::size_t thread) {
      if (thread == 0) {
        host.end();
        return;
      }
      if (thread == 1 && round % 2 == 0) {
        good += 50 * rt.stop(default_deadline).has_value();
        return;
      }
      for (int i = 0; i < 50; ++i) {
        auto& to = i % 3 == 0 ? other : actor;
        const auto answer = thread % 2 == 0 ? to.call(echo{i}) : to.ask(echo{i}).get();
        good += answer ? *answer == i : over(answer);
      }
    });
    wrong += good != 250;
  }

  CHECK(wrong == 0);
}

TEST_CASE("actors that are spawned while a host's system ends are there or closed",
          "[hosted][stop][concurrency]") {
  int wrong = 0;

  for (int round = 0; round < 30; ++round) {
    host_system host{2};
    auto rt = open_on(host);
    std::atomic<int> good = 0;
    run_threads(3, [&](std::size_t thread) {
      if (thread == 0) {
        host.end();
        return;
      }
      for (int i = 0; i < 20; ++i) {
        auto spawned = rt.spawn<worker>("worker_" + std::to_string(thread) + std::to_string(i),
                                        [] { return std::make_unique<worker>(); });
        if (!spawned) {
          good += spawned.error() == errc::closed;
          continue;
        }
        const auto answer = spawned->ask(echo{i}).get();
        good += answer ? *answer == i : over(answer);
      }
    });
    wrong += good != 40;
  }

  CHECK(wrong == 0);
}

} // namespace cortex::testing
