#include "sample_actors.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace cortex::testing {
namespace {

/// Promises and their futures, each for its own owner.
struct owed_answers {
  explicit owed_answers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      auto [owed, answer] = make_promise<int>();
      promises.push_back(std::move(owed));
      futures.push_back(std::move(answer));
    }
  }
  std::vector<promise<int>> promises;
  std::vector<future<int>> futures;
};

} // namespace

TEST_CASE("all answers come in the order of their futures, whatever came first", "[when_all]") {
  owed_answers of{3};
  auto all = when_all(std::move(of.futures));

  of.promises[2].set(2);
  of.promises[0].set(0);
  CHECK_FALSE(all.ready());
  of.promises[1].set(1);

  REQUIRE(all.ready());
  const auto answers = all.get().value();
  REQUIRE(answers.size() == 3);
  for (int i = 0; i < 3; ++i)
    CHECK(answers[static_cast<std::size_t>(i)].value() == i);
}

TEST_CASE("an error stays with its own answer", "[when_all][errors]") {
  owed_answers of{3};
  auto all = when_all(std::move(of.futures));

  of.promises[0].set(7);
  of.promises[1].set(fail(errc::not_found));
  of.promises.clear(); // the last one is dropped

  const auto answers = all.get().value();
  CHECK(answers[0].value() == 7);
  CHECK(error_of(answers[1]) == errc::not_found);
  CHECK(error_of(answers[2]) == errc::unavailable);
}

TEST_CASE("nothing is complete at once", "[when_all]") {
  auto none = when_all(std::vector<future<int>>{});

  REQUIRE(none.ready());
  CHECK(none.get().value().empty());
}

TEST_CASE("answers that are there already need no wait", "[when_all]") {
  std::vector<future<int>> there;
  there.push_back(make_ready_future<int>(1));
  there.push_back(make_ready_future<int>(fail(errc::io)));

  auto all = when_all(std::move(there));

  REQUIRE(all.ready());
  CHECK(error_of(all.get().value()[1]) == errc::io);
}

TEST_CASE("answers of different types come as a tuple", "[when_all]") {
  auto [number, later] = make_promise<int>();
  auto all = when_all(std::move(later), make_ready_future<std::string>(std::string{"text"}),
                      make_ready_future<void>({}),
                      make_ready_future<std::unique_ptr<int>>(std::make_unique<int>(5)));

  CHECK_FALSE(all.ready());
  number.set(4);

  auto [four, text, nothing, five] = all.get().value();
  CHECK(four.value() == 4);
  CHECK(text.value() == "text");
  CHECK(nothing.has_value());
  CHECK(*five.value() == 5);
}

TEST_CASE("answers of many threads are gathered once", "[when_all][concurrency]") {
  for (int round = 0; round < 200; ++round) {
    owed_answers of{16};
    std::atomic<int> gathered{0};
    auto sum = when_all(std::move(of.futures)).then([&](auto answers) {
      ++gathered;
      int out = 0;
      for (const auto& each : answers.value())
        out += each.value();
      return out;
    });
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i)
      threads.emplace_back(
        [i, owed = std::move(of.promises[static_cast<std::size_t>(i)])]() mutable { owed.set(i); });
    threads.clear();

    REQUIRE(sum.ready());
    CHECK(sum.get().value() == 120);
    CHECK(gathered == 1);
  }
}

TEST_CASE("requests to actors are gathered, and what follows runs where continuations do",
          "[when_all]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::vector<future<int>> asked;
  for (int i = 0; i < 1'000; ++i)
    asked.push_back(actor.ask(echo{i}));

  auto seen = when_all(std::move(asked)).then([](auto answers) {
    int sum = 0;
    for (const auto& each : answers.value())
      sum += each.value();
    return std::tuple{sum, std::this_thread::get_id()};
  });

  const auto [sum, thread] = seen.get().value();
  CHECK(sum == 499'500);
  const auto continuations
    = actor.ask(echo{}).then([](auto) { return std::this_thread::get_id(); }).get().value();
  CHECK(
    (thread == continuations || thread == std::this_thread::get_id())); // at once if all were there
}

TEST_CASE("waiting for all gives up at the latest deadline", "[when_all][deadline]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  const held_worker busy{actor};
  std::vector<future<int>> asked;
  asked.push_back(actor.ask(echo{1}, 1ms));
  asked.push_back(actor.ask(echo{2}, 2ms));

  CHECK(error_of(when_all(std::move(asked)).get()) == errc::timeout);
}

TEST_CASE("giving up on all answers withdraws those that are not there yet", "[when_all][cancel]") {
  owed_answers of{3};
  of.promises[1].set(1);
  auto all = when_all(std::move(of.futures));

  CHECK(all.cancel());
  CHECK(of.promises[0].abandoned());
  CHECK(of.promises[2].abandoned());
  of.promises[0].set(1);

  CHECK(error_of(all.get()) == errc::cancelled);
}

TEST_CASE("a coroutine awaits all answers", "[when_all][task]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  auto both = [](worker_handle from) -> task<int> {
    auto [one, two] = (co_await when_all(from.ask(echo{20}), from.ask(echo{22}))).value();
    co_return one.value() + two.value();
  };

  CHECK(rt.start(both(actor)).get().value() == 42);
}

TEST_CASE("on a deterministic runtime waiting for all drives it", "[when_all][deterministic]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);

  auto [one, two] = when_all(actor.ask(echo{1}), actor.ask(echo{2})).get().value();

  CHECK(one.value() + two.value() == 3);
}

} // namespace cortex::testing
