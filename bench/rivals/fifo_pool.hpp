/// A pool of connections as the original has it: a queue behind a lock and a condition variable.
#pragma once

#include "harness.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <queue>
#include <utility>
#include <vector>

namespace cortex::bench {

/// Lends the connection that has been idle for longest. *Thread-safe*.
template <class Connection>
class fifo_pool {
public:
  static constexpr auto patience = std::chrono::seconds{5};

  /// A borrowed connection, given back at the end of the scope; empty if none came free in 5 s or
  /// before the measurement was over.
  class loan {
  public:
    loan(fifo_pool& from, Connection* lent) noexcept : from_(from), lent_(lent) {}
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;
    ~loan() {
      if (lent_ != nullptr)
        from_.give_back(lent_);
    }
    explicit operator bool() const noexcept { return lent_ != nullptr; }
    Connection* operator->() const noexcept { return lent_; }

  private:
    fifo_pool& from_;
    Connection* lent_;
  };

  explicit fifo_pool(gate* shared) noexcept : shared_(shared) {}

  void add(std::unique_ptr<Connection> made) {
    idle_.push(made.get());
    owned_.push_back(std::move(made));
  }

  [[nodiscard]] loan borrow() {
    std::unique_lock lock{mutex_};
    if (!returned_.wait_for(lock, patience, [this] { return !idle_.empty(); }))
      return {*this, nullptr};
    auto* lent = idle_.front();
    idle_.pop();
    if (shared_ != nullptr && shared_->over()) { // hand it on to the next who waits
      lock.unlock();
      give_back(lent);
      lent = nullptr;
    }
    return {*this, lent};
  }

private:
  void give_back(Connection* lent) {
    {
      const std::lock_guard lock{mutex_};
      idle_.push(lent);
    }
    returned_.notify_one();
  }

  gate* shared_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::queue<Connection*> idle_; // guarded by mutex_
  std::vector<std::unique_ptr<Connection>> owned_;
};

} // namespace cortex::bench
