/// A lock-free queue for one consumer at a time, in the order in which its producers entered it.
#pragma once

#include "cortex/database.hpp"

#include <atomic>

namespace cortex::storage::detail {

/// Entering is one exchange and never fails. Whoever enters after another's `push` has returned
/// comes out after it, on whatever threads: writes of one actor keep their order although the actor
/// moves between threads (a queue with a list for each producer would not promise that). `push` is
/// *thread-safe*; `pop` is for one thread at a time.
class mpsc_queue {
public:
  mpsc_queue() = default;
  mpsc_queue(const mpsc_queue&) = delete;
  mpsc_queue& operator=(const mpsc_queue&) = delete;
  ~mpsc_queue() = default;

  void push(mpsc_node& what) noexcept {
    what.next.store(nullptr, std::memory_order_relaxed);
    auto* before = newest_.exchange(&what, std::memory_order_acq_rel);
    before->next.store(&what, std::memory_order_release); // pairs with the acquire loads in `pop`
  }

  /// The oldest, or null: the queue is empty, or the next producer is between its two steps.
  [[nodiscard]] mpsc_node* pop() noexcept {
    auto* oldest = oldest_;
    auto* next = oldest->next.load(std::memory_order_acquire);
    if (oldest == &stub_) {
      if (next == nullptr)
        return nullptr;
      oldest_ = next;
      oldest = next;
      next = next->next.load(std::memory_order_acquire);
    }
    if (next != nullptr) {
      oldest_ = next;
      return oldest;
    }
    if (oldest != newest_.load(std::memory_order_acquire))
      return nullptr; // somebody is entering right behind it
    push(stub_);      // so that the last one has a successor and can leave
    next = oldest->next.load(std::memory_order_acquire);
    if (next == nullptr)
      return nullptr;
    oldest_ = next;
    return oldest;
  }

private:
  mpsc_node stub_;
  alignas(64) std::atomic<mpsc_node*> newest_{&stub_};
  alignas(64) mpsc_node* oldest_ = &stub_; // the consumer's
};

} // namespace cortex::storage::detail
