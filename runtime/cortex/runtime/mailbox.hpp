/// The queue in front of one actor, and the right to run it, in one word.
#pragma once

#include "cortex/reply_slot.hpp"

#include <atomic>
#include <cstdint>

namespace cortex::detail {

/// What came of a push.
enum class pushed : std::uint8_t {
  queued, ///< Whoever runs the actor comes to it.
  owner,  ///< The actor was idle: the pusher now owns it and must run it or hand it on.
  closed, ///< The actor has ended; the node was not taken.
};

/// Nodes come out in the order in which they entered, whatever the threads. At most one thread owns
/// the mailbox at a time: it alone takes nodes out, and only it runs the actor. The right comes
/// with the first push to an idle mailbox and goes with `rest`; in between the owner may pass it to
/// another thread by any means that orders memory. `push` is *thread-safe*; the rest is the
/// owner's.
class mailbox {
public:
  /// Owned by whoever makes it.
  mailbox() = default;
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox() = default;

  pushed push(mailbox_node& what) noexcept {
    auto* top = top_.load(std::memory_order_relaxed);
    for (;;) {
      if (top == closed_mark())
        return pushed::closed;
      const bool idle = top == idle_mark();
      what.next = idle ? nullptr : top;
      // Acquires what the last owner did, if this one is the next; releases the node.
      if (top_.compare_exchange_weak(top, &what, std::memory_order_acq_rel,
                                     std::memory_order_relaxed))
        return idle ? pushed::owner : pushed::queued;
    }
  }

  /// The oldest node, which stays where it is, or null.
  [[nodiscard]] mailbox_node* front() noexcept {
    if (oldest_ == nullptr && !closed_ && top_.load(std::memory_order_relaxed) != nullptr)
      turn(top_.exchange(nullptr, std::memory_order_acquire));
    return oldest_;
  }

  /// Takes out what `front` gave. @pre it gave a node
  void pop() noexcept { oldest_ = oldest_->next; }

  /// Gives the right away if nothing waits. False if something does: then it is still the caller's.
  [[nodiscard]] bool rest() noexcept {
    mailbox_node* nothing = nullptr;
    return oldest_ == nullptr
           && top_.compare_exchange_strong(nothing, idle_mark(), std::memory_order_release,
                                           std::memory_order_relaxed);
  }

  /// Refuses what comes later. What is inside still comes out of `front`.
  void close() noexcept {
    auto* first = oldest_;
    oldest_ = nullptr;
    turn(top_.exchange(closed_mark(), std::memory_order_acq_rel));
    closed_ = true;
    if (first == nullptr)
      return;
    auto* last = first;
    while (last->next != nullptr)
      last = last->next;
    last->next = oldest_;
    oldest_ = first;
  }
  [[nodiscard]] bool closed() const noexcept { return closed_; }

private:
  // Two addresses that no node has.
  static mailbox_node* idle_mark() noexcept { return &marks[0]; }
  static mailbox_node* closed_mark() noexcept { return &marks[1]; }

  // Nodes enter as on a stack, newest on top; the owner takes all of them and turns them round.
  void turn(mailbox_node* newest) noexcept {
    while (newest != nullptr) {
      auto* older = newest->next;
      newest->next = oldest_;
      oldest_ = newest;
      newest = older;
    }
  }

  inline static constinit mailbox_node marks[2]{};

  alignas(64) std::atomic<mailbox_node*> top_{nullptr}; // the newest; null: owned and empty
  alignas(64) mailbox_node* oldest_ = nullptr;          // the owner's, as all below
  bool closed_ = false;
};

} // namespace cortex::detail
