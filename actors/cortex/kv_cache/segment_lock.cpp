#include "cortex/kv_cache/segment.hpp"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

namespace cortex::kv_cache {
namespace {

timespec after(std::chrono::nanoseconds patience) noexcept {
  constexpr std::int64_t billion = 1'000'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto whole = std::min<std::int64_t>(patience.count() / billion, billion);
  now.tv_sec += whole;
  now.tv_nsec += patience.count() % billion;
  if (now.tv_nsec >= billion) {
    ++now.tv_sec;
    now.tv_nsec -= billion;
  }
  return now;
}

} // namespace

expected<segment_lock> segment_lock::acquire(const segment& of, std::chrono::nanoseconds patience) {
  auto* lock = &of.books().live().lock;
  int result = ::pthread_mutex_trylock(lock);
  if (result == EBUSY && patience.count() > 0) {
    const auto until = after(patience);
    result = ::pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until);
  }
  switch (result) {
    case 0: return segment_lock{lock};
    case EOWNERDEAD:
      publish(of.books().live().dirty, 1); // before it can be lost again
      ::pthread_mutex_consistent(lock);
      return segment_lock{lock};
    case EBUSY:
    case ETIMEDOUT: {
      error late{errc::timeout, "somebody else works on '" + of.name() + "'"};
      late.where = stage::execute;
      return fail(std::move(late));
    }
    default: return fail(errc::corrupt, "the lock of '" + of.name() + "' cannot be taken");
  }
}

segment_lock::~segment_lock() {
  if (lock_ != nullptr)
    ::pthread_mutex_unlock(lock_);
}

} // namespace cortex::kv_cache
