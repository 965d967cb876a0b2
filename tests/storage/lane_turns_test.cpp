#include "cortex/storage/lane_turns.hpp"

#include "support/catch_compat.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <vector>

using namespace cortex::storage;
using detail::lane_set;
using detail::lane_turn;
using detail::lane_turns;

namespace {

constexpr lane_set all = 0b1111;

std::size_t index(lane of) {
  return static_cast<std::size_t>(of);
}

/// How often each lane is next, while those of `waiting` wait all the time.
std::array<int, lane_count> places(lane_turns& turns, lane_set waiting, int count) {
  std::array<int, lane_count> out{};
  for (int i = 0; i < count; ++i)
    ++out[index(turns.next(waiting).of)];
  return out;
}

lane_set some(std::mt19937_64& random) {
  return static_cast<lane_set>(random() & all);
}

} // namespace

TEST_CASE("over a round of places each lane that waits gets its weight",
          "[storage][lanes][turns]") {
  lane_turns turns;
  // At first nobody has saved anything, and the most urgent takes what nobody has a claim to.
  CHECK(places(turns, all, lane_turns::price) == std::array{10, 3, 1, 1});

  for (int round = 0; round < 10; ++round)
    CHECK(places(turns, all, lane_turns::price) == lane_turns::weights);
}

TEST_CASE("what lanes without writes leave goes to the most urgent one",
          "[storage][lanes][turns]") {
  lane_turns turns;

  CHECK(places(turns, 0b0110, 15) == std::array{0, 13, 2, 0});
  CHECK(places(turns, 0b1001, 15) == std::array{14, 0, 0, 1});
  CHECK(places(turns, 0b1000, 15) == std::array{0, 0, 0, 15});
}

TEST_CASE("a lane that begins to wait has its first place within its bound",
          "[storage][lanes][turns]") {
  const auto seed = GENERATE(range(1U, 101U));
  const auto which = GENERATE(lane::interactive, lane::normal, lane::bulk, lane::maintenance);
  CAPTURE(seed, static_cast<int>(which));
  std::mt19937_64 random{seed};
  lane_turns turns;
  const auto weight = lane_turns::weights[index(which)];
  const auto less_urgent = static_cast<int>(lane_count - 1 - index(which));
  const auto bound = (lane_turns::price + weight - 1) / weight + less_urgent;

  for (int round = 0; round < 50; ++round) {
    for (auto i = random() % 40; i != 0; --i) // any past without it
      if (const auto others = detail::without(some(random), which); others != 0) {
        turns.open(others);
        static_cast<void>(turns.next(others));
      }
    int place = 0;
    bool came = false;
    while (!came && place < 1000) {
      const auto waiting = static_cast<lane_set>(some(random) | detail::only(which));
      if (random() % 4 == 0)
        turns.open(waiting);
      came = turns.next(waiting).of == which;
      ++place;
    }
    REQUIRE(came);
    CHECK(place <= bound);
  }
}

TEST_CASE("a lane that always waits gets its share, whatever the others do",
          "[storage][lanes][turns]") {
  const auto seed = GENERATE(range(1U, 51U));
  const auto which = GENERATE(lane::interactive, lane::normal, lane::bulk, lane::maintenance);
  CAPTURE(seed, static_cast<int>(which));
  std::mt19937_64 random{seed};
  lane_turns turns;
  const auto weight = lane_turns::weights[index(which)];
  int got = 0;

  for (int places = 1; places <= 3000; ++places) {
    const auto waiting = static_cast<lane_set>(some(random) | detail::only(which));
    if (random() % 8 == 0)
      turns.open(waiting);
    const auto next = turns.next(waiting).of;
    REQUIRE((waiting & detail::only(next)) != 0); // work conserving: never a lane with nothing
    got += next == which ? 1 : 0;
    // Behind its share by what was bound to happen before its turn, and never more.
    REQUIRE(got >= places * weight / lane_turns::price - static_cast<int>(lane_count));
  }
}

TEST_CASE("places that are taken back leave no trace", "[storage][lanes][turns]") {
  const auto seed = GENERATE(range(1U, 51U));
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  lane_turns cut; // each group is cut short
  lane_turns whole;

  for (int group = 0; group < 200; ++group) {
    const auto size = 1 + random() % 30;
    const auto kept = random() % (size + 1);
    std::vector<lane_turn> taken;
    cut.open(all);
    for (std::size_t i = 0; i < size; ++i)
      taken.push_back(cut.next(all));
    for (auto i = size; i > kept; --i)
      cut.take_back(taken[i - 1]);
    for (std::size_t i = 0; i < kept; ++i)
      REQUIRE(whole.next(all).of == taken[i].of);
  }
}
