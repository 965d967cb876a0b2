// Memory of slots. One thread makes a request and another one ends it, all day long: the general
// allocator then takes locks on both sides and gives memory back to the system in between.

#include "cortex/reply_slot.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define CORTEX_NO_SLOT_POOL 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define CORTEX_NO_SLOT_POOL 1
#  endif
#endif

namespace cortex::detail {

#ifdef CORTEX_NO_SLOT_POOL // sanitizers shall see each slot come and go

void* slot_base::operator new(std::size_t size) {
  return ::operator new(size);
}

void slot_base::operator delete(void* what, std::size_t /*size*/) noexcept {
  ::operator delete(what);
}

#else

namespace {

constexpr std::size_t step = 64;   // sizes are rounded up to these
constexpr std::size_t classes = 8; // up to 512 bytes; larger slots are not pooled
// Blocks that move between threads at once: their one step costs little for each.
constexpr std::size_t magazine_size = 64;
constexpr std::size_t most_shared = 1024; // magazines of one size that are kept: up to 32 MiB

struct block {
  block* next;
};

void free_all(block* first) noexcept {
  while (first != nullptr)
    ::operator delete(std::exchange(first, first->next));
}

/// Full magazines that a thread could spare.
moodycamel::ConcurrentQueue<block*>& shared(std::size_t which) {
  using queues = std::array<moodycamel::ConcurrentQueue<block*>, classes>;
  static auto* all = new queues; // never destroyed: threads may end after `main`
  return (*all)[which];
}

/// What one thread has at hand of one size: a magazine in use, and perhaps a full one.
struct local_blocks {
  block* first = nullptr;
  std::size_t count = 0;
  block* spare = nullptr;
};

thread_local constinit bool pool_gone = false; // the thread is ending

struct local_pool {
  local_pool() = default;
  local_pool(const local_pool&) = delete;
  local_pool& operator=(const local_pool&) = delete;
  ~local_pool() {
    pool_gone = true;
    for (auto& each : sizes) {
      free_all(each.first);
      free_all(each.spare);
    }
  }

  std::array<local_blocks, classes> sizes;
};

local_blocks& mine(std::size_t which) {
  thread_local local_pool pool;
  return pool.sizes[which];
}

} // namespace

void* slot_base::operator new(std::size_t size) {
  const auto which = (size - 1) / step;
  if (which >= classes || pool_gone)
    return ::operator new(size);
  auto& has = mine(which);
  if (has.first == nullptr) {
    if (has.spare != nullptr)
      has.first = std::exchange(has.spare, nullptr);
    else if (!shared(which).try_dequeue(has.first))
      return ::operator new((which + 1) * step);
    has.count = magazine_size;
  }
  --has.count;
  return std::exchange(has.first, has.first->next);
}

void slot_base::operator delete(void* what, std::size_t size) noexcept {
  const auto which = (size - 1) / step;
  if (which >= classes || pool_gone) {
    ::operator delete(what);
    return;
  }
  auto& has = mine(which);
  has.first = new (what) block{has.first};
  if (++has.count < magazine_size)
    return;
  if (has.spare != nullptr
      && (shared(which).size_approx() >= most_shared || !shared(which).enqueue(has.spare)))
    free_all(has.spare);
  has.spare = std::exchange(has.first, nullptr);
  has.count = 0;
}

#endif

} // namespace cortex::detail
