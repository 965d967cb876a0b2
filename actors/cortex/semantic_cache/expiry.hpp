/// Times to live: which entries have ended, by a wall clock that may be set.
#pragma once

#include "cortex/semantic_cache.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::semantic_cache {

/// A time to live that has no end, in seconds.
inline constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();

[[nodiscard]] constexpr std::int64_t seconds_of(std::chrono::seconds time_to_live) noexcept {
  return time_to_live == for_ever ? endless : time_to_live.count();
}

/// How long an entry lives. All times are in seconds, points in time since 1970.
struct lifetime {
  std::int64_t time_to_live = 1; ///< >= 1
  std::int64_t ends_at = 0;      ///< The first second in which it is not answered any more.

  friend bool operator==(const lifetime&, const lifetime&) = default;
};

using life_of_entry = std::pair<std::int64_t, lifetime>; // id, life

/// A life that begins now.
/// @pre `1 <= time_to_live`
[[nodiscard]] lifetime begin_life(std::int64_t time_to_live, std::int64_t now) noexcept;

/// The lives of those entries that do not live for ever. Knows no clock. *Owned by one actor*.
///
/// The wall clock may be set. Ahead: what the jump passes has ended, since nothing tells a jump
/// from time that went by. Back: a life is longer by as much, but where the clock is set to before
/// its beginning it begins anew. So each step back adds at most one time to live, and nothing lives
/// for ever.
class expiry_queue {
public:
  [[nodiscard]] bool empty() const noexcept { return by_end_.empty(); }

  /// Takes an entry in. A life of 0 seconds or less has ended.
  /// @pre it is not here
  void insert(std::int64_t id, lifetime life);

  /// Lets an entry go, if it is here.
  void erase(std::int64_t id);
  /// Gives an entry another life, if it is here.
  void replace(std::int64_t id, lifetime life);
  void clear() noexcept;

  /// True if `take_ended` has something to do. Constant time.
  [[nodiscard]] bool due(std::int64_t now) const noexcept {
    return !by_end_.empty() && (by_end_.begin()->first <= now || now < latest_beginning_);
  }

  /// Lets all go that have ended, and returns them in the order of their ends. Linear in their
  /// number; in the number of all after the clock was set back.
  [[nodiscard]] std::vector<std::int64_t> take_ended(std::int64_t now);

  /// Hands out the lives that began anew since the last time, for the caller to write: else they
  /// would do so again each time they are read. May name entries that are gone.
  [[nodiscard]] std::vector<life_of_entry> take_changed();
  /// Takes back what could not be written.
  void restore_changed(const std::vector<life_of_entry>& earlier);
  [[nodiscard]] bool has_changed() const noexcept { return !changed_.empty(); }

  /// Seconds that an entry has left, >= 1; nothing if it lives for ever.
  [[nodiscard]] std::optional<std::int64_t> left(std::int64_t id, std::int64_t now) const;

private:
  void begin_anew(std::int64_t now);

  std::unordered_map<std::int64_t, lifetime> lives_;
  std::set<std::pair<std::int64_t, std::int64_t>> by_end_; // of all lives: end, id
  std::vector<life_of_entry> changed_;                     // the latest one of an entry last
  std::int64_t latest_beginning_ = std::numeric_limits<std::int64_t>::min();
};

} // namespace cortex::semantic_cache
