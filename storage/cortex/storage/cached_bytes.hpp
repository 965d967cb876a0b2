/// What the page caches of the process hold together.
#pragma once

#include <cstddef>

struct sqlite3;

namespace cortex::storage::detail {

/// One connection's part of the sum. Owned by whoever uses the connection.
class cached_bytes {
public:
  cached_bytes() = default;
  cached_bytes(const cached_bytes&) = delete;
  cached_bytes& operator=(const cached_bytes&) = delete;
  ~cached_bytes() { set(0); }

  /// Counts what it holds now.
  void count(sqlite3* on) noexcept;
  /// Empties the cache but for pages in use, and counts what is left.
  void drop(sqlite3* on) noexcept;

private:
  void set(std::size_t bytes) noexcept;

  std::size_t counted_ = 0;
};

[[nodiscard]] bool over_memory_budget() noexcept;
/// Whether caches are still to be emptied once that has begun.
[[nodiscard]] bool above_memory_goal() noexcept;

} // namespace cortex::storage::detail
