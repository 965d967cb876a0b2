/// Which lane the next place in a group belongs to.
#pragma once

#include "cortex/database.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace cortex::storage::detail {

/// A set of lanes, a bit for each.
using lane_set = std::uint8_t;

[[nodiscard]] constexpr lane_set only(lane of) noexcept {
  return static_cast<lane_set>(1U << static_cast<unsigned>(of));
}
[[nodiscard]] constexpr lane_set without(lane_set of, lane left_out) noexcept {
  return static_cast<lane_set>(of & ~only(left_out));
}

/// Guaranteed shares of the places in groups. With each place every lane that waits saves as much
/// as its weight. Who has saved the price of a place takes it, the least urgent first, as it has
/// waited for longest; if nobody has, the most urgent takes it. So a lane gets its share of all
/// places or more, what others leave goes to the more urgent ones, and no place stays empty while
/// something waits. The size of a group plays no part: in groups of one the lanes take turns.
///
/// A lane that begins to wait has its first place within `price / weight` places, rounded up, and
/// one more for each lane that is less urgent. *Not thread-safe*.
class lane_turns {
public:
  /// Each lane counts twice as much as the next one. At worst bulk writes have 2 of 15 places, so a
  /// load beside a full interactive lane goes at an eighth of its speed, not at a hundredth.
  static constexpr std::array<std::int32_t, lane_count> weights{8, 4, 2, 1};
  static constexpr std::int32_t price = std::accumulate(weights.begin(), weights.end(), 0);

  /// Begins a group. Lanes that do not wait lose what they have saved: shares are not kept for
  /// later.
  void open(lane_set waiting) noexcept {
    for (std::size_t i = 0; i < lane_count; ++i)
      if ((waiting & only(static_cast<lane>(i))) == 0)
        saved_[i] = 0;
  }

  /// Gives away the next place. @pre `waiting` is not empty
  [[nodiscard]] lane_turn next(lane_set waiting) noexcept {
    const auto most_urgent = static_cast<lane>(std::countr_zero(waiting));
    if (waiting == only(most_urgent))
      return {most_urgent, 0, 0}; // alone: nothing is shared
    auto winner = most_urgent;
    for (std::size_t i = 0; i < lane_count; ++i) {
      if ((waiting & only(static_cast<lane>(i))) == 0)
        continue;
      saved_[i] += weights[i];
      if (saved_[i] >= price)
        winner = static_cast<lane>(i);
    }
    auto& savings = saved_[static_cast<std::size_t>(winner)];
    const auto paid = std::clamp(savings, 0, price);
    savings -= paid;
    return {winner, waiting, static_cast<std::int8_t>(paid)};
  }

  /// Undoes a `next` of this group or of the one before: the place was not used.
  void take_back(const lane_turn& unused) noexcept {
    for (std::size_t i = 0; i < lane_count; ++i)
      if ((unused.waiting & only(static_cast<lane>(i))) != 0)
        saved_[i] -= weights[i];
    saved_[static_cast<std::size_t>(unused.of)] += unused.paid;
  }

private:
  std::array<std::int32_t, lane_count> saved_{};
};

} // namespace cortex::storage::detail
