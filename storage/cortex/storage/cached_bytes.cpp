#include "cortex/storage/cached_bytes.hpp"

#include "cortex/memory_budget.hpp"

#include <sqlite3.h>

#include <atomic>
#include <cstdint>

namespace cortex::storage {
namespace {

std::atomic<std::size_t> budget{std::size_t{256} << 20U};
std::atomic<std::size_t> cached{0};
std::atomic<std::uint64_t> shrinks{0};

bool more_than(std::size_t bytes) noexcept {
  return bytes != 0 && cached.load(std::memory_order_relaxed) > bytes;
}

} // namespace

void set_memory_budget(std::size_t bytes) noexcept {
  budget.store(bytes, std::memory_order_relaxed);
}

memory_stats memory() noexcept {
  return {budget.load(std::memory_order_relaxed), cached.load(std::memory_order_relaxed),
          shrinks.load(std::memory_order_relaxed)};
}

namespace detail {

void cached_bytes::set(std::size_t bytes) noexcept {
  if (bytes != counted_)
    cached.fetch_add(bytes - counted_, std::memory_order_relaxed); // wraps when it is less
  counted_ = bytes;
}

void cached_bytes::count(sqlite3* on) noexcept {
  int now = 0;
  int highest = 0;
  sqlite3_db_status(on, SQLITE_DBSTATUS_CACHE_USED, &now, &highest, 0);
  set(static_cast<std::size_t>(now));
}

void cached_bytes::drop(sqlite3* on) noexcept {
  sqlite3_db_release_memory(on);
  shrinks.fetch_add(1, std::memory_order_relaxed);
  count(on);
}

bool over_memory_budget() noexcept {
  return more_than(budget.load(std::memory_order_relaxed));
}

bool above_memory_goal() noexcept {
  const auto all = budget.load(std::memory_order_relaxed);
  return more_than(all - all / 4);
}

} // namespace detail
} // namespace cortex::storage
