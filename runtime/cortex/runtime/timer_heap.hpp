/// Timers in the order in which they are due, each removed at once when it is recalled.
#pragma once

#include "cortex/executor.hpp"

#include <cstddef>
#include <vector>

namespace cortex::detail {

/// A heap of timers that others own: eight bytes for each. Knows no clock. *Not thread-safe*.
class timer_heap {
public:
  [[nodiscard]] bool empty() const noexcept { return order_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }

  /// When the first one is due; the end of time if there is none.
  [[nodiscard]] monotonic_time earliest() const noexcept {
    return order_.empty() ? monotonic_time::max() : order_.front()->due_;
  }

  /// O(log n). Throws `std::bad_alloc`; then nothing was added. @pre `what` is in no heap
  void push(timer& what, monotonic_time due);
  /// Removes it. False if it is not in the heap. O(log n).
  bool remove(timer& what) noexcept;
  /// Removes and gives one that is due at `now`, the earliest first; null if none is. O(log n).
  [[nodiscard]] timer* pop_due(monotonic_time now) noexcept;

private:
  void take_out(std::size_t place) noexcept;
  void put(std::size_t place, timer& what) noexcept;
  void rise(std::size_t place, timer& what) noexcept;
  void sink(std::size_t place, timer& what) noexcept;

  std::vector<timer*> order_; // each is due no later than those at 2n + 1 and 2n + 2
};

} // namespace cortex::detail
