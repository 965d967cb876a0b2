/// Published snapshots: read-mostly answers that cost no message and no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace cortex {

namespace detail {

/// What one thread remembers of published values. The key is never reused in a process.
struct published_cache_entry {
  std::uint64_t key = 0;
  std::uint64_t version = 0;
  unsigned pins = 0;
  std::shared_ptr<const void> value;
};
published_cache_entry& published_cache(std::uint64_t key) noexcept;
std::uint64_t next_published_key() noexcept;

} // namespace detail

/// An immutable value that one owner replaces and many threads read. A read is two loads while the
/// value stands; after a change each thread fetches it once, under a lock. A reader sees a value at
/// least as new as the last `publish` that happened before its `read`. *Thread-safe*.
///
/// Each thread keeps the last value it read alive until it reads a newer one or ends.
template <class T>
class published {
public:
  explicit published(std::shared_ptr<const T> first = std::make_shared<const T>())
    : key_(detail::next_published_key()), value_(std::move(first)) {}
  published(const published&) = delete;
  published& operator=(const published&) = delete;
  ~published() = default;

  /// Replaces the value, and returns the one before. @pre `next != nullptr`
  std::shared_ptr<const T> publish(std::shared_ptr<const T> next) {
    {
      const std::lock_guard guard{mutex_};
      value_.swap(next);
      // Pairs with the acquire load in `read`.
      version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    return next; // the old one, so that it may die outside the lock
  }

  /// Calls `f(const T&)` with the current value and returns what it returns.
  template <class F>
  auto read(F&& f) const -> std::invoke_result_t<F, const T&> {
    auto& seen = detail::published_cache(key_);
    if (seen.key != key_ || seen.version != version_.load(std::memory_order_acquire)) {
      if (seen.pins != 0) // a read inside a read of another value in the same place
        return std::forward<F>(f)(*get());
      refresh(seen);
    }
    const pin held{seen};
    return std::forward<F>(f)(*static_cast<const T*>(seen.value.get()));
  }

  /// A shared reference to the current value: for keeping it. Takes the lock.
  [[nodiscard]] std::shared_ptr<const T> get() const {
    const std::lock_guard guard{mutex_};
    return value_;
  }

  /// Counts the values published so far, from 1.
  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_.load(std::memory_order_acquire);
  }

private:
  struct pin {
    explicit pin(detail::published_cache_entry& entry) noexcept : entry_(entry) { ++entry_.pins; }
    pin(const pin&) = delete;
    pin& operator=(const pin&) = delete;
    ~pin() { --entry_.pins; }
    detail::published_cache_entry& entry_;
  };

  void refresh(detail::published_cache_entry& seen) const {
    std::shared_ptr<const void> old;
    const std::lock_guard guard{mutex_};
    old = std::exchange(seen.value, value_);
    seen.key = key_;
    seen.version = version_.load(std::memory_order_relaxed);
  }

  const std::uint64_t key_;
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_; // guarded by mutex_
  std::atomic<std::uint64_t> version_{1};
};

} // namespace cortex
