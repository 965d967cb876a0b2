#include "sample_actors.hpp"

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

/// Threads and open descriptors of this process.
struct footprint {
  std::ptrdiff_t threads = count("/proc/self/task");
  std::ptrdiff_t descriptors = count("/proc/self/fd");

  static std::ptrdiff_t count(const char* directory) {
    return std::distance(std::filesystem::directory_iterator{directory}, {});
  }
};

void open_use_and_stop() {
  auto rt = open_runtime();
  auto first = spawn<worker>(rt, "first", {});
  auto second = spawn<worker>(rt, "second", {});
  auto next = first.ask(echo{1}).then([&](expected<int> n) { return n.value() + 1; });
  REQUIRE(second.call(add{1}));
  REQUIRE(next.get().value() == 2);
  REQUIRE(rt.stop(default_deadline));
}

void open_and_stop_leak_nothing(int times) {
  open_use_and_stop(); // what is made once for the process is there now
  const footprint before;

  for (int i = 0; i < times; ++i)
    open_use_and_stop();

  // A joined thread may stay in the directory for a moment longer.
  CHECK(eventually([&] { return footprint{}.threads <= before.threads; }));
  CHECK(footprint{}.descriptors == before.descriptors);
}

} // namespace

TEST_CASE("50 starts and stops leak no thread and no descriptor", "[stop]") {
  open_and_stop_leak_nothing(50);
}

TEST_CASE("1,000 starts and stops leak no thread and no descriptor", "[.stress][stop]") {
  open_and_stop_leak_nothing(1'000);
}

TEST_CASE("1,000 threads at once on one actor are all answered", "[stop][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  std::atomic<int> answered = 0;

  run_threads(1'000, [&](std::size_t thread) {
    const auto n = static_cast<int>(thread);
    answered += actor.call(echo{n}).value() == n;
    answered += actor.ask(add{1}).get().has_value();
  });

  CHECK(answered == 2'000);
  CHECK(actor.call(total{}).value() == 1'000);
}

TEST_CASE("several runtimes live side by side", "[stop][concurrency]") {
  std::atomic<int> good = 0;

  run_threads(4, [&](std::size_t thread) {
    for (int i = 0; i < 5; ++i) {
      auto opened = runtime::open({});
      auto actor = opened->spawn<worker>("worker", [] { return std::make_unique<worker>(); });
      for (int n = 0; n < 50; ++n)
        static_cast<void>(actor->call(add{1}));
      good += actor->call(total{}).value() == 50;
      if (thread % 2 == 0)
        good += opened->stop(default_deadline).has_value();
      else
        good += 1;
    }
  });

  CHECK(good == 40);
}

TEST_CASE("an actor of one runtime may ask one of another", "[stop]") {
  struct relay {
    using reply = int;
  };
  struct relayer {
    using protocol = cortex::protocol<relay>;
    explicit relayer(worker_handle other) : other_(std::move(other)) {}
    future<int> operator()(const relay&) { return other_.ask(echo{5}); }
    worker_handle other_;
  };
  auto outer = open_runtime();
  auto inner = open_runtime();
  auto actor = spawn<relayer>(outer, "relayer", {}, spawn_worker(inner));
  CHECK(actor.call(relay{}).value() == 5);

  REQUIRE(inner.stop());

  CHECK(error_of(actor.call(relay{})) == errc::closed);
}

TEST_CASE("requests that race with the stop are answered once each", "[stop][concurrency]") {
  int wrong = 0;

  for (int round = 0; round < 30; ++round) {
    auto rt = open_runtime();
    auto actor = spawn_worker(rt);
    std::atomic<int> good = 0;
    std::atomic<int> other = 0;
    run_threads(8, [&](std::size_t thread) {
      if (thread == 0) {
        if (!rt.stop(default_deadline))
          other += 1;
        return;
      }
      for (int i = 0; i < 50; ++i) {
        const auto answer = thread % 2 == 0 ? actor.call(echo{i}) : actor.ask(echo{i}).get();
        const bool known = answer ? *answer == i
                                  : answer.error() == errc::closed
                                      || answer.error() == errc::unavailable;
        (known ? good : other) += 1;
      }
    });
    wrong += good != 350 || other != 0;
  }

  CHECK(wrong == 0);
}

} // namespace cortex::testing
