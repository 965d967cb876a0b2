/// Counts who is inside and, once shut, tells when the last one has left.
#pragma once

#include <atomic>
#include <cstdint>

namespace cortex::detail {

/// *Thread-safe*. Exactly one call of `shut` or `leave` returns true: the one that finds the gate
/// shut and nobody inside.
class gate {
public:
  /// False once the gate is shut; then do not call `leave`.
  [[nodiscard]] bool enter(bool& last_left) noexcept {
    last_left = false;
    const auto before = state_.fetch_add(1, std::memory_order_acquire);
    if ((before & shut_flag) == 0)
      return true;
    last_left = leave();
    return false;
  }

  [[nodiscard]] bool leave() noexcept {
    return settle(state_.fetch_sub(1, std::memory_order_acq_rel) - 1);
  }

  [[nodiscard]] bool shut() noexcept {
    return settle(state_.fetch_or(shut_flag, std::memory_order_acq_rel) | shut_flag);
  }

  [[nodiscard]] bool is_shut() const noexcept {
    return (state_.load(std::memory_order_acquire) & shut_flag) != 0;
  }

private:
  static constexpr std::uint64_t shut_flag = std::uint64_t{1} << 63;
  static constexpr std::uint64_t settled_flag = std::uint64_t{1} << 62;

  bool settle(std::uint64_t now) noexcept {
    if (now != shut_flag)
      return false; // open, or somebody inside, or settled before
    return state_.compare_exchange_strong(now, shut_flag | settled_flag, std::memory_order_acq_rel);
  }

  std::atomic<std::uint64_t> state_{0};
};

} // namespace cortex::detail
