#include "sample_actors.hpp"

#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace cortex::testing {
namespace {

task<int> value_of(int n) {
  co_return n;
}

task<int> failing(errc code) {
  co_return fail(code, "on purpose");
}

task<int> throwing() {
  throw std::runtime_error{"on purpose"};
  co_return 0;
}

task<int> throwing_number() {
  throw 5;
  co_return 0;
}

task<int> sum_of_two() {
  auto one = co_await value_of(1);
  auto two = co_await value_of(2);
  co_return one.value() + two.value();
}

task<int> nested(int depth) {
  if (depth == 0)
    co_return 0;
  auto below = co_await nested(depth - 1);
  co_return below.value() + 1;
}

/// Says when it is destroyed.
class witness {
public:
  explicit witness(bool& gone) : gone_(&gone) {}
  witness(witness&& other) noexcept : gone_(std::exchange(other.gone_, nullptr)) {}
  ~witness() {
    if (gone_ != nullptr)
      *gone_ = true;
  }

private:
  bool* gone_;
};

task<int> with(witness) {
  co_return 1;
}

} // namespace

TEST_CASE("a task's value arrives in its future", "[task]") {
  CHECK(start(value_of(7)).get().value() == 7);
  CHECK(start(sum_of_two()).get().value() == 3);
}

TEST_CASE("tasks nest", "[task]") {
  CHECK(start(nested(100)).get().value() == 100);
}

TEST_CASE("an error of a task is a value of the one that awaits it", "[task][errors]") {
  auto outer = []() -> task<int> {
    auto inner = co_await failing(errc::no_space);
    if (!inner)
      co_return fail(errc::io, "because of " + std::string{to_string(inner.error().code)});
    co_return 1;
  };

  auto answer = start(outer()).get();

  REQUIRE(error_of(answer) == errc::io);
  CHECK(answer.error().detail == "because of no_space");
}

TEST_CASE("what a task throws becomes internal and says why", "[task][errors]") {
  auto answer = start(throwing()).get();
  auto outer = []() -> task<int> {
    auto inner = co_await throwing();
    co_return inner ? 1 : inner.error() == errc::internal ? 2 : 3;
  };

  REQUIRE(error_of(answer) == errc::internal);
  CHECK(answer.error().detail.find("on purpose") != std::string::npos);
  CHECK(error_of(start(throwing_number()).get()) == errc::internal);
  CHECK(start(outer()).get().value() == 2);
}

TEST_CASE("a task without a value ends in success or an error", "[task]") {
  auto good = []() -> task<void> { co_return expected<void>{}; };
  auto bad = []() -> task<void> { co_return fail(errc::closed); };

  CHECK(start(good()).get());
  CHECK(error_of(start(bad()).get()) == errc::closed);
}

TEST_CASE("a task may end in what can only be moved", "[task]") {
  auto body = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(9); };

  CHECK(*start(body()).get().value() == 9);
}

TEST_CASE("a task that is never started runs nothing and frees what it holds", "[task]") {
  bool gone = false;

  {
    auto unused = with(witness{gone});
    CHECK_FALSE(gone);
  }

  CHECK(gone);
}

TEST_CASE("a finished task has freed what it held", "[task]") {
  bool gone = false;

  CHECK(start(with(witness{gone})).get().value() == 1);

  CHECK(gone);
}

TEST_CASE("a task runs on the starting thread until it first waits", "[task]") {
  auto [owed, answer] = make_promise<int>();
  std::thread::id first;
  auto body = [&](future<int> awaited) -> task<int> {
    first = std::this_thread::get_id();
    auto n = co_await std::move(awaited);
    co_return n.value();
  };

  auto result = start(body(std::move(answer)));
  CHECK(first == std::this_thread::get_id());
  CHECK_FALSE(result.ready());
  owed.set(3);

  CHECK(result.get().value() == 3);
}

TEST_CASE("awaiting a dropped promise gives unavailable", "[task][errors]") {
  auto body = [](future<int> awaited) -> task<int> {
    auto n = co_await std::move(awaited);
    co_return fail(n.error());
  };
  auto [owed, answer] = make_promise<int>();
  auto result = start(body(std::move(answer)));

  { auto dropped = std::move(owed); }

  CHECK(error_of(result.get()) == errc::unavailable);
}

// -- many awaits ----------------------------------------------------------------------------------

TEST_CASE("100,000 awaits of tasks in a row do not overflow the stack", "[task]") {
  auto body = []() -> task<int> {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i)
      sum += (co_await value_of(1)).value();
    co_return sum;
  };

  CHECK(start(body()).get().value() == 100'000);
}

TEST_CASE("100,000 awaits of answers that are there do not overflow the stack", "[task]") {
  auto body = []() -> task<int> {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i)
      sum += (co_await make_ready_future<int>(1)).value();
    co_return sum;
  };

  CHECK(start(body()).get().value() == 100'000);
}

TEST_CASE("100,000 awaits of tasks that wait do not overflow the stack", "[task]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto ask_one = [](worker_handle to) -> task<int> { co_return co_await to.ask(echo{1}); };
  auto body = [&]() -> task<int> {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i)
      sum += (co_await ask_one(actor)).value();
    co_return sum;
  };

  CHECK(rt.start(body()).get().value() == 100'000);
}

TEST_CASE("a task awaits 10,000 answers of an actor one after another", "[task][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  auto body = [&]() -> task<int> {
    int sum = 0;
    for (int i = 0; i < 10'000; ++i)
      sum += (co_await actor.ask(echo{1})).value();
    co_return sum;
  };

  CHECK(rt.start(body()).get().value() == 10'000);
}

TEST_CASE("tasks started from many threads all end", "[task][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  auto body = [&](int n) -> task<int> {
    static_cast<void>(co_await actor.ask(add{1}));
    auto back = co_await actor.ask(echo{n});
    co_return back.value();
  };

  run_threads(8, [&](std::size_t thread) {
    for (int i = 0; i < 200; ++i) {
      const int n = static_cast<int>(thread) * 1'000 + i;
      if (rt.start(body(n)).get().value() != n)
        throw std::runtime_error{"wrong answer"};
    }
  });

  CHECK(actor.call(total{}).value() == 1'600);
}

} // namespace cortex::testing
