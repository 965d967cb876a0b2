#include "cortex/runtime/timer_heap.hpp"

#include "support/catch_compat.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace cortex::testing {
namespace {

using namespace std::chrono_literals;

class plain_timer final : public timer {
public:
  plain_timer() noexcept : timer([](timer&, errc) noexcept {}) {}
};

monotonic_time at(std::chrono::nanoseconds since) {
  return monotonic_time{since};
}

} // namespace

TEST_CASE("timers come out when they are due, the earliest first", "[timer_heap]") {
  detail::timer_heap heap;
  plain_timer late;
  plain_timer early;
  CHECK(heap.earliest() == monotonic_time::max());
  heap.push(late, at(7s));
  heap.push(early, at(5s));

  CHECK(heap.earliest() == at(5s));
  CHECK(heap.pop_due(at(5s) - 1ns) == nullptr);
  CHECK(heap.pop_due(at(9s)) == &early);
  CHECK(heap.pop_due(at(9s)) == &late);
  CHECK(heap.pop_due(at(9s)) == nullptr);
  CHECK(heap.empty());
}

TEST_CASE("a timer that was removed does not come out, and may be pushed again", "[timer_heap]") {
  detail::timer_heap heap;
  plain_timer one;
  plain_timer other;
  CHECK_FALSE(heap.remove(one));
  heap.push(one, at(1s));
  heap.push(other, at(2s));

  CHECK(heap.remove(one));
  CHECK_FALSE(heap.remove(one));
  CHECK(heap.pop_due(at(9s)) == &other);
  CHECK_FALSE(heap.remove(other));

  heap.push(one, at(3s));
  CHECK(heap.pop_due(at(3s)) == &one);
}

TEST_CASE("any mix of pushes, removals and pops keeps the order of a sorted map", "[timer_heap]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  std::mt19937 random{seed};
  detail::timer_heap heap;
  std::vector<std::unique_ptr<plain_timer>> timers;
  for (int i = 0; i < 3'000; ++i)
    timers.push_back(std::make_unique<plain_timer>());
  std::map<timer*, monotonic_time> model;
  std::size_t wrong = 0;

  for (int step = 0; step < 20'000; ++step) {
    auto& any = *timers[random() % timers.size()];
    const auto now = at(std::chrono::nanoseconds{random() % 1'000});
    // More pushes at first, more removals later: it grows, shrinks and is empty at times.
    const bool grows = random() % 20'000 > static_cast<unsigned>(step);
    if (grows && model.count(&any) == 0) {
      heap.push(any, now);
      model.emplace(&any, now);
    } else if (random() % 4 != 0) {
      wrong += heap.remove(any) != (model.erase(&any) == 1);
    } else if (auto* due = heap.pop_due(now)) {
      for (const auto& [other, when] : model)
        wrong += when < model.at(due);
      wrong += model.at(due) > now;
      model.erase(due);
    } else {
      for (const auto& [other, when] : model)
        wrong += when <= now;
    }
    wrong += heap.size() != model.size();
  }

  INFO("seed " << seed);
  CHECK(wrong == 0);
}

} // namespace cortex::testing
