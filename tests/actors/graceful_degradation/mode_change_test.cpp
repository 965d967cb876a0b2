// Events: who is told of a change of mode, in which order, on which thread.
#include "manager_fixture.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using degraded::mode;

namespace {

/// What was told so far. Thread-safe.
class listener {
public:
  void hear(const degraded::mode_change& change) {
    const std::lock_guard guard{mutex_};
    changes_.push_back(change);
    threads_.push_back(std::this_thread::get_id());
  }
  std::vector<degraded::mode_change> changes() const {
    const std::lock_guard guard{mutex_};
    return changes_;
  }
  std::vector<std::thread::id> threads() const {
    const std::lock_guard guard{mutex_};
    return threads_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<degraded::mode_change> changes_;
  std::vector<std::thread::id> threads_;
};

} // namespace

TEST_CASE("each change of mode is told once, in order, and not by the caller's thread",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  listener heard;
  auto wanted = t.options();
  wanted.on_mode_change = [&](const degraded::mode_change& change) { heard.hear(change); };
  const auto opened = t.open(wanted);

  for (int i = 0; i < 3; ++i)
    REQUIRE(opened.check_health([] { return false; }));
  REQUIRE(opened.check_health([] { return true; }));
  REQUIRE(opened.call(degraded::force{mode::full_ai})); // no change
  REQUIRE(opened.call(degraded::force{mode::manual_mode}));

  REQUIRE(testing::eventually([&] { return heard.changes().size() == 4; }));
  const auto changes = heard.changes();
  const std::vector<mode> seen{changes[0].to, changes[1].to, changes[2].to, changes[3].to};
  CHECK(seen
        == std::vector<mode>{mode::cached_only, mode::pattern_matching, mode::full_ai,
                             mode::manual_mode});
  CHECK(changes[0].from == mode::full_ai);
  for (std::size_t i = 0; i < changes.size(); ++i)
    CHECK(changes[i].number == i + 1);
  CHECK(opened.call(degraded::status{})->mode_changes == 4);
  for (const auto thread : heard.threads())
    CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("changes that many threads cause are told in the order of their numbers",
          "[graceful_degradation][concurrency]") {
  testing::manager_fixture t;
  listener heard;
  auto wanted = t.options();
  wanted.on_mode_change = [&](const degraded::mode_change& change) { heard.hear(change); };
  const auto opened = t.open(wanted);

  testing::run_threads(8, [&](std::size_t index) {
    for (int i = 0; i < 25; ++i)
      static_cast<void>(
        opened.call(degraded::force{index % 2 == 0 ? mode::manual_mode : mode::cached_only}));
  });
  const auto made = opened.call(degraded::status{})->mode_changes;

  REQUIRE(testing::eventually([&] { return heard.changes().size() == made; }));
  const auto changes = heard.changes();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CHECK(changes[i].number == i + 1);
    if (i > 0)
      CHECK(changes[i].from == changes[i - 1].to);
  }
}

TEST_CASE("who is told may ask the manager, and what it throws harms nobody",
          "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  std::atomic<int> calls{0};
  degraded::handle asks; // set before the first change
  auto wanted = t.options();
  wanted.on_mode_change = [&](const degraded::mode_change&) {
    ++calls;
    asks.tell(degraded::status{});
    throw std::runtime_error{"no"};
  };
  const auto opened = t.open(wanted);
  asks = opened;

  REQUIRE(opened.call(degraded::force{mode::manual_mode}));
  REQUIRE(testing::eventually([&] { return calls == 1; }));
  REQUIRE(opened.call(degraded::reset{}));

  CHECK(testing::eventually([&] { return calls == 2; }));
  REQUIRE(t.rt->stop());
}
