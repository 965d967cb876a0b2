#include "cortex/published.hpp"

namespace cortex::detail {

published_cache_entry& published_cache(std::uint64_t key) noexcept {
  // 16 places: a program publishes a handful of values; two in one place only cost a refresh.
  thread_local std::array<published_cache_entry, 16> places;
  return places[key % places.size()];
}

std::uint64_t next_published_key() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

} // namespace cortex::detail
