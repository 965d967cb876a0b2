#include "sample_actors.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace cortex::testing {

TEST_CASE("an answer that is there already is taken at once", "[future]") {
  auto [owed, answer] = make_promise<int>();
  CHECK_FALSE(answer.ready());

  owed.set(4);

  CHECK(answer.ready());
  CHECK(answer.get().value() == 4);
  CHECK_FALSE(answer.valid());
}

TEST_CASE("get waits for the thread that has the answer", "[future][concurrency]") {
  auto [owed, answer] = make_promise<std::string>();
  std::jthread other{[owed = std::move(owed)]() mutable { owed.set(std::string{"late"}); }};

  CHECK(answer.get().value() == "late");
}

TEST_CASE("wait_for gives up after its patience and leaves the future usable", "[future]") {
  auto [owed, answer] = make_promise<int>();

  CHECK_FALSE(answer.wait_for(0ns));
  CHECK_FALSE(answer.wait_for(1ms));
  CHECK_FALSE(answer.wait_for(-1s));
  owed.set(1);

  CHECK(answer.wait_for(0ns));
  CHECK(answer.wait_for(std::chrono::nanoseconds::max()));
  CHECK(answer.get().value() == 1);
}

TEST_CASE("wait_for with endless patience sees the answer of another thread",
          "[future][concurrency]") {
  auto [owed, answer] = make_promise<int>();
  std::jthread other{[owed = std::move(owed)]() mutable { owed.set(2); }};

  CHECK(answer.wait_for(std::chrono::nanoseconds::max()));
}

TEST_CASE("a promise that is dropped answers unavailable", "[future][errors]") {
  auto [owed, answer] = make_promise<int>();
  auto [other, other_answer] = make_promise<int>();

  { auto dropped = std::move(owed); }
  other = promise<int>{}; // assigning over one drops it as well

  CHECK(error_of(answer.get()) == errc::unavailable);
  CHECK(error_of(other_answer.get()) == errc::unavailable);
}

TEST_CASE("the first answer counts, a second set does nothing", "[future]") {
  auto [owed, answer] = make_promise<int>();

  owed.set(1);
  owed.set(2);

  CHECK_FALSE(owed.valid());
  CHECK(answer.get().value() == 1);
}

TEST_CASE("a ready future has its answer from the start", "[future]") {
  CHECK(make_ready_future<int>(3).get().value() == 3);
  CHECK(make_ready_future<void>({}).get());
  CHECK(error_of(make_ready_future<int>(fail(errc::io)).get()) == errc::io);
}

TEST_CASE("answers that can only be moved arrive", "[future]") {
  auto [owed, answer] = make_promise<std::unique_ptr<int>>();

  owed.set(std::make_unique<int>(8));

  CHECK(*answer.get().value() == 8);
}

TEST_CASE("a future that nobody reads costs nothing but its answer", "[future]") {
  auto value = std::make_shared<int>(1);
  {
    auto [owed, answer] = make_promise<std::shared_ptr<int>>();
    owed.set(value);
    CHECK(value.use_count() == 2);
  }

  CHECK(value.use_count() == 1);
}

// -- then -----------------------------------------------------------------------------------------

TEST_CASE("a continuation turns one answer into another, whatever it returns", "[future]") {
  auto value = make_ready_future<int>(5).then([](expected<int> n) { return *n + 1; });
  auto wrapped
    = make_ready_future<int>(5).then([](expected<int> n) -> expected<int> { return *n + 2; });
  auto flat = make_ready_future<int>(5).then(
    [](expected<int> n) { return make_ready_future<int>(*n + 3); });
  int seen = 0;
  future<void> nothing = make_ready_future<int>(5).then([&](expected<int> n) { seen = *n; });

  CHECK(value.get().value() == 6);
  CHECK(wrapped.get().value() == 7);
  CHECK(flat.get().value() == 8);
  CHECK(nothing.get());
  CHECK(seen == 5);
}

TEST_CASE("a continuation that comes first runs when the answer arrives", "[future]") {
  auto [owed, answer] = make_promise<int>();
  auto doubled = std::move(answer).then([](expected<int> n) { return *n * 2; });
  CHECK_FALSE(doubled.ready());

  owed.set(21);

  CHECK(doubled.get().value() == 42);
}

TEST_CASE("a continuation is given errors too and may pass on its own", "[future][errors]") {
  auto recovered = make_ready_future<int>(fail(errc::not_found)).then([](expected<int> n) {
    return n.value_or(-1);
  });
  auto changed
    = make_ready_future<int>(fail(errc::not_found)).then([](expected<int>) -> expected<int> {
        return fail(errc::corrupt);
      });

  CHECK(recovered.get().value() == -1);
  CHECK(error_of(changed.get()) == errc::corrupt);
}

TEST_CASE("a continuation that throws answers internal and says why", "[future][errors]") {
  auto thrown = make_ready_future<int>(1).then(
    [](expected<int>) -> int { throw std::runtime_error{"no luck"}; });
  auto other = make_ready_future<int>(1).then([](expected<int>) -> int { throw 7; });
  auto rethrown
    = make_ready_future<int>(fail(errc::io)).then([](expected<int> n) { return n.value(); });

  const auto answer = thrown.get();
  REQUIRE(error_of(answer) == errc::internal);
  CHECK(answer.error().detail.find("no luck") != std::string::npos);
  CHECK(error_of(other.get()) == errc::internal);
  CHECK(error_of(rethrown.get()) == errc::internal);
}

TEST_CASE("continuations chain, and a dropped promise reaches the last one", "[future]") {
  auto [owed, answer] = make_promise<int>();
  auto last = std::move(answer)
                .then([](expected<int> n) { return n; })
                .then([](expected<int> n) -> expected<std::string> {
                  if (!n)
                    return unexpected{n.error()};
                  return std::to_string(*n);
                });

  { auto dropped = std::move(owed); }

  CHECK(error_of(last.get()) == errc::unavailable);
}

TEST_CASE("a continuation runs once, whichever side comes first", "[future][concurrency]") {
  constexpr int rounds = 2'000;
  int ran = 0;

  for (int i = 0; i < rounds; ++i) {
    auto [owed, answer] = make_promise<int>();
    std::atomic<int> runs = 0;
    std::latch start{2};
    {
      std::jthread setter{[&, owed = std::move(owed)]() mutable {
        start.arrive_and_wait();
        owed.set(i);
      }};
      start.arrive_and_wait();
      auto next = std::move(answer).then([&](expected<int> n) { return runs += 1, *n; });
      if (next.get().value() != i)
        FAIL("wrong answer in round " << i);
    }
    ran += runs.load();
  }

  CHECK(ran == rounds);
}

TEST_CASE("what a continuation holds has the alignment of its type", "[future]") {
  struct alignas(64) wide {
    std::array<float, 16> lanes{};
  };
  constexpr int count = 100;
  std::vector<promise<int>> owed;
  std::vector<future<bool>> answers;
  for (int i = 0; i < count; ++i) {
    auto [mine, answer] = make_promise<int>();
    owed.push_back(std::move(mine));
    answers.push_back(std::move(answer).then([held = wide{}](expected<int>) {
      volatile auto at = reinterpret_cast<std::uintptr_t>(&held); // not what its type promises
      return at % 64 == 0;
    }));
  }

  int aligned = 0;
  for (int i = 0; i < count; ++i) {
    owed[static_cast<std::size_t>(i)].set(i);
    aligned += answers[static_cast<std::size_t>(i)].get().value() ? 1 : 0;
  }

  CHECK(aligned == count);
}

// -- cancel ---------------------------------------------------------------------------------------

TEST_CASE("a request that has not begun can be cancelled", "[future]") {
  auto [owed, answer] = make_promise<int>();
  CHECK_FALSE(owed.abandoned());

  CHECK(answer.cancel());

  CHECK(owed.abandoned());
  owed.set(1);
  CHECK(error_of(answer.get()) == errc::cancelled);
}

TEST_CASE("an answer that is there cannot be cancelled", "[future]") {
  auto [owed, answer] = make_promise<int>();
  owed.set(1);

  CHECK_FALSE(answer.cancel());

  CHECK(answer.get().value() == 1);
}

TEST_CASE("a continuation that was cancelled is never run", "[future]") {
  auto [owed, answer] = make_promise<int>();
  bool ran = false;
  auto next = std::move(answer).then([&](expected<int>) { ran = true; });

  CHECK(next.cancel());
  owed.set(1);

  CHECK_FALSE(ran);
  CHECK(error_of(next.get()) == errc::cancelled);
}

TEST_CASE("a request cancelled in the mailbox is never handled", "[future]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  held_worker held{actor};
  auto kept = actor.ask(add{1});
  auto withdrawn = actor.ask(add{10});

  CHECK(withdrawn.cancel());
  CHECK_FALSE(withdrawn.cancel());
  held.release();

  CHECK(error_of(withdrawn.get()) == errc::cancelled);
  CHECK(kept.get());
  CHECK(actor.call(total{}).value() == 1);
}

TEST_CASE("a request that its handler has begun cannot be cancelled", "[future]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  signal entered;
  signal release;
  auto answer = actor.ask(hold{&entered, &release});
  REQUIRE(entered.wait());

  CHECK_FALSE(answer.cancel());
  release.set();

  CHECK(answer.get());
}

TEST_CASE("of an answer and a cancel at the same time exactly one wins", "[future][concurrency]") {
  constexpr int rounds = 2'000;
  int wrong = 0;

  for (int i = 0; i < rounds; ++i) {
    auto [owed, answer] = make_promise<int>();
    std::latch start{2};
    std::jthread setter{[&start, owed = std::move(owed)]() mutable {
      start.arrive_and_wait();
      owed.set(1);
    }};
    start.arrive_and_wait();
    const bool cancelled = answer.cancel();
    const auto result = answer.get();
    wrong += cancelled ? error_of(result) != errc::cancelled : !result.has_value();
  }

  CHECK(wrong == 0);
}

} // namespace cortex::testing
