/// How whoever uses a connection is told to stop, and kept away from it while others end its
/// snapshot.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/error.hpp"
#include "cortex/reply_slot.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <stop_token>

namespace cortex::storage::detail {

/// Why a use of a connection ends before its time.
enum class stop_reason : std::uint8_t {
  none,
  cancelled, ///< Its asker wants it no more.
  timeout,   ///< Its own time is up.
  pinned,    ///< It kept the log from being emptied for too long.
};

/// What ends one use of a connection, beside a request.
struct use_limits {
  const monotonic_clock* clock = &system_monotonic_clock();
  monotonic_time until = monotonic_time::max();
  std::stop_token stop{};
  /// Whose asker may lose interest. Outlives the use.
  const cortex::detail::slot_base* slot = nullptr;
};

/// One word says who is at a connection and whether he is to stop. Each use has a number of its
/// own: a request for one never hits the next. The user looks at the word before each row, every
/// thousand steps of SQLite's machine and while it waits for a lock of another process; nobody else
/// touches the connection, but for its snapshot, while the user is outside.
///
/// Owned by the thread that uses the connection; *Thread-safe* where it says "others".
class interruption {
public:
  interruption() = default;
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption() = default;

  /// Begins a use; the user is outside. `end` must follow.
  void begin(use_limits limits) noexcept;
  /// The same use goes on for another asker. What it was told is forgotten, but for `pinned`.
  void go_on(use_limits limits) noexcept;
  /// Ends it: others are out of the way when this returns. @pre the user is outside
  void end() noexcept;

  /// Goes inside, where it may touch the connection; nests. False, and it stays where it was, if it
  /// is to stop.
  [[nodiscard]] bool enter() noexcept;
  void leave() noexcept;

  /// Whether the user is to stop. Once true it stays so until the use ends.
  [[nodiscard]] bool stops() noexcept;
  /// What the user is to be told, if `stops` was true.
  [[nodiscard]] std::optional<error> told() const;

  /// Others: whether the use that goes on was asked to stop.
  [[nodiscard]] bool asked() const noexcept {
    return reason_of(word_.load(std::memory_order_relaxed)) != stop_reason::none;
  }
  /// Others: the number of the use that goes on, 0 if none does.
  [[nodiscard]] std::uint64_t number() const noexcept;
  /// Others: asks the use of that number to stop. True if this call was the first to do so.
  bool request(std::uint64_t number, stop_reason why) noexcept;
  /// Others: does `work` while the user of that number, who was asked to stop, is kept outside.
  /// False if he is inside or gone.
  template <class F>
  bool while_outside(std::uint64_t number, F work) noexcept {
    auto word = word_.load(std::memory_order_relaxed);
    if (number_of(word) != number || phase_of(word) != phase::outside
        || reason_of(word) == stop_reason::none
        || !word_.compare_exchange_strong(word, with(word, phase::held_off),
                                          std::memory_order_acquire))
      return false;
    work();
    word_.store(with(word, phase::outside), std::memory_order_release);
    return true;
  }

private:
  enum class phase : std::uint8_t {
    unused,
    outside,  // in use, and nobody touches the connection
    inside,   // its user touches the connection
    held_off, // another thread does
  };
  // The word: a number, a reason, a phase.
  static constexpr unsigned phase_bits = 2;
  static constexpr unsigned both_bits = 4;
  static constexpr std::uint64_t mask = 3; // of either

  static phase phase_of(std::uint64_t word) noexcept { return static_cast<phase>(word & mask); }
  static stop_reason reason_of(std::uint64_t word) noexcept {
    return static_cast<stop_reason>((word >> phase_bits) & mask);
  }
  static std::uint64_t number_of(std::uint64_t word) noexcept { return word >> both_bits; }
  static std::uint64_t with(std::uint64_t word, phase next) noexcept {
    return (word & ~mask) | static_cast<std::uint64_t>(next);
  }

  void change(phase from, phase to) noexcept;

  std::atomic<std::uint64_t> word_{0};
  // The user's.
  unsigned depth_ = 0;
  stop_reason seen_ = stop_reason::none;
  use_limits limits_;
};

} // namespace cortex::storage::detail
