#include "sample_actors.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

int value_of(const published<int>& shown) {
  return shown.read([](int n) { return n; });
}

std::shared_ptr<const int> an_int(int n) {
  return std::make_shared<const int>(n);
}

/// Enough values that some share a place in a thread's cache.
constexpr std::size_t many = 40;

} // namespace

TEST_CASE("a reader sees the newest publish", "[published]") {
  published<int> shown{an_int(1)};
  CHECK(value_of(shown) == 1);
  CHECK(shown.version() == 1);

  for (int n = 2; n < 100; ++n) {
    shown.publish(an_int(n));
    REQUIRE(value_of(shown) == n);
    REQUIRE(value_of(shown) == n);
  }

  CHECK(shown.version() == 99);
  CHECK(*shown.get() == 99);
}

TEST_CASE("a value that was never published is a default one", "[published]") {
  const published<std::string> shown;

  CHECK(shown.read([](const std::string& text) { return text; }).empty());
}

TEST_CASE("read returns what the function returns, references and nothing included",
          "[published]") {
  const published<int> shown{an_int(3)};
  int seen = 0;
  int target = 0;

  shown.read([&](int n) { seen = n; });
  int& returned = shown.read([&](int) -> int& { return target; });

  CHECK(seen == 3);
  CHECK(&returned == &target);
}

TEST_CASE("another thread's publish is seen by reads that begin after it",
          "[published][concurrency]") {
  published<int> shown{an_int(0)};
  CHECK(value_of(shown) == 0);

  for (int n = 1; n <= 20; ++n) {
    std::jthread{[&] { shown.publish(an_int(n)); }}.join();
    CHECK(value_of(shown) == n);
  }
}

TEST_CASE("values that share a place in the cache are not mixed up", "[published]") {
  std::vector<std::unique_ptr<published<int>>> shown;
  for (std::size_t i = 0; i < many; ++i)
    shown.push_back(std::make_unique<published<int>>(an_int(static_cast<int>(i))));

  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < many; ++i)
      REQUIRE(value_of(*shown[i]) == static_cast<int>(i) + round * 100);
    for (std::size_t i = 0; i < many; ++i)
      shown[i]->publish(an_int(static_cast<int>(i) + (round + 1) * 100));
  }
}

TEST_CASE("reads nest, in the same place of the cache too", "[published]") {
  std::vector<std::unique_ptr<published<int>>> shown;
  for (std::size_t i = 0; i < many; ++i)
    shown.push_back(std::make_unique<published<int>>(an_int(static_cast<int>(i))));
  int wrong = 0;

  shown[0]->read([&](const int& outer) {
    for (std::size_t i = 1; i < many; ++i)
      wrong += value_of(*shown[i]) != static_cast<int>(i);
    wrong += outer != 0;
  });
  CHECK(wrong == 0);

  // Inside its own read the value is replaced: the outer read keeps what it began with.
  shown[0]->read([&](const int& outer) {
    shown[0]->publish(an_int(1'000));
    wrong += value_of(*shown[0]) != 1'000;
    wrong += outer != 0;
  });
  CHECK(wrong == 0);
  CHECK(value_of(*shown[0]) == 1'000);
}

TEST_CASE("a read that throws leaves the cache usable", "[published]") {
  published<int> shown{an_int(1)};

  CHECK_THROWS(shown.read([](int) { throw std::runtime_error{"reader"}; }));
  shown.publish(an_int(2));

  CHECK(value_of(shown) == 2);
}

TEST_CASE("a new value at the address of an old one is not taken for it", "[published]") {
  std::optional<published<int>> shown;

  for (int n = 0; n < 100; ++n) {
    shown.emplace(an_int(n));
    REQUIRE(value_of(*shown) == n);
  }
}

TEST_CASE("8 readers never see half of a value", "[published][concurrency]") {
  struct pair {
    std::uint64_t n = 0;
    std::uint64_t twice = 0;
    std::vector<std::uint64_t> copies = std::vector<std::uint64_t>(16, 0);
  };
  published<pair> shown;
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::atomic<int> backwards = 0;

  run_threads(9, [&](std::size_t thread) {
    if (thread == 0) {
      for (std::uint64_t n = 1; n <= 3'000; ++n)
        shown.publish(std::make_shared<const pair>(pair{n, 2 * n, std::vector(16, n)}));
      done = true;
      return;
    }
    std::uint64_t last = 0;
    while (!done)
      shown.read([&](const pair& p) {
        torn += p.twice != 2 * p.n;
        for (auto copy : p.copies)
          torn += copy != p.n;
        backwards += p.n < last;
        last = p.n;
      });
  });

  CHECK(torn == 0);
  CHECK(backwards == 0);
  CHECK(shown.read([](const pair& p) { return p.n; }) == 3'000);
}

TEST_CASE("a replaced value lives until its readers have gone on", "[published]") {
  auto first = an_int(1);
  const std::weak_ptr<const int> watched = first;
  published<int> shown{std::move(first)};
  auto kept = shown.get();
  CHECK(value_of(shown) == 1);

  shown.publish(an_int(2));
  CHECK_FALSE(watched.expired());
  kept.reset();
  CHECK_FALSE(watched.expired()); // this thread's cache
  CHECK(value_of(shown) == 2);

  CHECK(watched.expired());
}

TEST_CASE("a value that no thread has read dies with its publisher or the next value",
          "[published]") {
  auto first = an_int(1);
  auto second = an_int(2);
  const std::weak_ptr<const int> first_watched = first;
  const std::weak_ptr<const int> second_watched = second;
  {
    published<int> shown{std::move(first)};
    shown.publish(std::move(second));
    CHECK(first_watched.expired());
  }

  CHECK(second_watched.expired());
}

TEST_CASE("a thread that ends lets go of what it has read", "[published][concurrency]") {
  auto first = an_int(1);
  const std::weak_ptr<const int> watched = first;
  {
    published<int> shown{std::move(first)};
    std::jthread{[&] { static_cast<void>(value_of(shown)); }}.join();
  }

  CHECK(watched.expired());
}

} // namespace cortex::testing
