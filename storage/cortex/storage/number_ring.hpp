/// A queue of small numbers in the strict order of their coming, without locks.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace cortex::storage::detail {

/// Any number of threads put in and take out (Vyukov's bounded queue). Sequentially consistent, so
/// that whoever finds it empty and says that it waits is seen by the next one that puts in.
/// *Thread-safe*.
class number_ring {
public:
  /// `most` is how many numbers there are at all: it can never be full.
  explicit number_ring(std::size_t most)
    : mask_(std::bit_ceil(2 * most) - 1), cells_(std::make_unique<cell[]>(mask_ + 1)) {
    for (std::size_t i = 0; i <= mask_; ++i)
      cells_[i].turn.store(i, std::memory_order_relaxed);
  }

  void push(std::uint32_t number) noexcept {
    for (auto at = tail_.load(std::memory_order_relaxed);;) {
      auto& place = cells_[at & mask_];
      if (place.turn.load(std::memory_order_seq_cst) == at) {
        if (tail_.compare_exchange_weak(at, at + 1, std::memory_order_seq_cst)) {
          place.number = number;
          place.turn.store(at + 1, std::memory_order_seq_cst);
          return;
        }
      } else {
        at = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  /// The number that waits for longest; empty if there is none.
  [[nodiscard]] std::optional<std::uint32_t> pop() noexcept {
    for (auto at = head_.load(std::memory_order_relaxed);;) {
      auto& place = cells_[at & mask_];
      const auto turn = place.turn.load(std::memory_order_seq_cst);
      if (turn == at + 1) {
        if (head_.compare_exchange_weak(at, at + 1, std::memory_order_seq_cst)) {
          const auto number = place.number;
          place.turn.store(at + mask_ + 1, std::memory_order_seq_cst);
          return number;
        }
      } else if (turn <= at) {
        return std::nullopt;
      } else {
        at = head_.load(std::memory_order_relaxed);
      }
    }
  }

private:
  struct cell {
    std::atomic<std::size_t> turn{0}; // the place in the order that may use the cell next
    std::uint32_t number = 0;
  };

  const std::size_t mask_;
  const std::unique_ptr<cell[]> cells_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

} // namespace cortex::storage::detail
