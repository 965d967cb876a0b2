/// How much may wait for somebody slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace cortex::progress_indicators {

/// Admits what fits and counts what does not. Common things leave an eighth of the room to those
/// that matter more. *Not thread-safe*.
class budget {
public:
  enum class rank : std::uint8_t { common, important };

  explicit budget(std::size_t most_bytes) noexcept : most_(most_bytes) {}

  /// So many bytes wait elsewhere now.
  void waiting(std::size_t bytes) noexcept { elsewhere_ = bytes; }

  [[nodiscard]] bool has_room(std::size_t kept_here, rank of) const noexcept {
    return elsewhere_ + kept_here < (of == rank::important ? most_ : most_ - most_ / 8);
  }
  /// The same, but counts what finds none.
  [[nodiscard]] bool admits(std::size_t kept_here, rank of) noexcept {
    if (has_room(kept_here, of))
      return true;
    ++untold_;
    ++uncounted_;
    return false;
  }

  [[nodiscard]] bool owes_word() const noexcept { return untold_ != 0; }
  /// What was dropped since the last time, if half of the room is free again or at the `end`.
  [[nodiscard]] std::uint64_t take_untold(std::size_t kept_here, bool end) noexcept {
    return end || elsewhere_ + kept_here < most_ / 2 ? std::exchange(untold_, 0) : 0;
  }
  /// The same for the metric.
  [[nodiscard]] std::uint64_t take_uncounted() noexcept { return std::exchange(uncounted_, 0); }

private:
  std::size_t most_;
  std::size_t elsewhere_ = 0;
  std::uint64_t untold_ = 0;
  std::uint64_t uncounted_ = 0;
};

} // namespace cortex::progress_indicators
