/// When a reader that keeps the log over its budget is named, when it is interrupted, and how much
/// writers are slowed.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/database.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace cortex::storage::detail {

/// SQLite's default; a budget need not be exact.
inline constexpr std::uint64_t log_page_bytes = 4096;

enum class pin_step : std::uint8_t { none, name, interrupt };

/// Rules without a clock or a connection. Not thread-safe: the writer's owner has it.
class log_governor {
public:
  log_governor(const governor_options& options, std::uint64_t budget_pages) noexcept
    : options_(options), budget_(budget_pages) {}

  /// After each commit, and when the log was emptied.
  void note_log(std::uint64_t pages, monotonic_time now) noexcept;
  [[nodiscard]] bool over_budget() const noexcept { return pages_ >= budget_; }

  /// What to do about the reader at `place` whose use of that number began at `since` and may pin
  /// the log for `pin_for` (zero: as the options say). `name` comes once for each number.
  [[nodiscard]] pin_step step(std::size_t place, std::uint64_t number, monotonic_time since,
                              std::chrono::nanoseconds pin_for, monotonic_time now) noexcept;

  /// How long the next group is to wait. Zero while readers are yet to be interrupted.
  [[nodiscard]] std::chrono::nanoseconds delay(monotonic_time now) const noexcept;
  /// True if writes are to be refused.
  [[nodiscard]] bool at_limit(std::uint64_t limit_pages) const noexcept {
    return limit_pages != 0 && pages_ >= limit_pages;
  }

private:
  const governor_options& options_;
  const std::uint64_t budget_;
  std::uint64_t pages_ = 0;
  monotonic_time over_since_{}; // while over the budget
  std::array<std::uint64_t, 64> named_{};
};

} // namespace cortex::storage::detail
