/// One budget for the page caches of all databases in the process.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cortex::storage {

/// What the page caches of the process hold.
struct memory_stats {
  std::size_t budget_bytes = 0;
  std::size_t cached_bytes = 0; ///< As counted last, see `set_memory_budget`.
  std::uint64_t shrinks = 0;    ///< Caches emptied for the budget.
};

/// Bounds the page caches of all connections together, whichever database they belong to. Default
/// 256 MiB, four caches of `database_options::cache_kib`; 0 = no bound but that one. Tables of
/// `":memory:"` are no cache and do not count.
///
/// A connection is counted when it is given back (after long work at once, else at every eighth
/// time) and after each commit. Over the budget, caches of connections that nobody uses are emptied
/// until three quarters are left, those first that were not used since the last time. What is at
/// work is left alone: so up to `cache_kib` for each connection at work may come on top, for as
/// long as it is. *Thread-safe*.
///
/// SQLite has limits of its own (`sqlite3_soft_heap_limit64`); they need allocation statistics,
/// which take a lock of the process in each allocation and are off here.
void set_memory_budget(std::size_t bytes) noexcept;

/// *Thread-safe*.
[[nodiscard]] memory_stats memory() noexcept;

} // namespace cortex::storage
