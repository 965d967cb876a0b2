#include "cortex/kv_cache/segment.hpp"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

namespace cortex::kv_cache {
namespace {

// A wall clock that is set back must not prolong the wait; but ThreadSanitizer of clang 14 does not
// see that the lock is taken by pthread_mutex_clocklock.
#if defined(__has_feature)
#  if __has_feature(thread_sanitizer)
#    define CORTEX_WAITS_BY_WALL_CLOCK 1
#  endif
#endif
#ifdef CORTEX_WAITS_BY_WALL_CLOCK
constexpr clockid_t waiting_clock = CLOCK_REALTIME;
#else
constexpr clockid_t waiting_clock = CLOCK_MONOTONIC;
#endif

int wait_until(pthread_mutex_t& lock, const timespec& end) noexcept {
#ifdef CORTEX_WAITS_BY_WALL_CLOCK
  return ::pthread_mutex_timedlock(&lock, &end);
#else
  return ::pthread_mutex_clocklock(&lock, waiting_clock, &end);
#endif
}

timespec after(std::chrono::nanoseconds patience) noexcept {
  constexpr std::int64_t billion = 1'000'000'000;
  timespec now{};
  ::clock_gettime(waiting_clock, &now);
  const auto whole = std::min<std::int64_t>(patience.count() / billion, billion);
  now.tv_sec += whole;
  now.tv_nsec += patience.count() % billion;
  if (now.tv_nsec >= billion) {
    ++now.tv_sec;
    now.tv_nsec -= billion;
  }
  return now;
}

/// Lets others run a few times first: work under the lock takes a microsecond, a sleep takes more,
/// and makes the unlock a call into the kernel (kv_allocate/8 of bench/run).
int take_awake(pthread_mutex_t& lock) noexcept {
  int result = EBUSY;
  for (int tries = 8; result == EBUSY && tries > 0; --tries) {
    ::sched_yield();
    result = ::pthread_mutex_trylock(&lock);
  }
  return result;
}

/// Waits again and again for a short time. An unlock wakes one waiter; one that is killed before it
/// has the lock takes the waking with it, and the next owner does not know that others sleep.
int wait_for(pthread_mutex_t& lock, std::chrono::nanoseconds patience) noexcept {
  constexpr std::chrono::nanoseconds turn = std::chrono::milliseconds{5};
  int result = ETIMEDOUT;
  for (auto left = patience; result == ETIMEDOUT && left.count() > 0; left -= turn)
    result = wait_until(lock, after(std::min(turn, left)));
  return result;
}

} // namespace

expected<segment_lock> segment_lock::acquire(const segment& of, std::chrono::nanoseconds patience) {
  auto* lock = &of.books().live().lock;
  int result = ::pthread_mutex_trylock(lock);
  if (result == EBUSY && patience.count() > 0)
    result = take_awake(*lock);
  if (result == EBUSY && patience.count() > 0)
    result = wait_for(*lock, patience);
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
