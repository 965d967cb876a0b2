/// One operation on a pool, under its lock.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/kv_cache/block_pool.hpp"
#include "cortex/kv_cache/process.hpp"
#include "cortex/kv_cache/segment.hpp"

#include <chrono>
#include <cstdint>
#include <new>
#include <type_traits>
#include <vector>

namespace cortex::kv_cache {

/// Runs `work(block_pool&)`, which gives an `expected`, while nobody else works on the pool. Books
/// in which an operation was cut off, by the end of its process or by damage, are made anew first.
/// Errors: those of `work`; `timeout`; `closed`; `corrupt`. Blocks for `patience` at most.
template <class F>
auto with_books(const segment& of, std::chrono::nanoseconds patience, F work)
  -> std::invoke_result_t<F&, block_pool&> {
  auto lock = segment_lock::acquire(of, patience);
  if (!lock)
    return unexpected{std::move(lock).error()};
  if (of.retired())
    return fail(errc::closed, "the pool of '" + of.name() + "' was removed");
  auto& live = of.books().live();
  try {
    block_pool books{of.books(), of.policy(), is_alive};
    if (live.dirty != 0) {
      books.rebuild();
      ++live.counters.recoveries;
      of.count_change();
      publish(live.dirty, 0);
    }
    return work(books);
  } catch (const damaged& what) {
    publish(live.dirty, 1);
    return fail(errc::corrupt, "the pool of '" + of.name() + "' is damaged: " + what.what());
  } catch (const std::bad_alloc&) {
    publish(live.dirty, 1);
    throw;
  }
}

/// What the rows say of a pool.
struct pool_snapshot {
  std::uint64_t changes = 0; ///< Of the segment, when this was taken.
  std::int64_t hits = 0;     ///< Those of earlier segments included.
  std::int64_t misses = 0;
  std::vector<sequence> sequences{}; ///< By ascending id.
};

/// Errors: as `with_books`.
[[nodiscard]] inline expected<pool_snapshot> take_snapshot(const segment& of,
                                                           std::chrono::nanoseconds patience) {
  return with_books(of, patience, [&of](block_pool& books) -> expected<pool_snapshot> {
    const auto counted = books.stats();
    return pool_snapshot{
      of.changes(), of.fixed().base_hits + static_cast<std::int64_t>(counted.hits),
      of.fixed().base_misses + static_cast<std::int64_t>(counted.misses), books.sequences()};
  });
}

} // namespace cortex::kv_cache
