#include "sample_actors.hpp"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

std::thread::id here() {
  return std::this_thread::get_id();
}

/// Keeps the jobs until somebody runs them.
class job_list final : public executor {
public:
  void post(job& work) noexcept override { jobs_.push_back(&work); }
  std::size_t run_all() {
    auto jobs = std::exchange(jobs_, {});
    for (auto* work : jobs)
      work->run();
    return jobs.size();
  }

private:
  std::vector<job*> jobs_;
};

/// As long as it lives, the system refuses new threads: their stacks would fill the address space.
class no_threads {
public:
  no_threads() {
    pthread_attr_t huge;
    REQUIRE(pthread_getattr_default_np(&before_) == 0);
    REQUIRE(pthread_getattr_default_np(&huge) == 0);
    REQUIRE(pthread_attr_setstacksize(&huge, std::size_t{1} << 47) == 0);
    REQUIRE(pthread_setattr_default_np(&huge) == 0);
    pthread_attr_destroy(&huge);
  }
  no_threads(const no_threads&) = delete;
  no_threads& operator=(const no_threads&) = delete;
  ~no_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

private:
  pthread_attr_t before_{};
};

/// Asks another worker and forwards its answer, by way of a continuation.
struct ask_other {
  using reply = bool;
};
class asker {
public:
  using protocol = cortex::protocol<ask_other>;
  explicit asker(worker_handle other) : other_(std::move(other)) {}

  /// Answers whether the continuation ran on a thread other than this handler's.
  future<bool> operator()(const ask_other&) {
    return other_.ask(keep{}).then([handler = here()](expected<int>) { return here() != handler; });
  }

private:
  worker_handle other_;
};

} // namespace

TEST_CASE("all continuations of a runtime run on one thread of its own", "[continuation]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::set<std::thread::id> seen;
  std::set<std::thread::id> handlers;

  for (int i = 0; i < 50; ++i) {
    held_worker held{actor}; // or the answer could be there before the continuation
    auto next = actor.ask(where{}).then([&](expected<std::thread::id> handler) {
      seen.insert(here());
      handlers.insert(handler.value());
    });
    held.release();
    REQUIRE(next.get());
  }

  REQUIRE(seen.size() == 1);
  CHECK(seen.count(here()) == 0);
  CHECK(handlers.count(*seen.begin()) == 0);
}

TEST_CASE("a continuation does not run on the lent thread that has the answer", "[continuation]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  REQUIRE(actor.call(where{}).value() == here());
  std::thread::id ran_on;
  std::mutex locked_by_caller;
  auto next = actor.ask(keep{}).then([&](expected<int> n) {
    const std::lock_guard guard{locked_by_caller}; // deadlocks on the caller's own thread
    ran_on = here();
    return n.value();
  });

  {
    const std::lock_guard guard{locked_by_caller};
    REQUIRE(actor.call(answer_kept{5}).value() == 1);
  }

  CHECK(next.get().value() == 5);
  CHECK(ran_on != here());
  CHECK(ran_on != std::thread::id{});
}

TEST_CASE("a continuation that a handler adds does not run inside a handler", "[continuation]") {
  auto rt = open_runtime();
  auto other = spawn_worker(rt);
  auto actor = spawn<asker>(rt, "asker", {}, other);
  auto answer = actor.ask(ask_other{});

  REQUIRE(eventually([&] { return metrics_of(rt).handled == 1; }));
  REQUIRE(other.call(answer_kept{1}).value() == 1);

  CHECK(answer.get().value());
}

TEST_CASE("a coroutine goes on where continuations run", "[continuation][task]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  auto body = [&]() -> task<std::thread::id> {
    static_cast<void>(co_await actor.ask(keep{}));
    co_return here();
  };

  auto first = rt.start(body());
  auto second = rt.start(body());
  while (actor.call(answer_kept{1}).value() == 0) {
  }
  while (!first.ready() || !second.ready())
    static_cast<void>(actor.call(answer_kept{1}));
  const auto thread = first.get().value();

  CHECK(thread != here());
  CHECK(second.get().value() == thread);
}

TEST_CASE("a continuation may ask an actor", "[continuation]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);

  auto last = actor.ask(echo{1})
                .then([&](expected<int> n) { return actor.ask(echo{n.value() + 1}); })
                .then([&](expected<int> n) { return actor.ask(echo{n.value() + 1}); });

  CHECK(last.get().value() == 3);
}

TEST_CASE("a continuation runs where its caller says", "[continuation]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  job_list mine;
  std::thread::id ran_on;
  auto [owed, answer] = make_promise<int>();

  auto next = std::move(answer).then(mine, [&](expected<int> n) {
    ran_on = here();
    return n.value();
  });
  std::jthread{[owed = std::move(owed)]() mutable { owed.set(6); }}.join();
  CHECK_FALSE(next.ready());

  CHECK(mine.run_all() == 1);
  CHECK(next.get().value() == 6);
  CHECK(ran_on == here());
}

TEST_CASE("a continuation is destroyed with what it holds", "[continuation]") {
  auto held = std::make_shared<int>(1);
  {
    auto [owed, answer] = make_promise<int>();
    auto next = std::move(answer).then([held](expected<int>) { return *held; });
    owed.set(1);
    CHECK(next.get().value() == 1);
  }

  CHECK(held.use_count() == 1);
}

TEST_CASE("answers and continuations of 16 threads meet exactly once",
          "[continuation][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::atomic<int> ran = 0;

  run_threads(16, [&](std::size_t) {
    std::vector<future<void>> pending;
    for (int i = 0; i < 200; ++i)
      pending.push_back(actor.ask(echo{i}).then([&ran, i](expected<int> n) {
        if (n.value() == i)
          ran += 1;
      }));
    for (auto& one : pending)
      static_cast<void>(one.get());
  });

  CHECK(ran == 3'200);
}

TEST_CASE("where the system gives no thread, a continuation runs on the thread that answers",
          "[continuation][errors]") {
  auto rt = open_runtime();
  std::thread::id ran_on;
  auto [owed, answer] = make_promise<int>(rt.continuations());
  auto next = std::move(answer).then([&](expected<int> n) {
    ran_on = here();
    return n.value();
  });
  {
    const no_threads refused;
    owed.set(1);
  }
  CHECK(next.ready());
  CHECK(ran_on == here());

  auto [later, later_answer] = make_promise<int>(rt.continuations());
  auto last = std::move(later_answer).then([](expected<int>) { return here(); });
  later.set(2);

  CHECK(next.get().value() == 1);
  CHECK(last.get().value() != here()); // the next one has its thread
}

TEST_CASE("where the system gives no thread, within is unavailable", "[continuation][errors]") {
  auto rt = open_runtime();
  auto [owed, answer] = make_promise<int>();
  const no_threads refused;

  auto timed = std::move(answer).within(rt.continuations(), std::chrono::hours{1});

  CHECK(error_of(timed.get()) == errc::unavailable);
  CHECK(owed.abandoned());
}

} // namespace cortex::testing
