#include "cortex/runtime/continuations.hpp"

#include <array>
#include <exception>
#include <vector>

namespace cortex {
namespace {

class run_at_once final : public executor {
public:
  void post(job& work) noexcept override { work.run(); }
};

} // namespace

expected<void> executor::post_after(timer& /*work*/, std::chrono::nanoseconds /*pause*/) noexcept {
  return fail(errc::unsupported, "nobody watches the time for this answer");
}

bool executor::recall(timer& /*work*/) noexcept {
  return false;
}

executor& inline_executor() noexcept {
  static auto* instance = new run_at_once; // never destroyed, as the clocks
  return *instance;
}

namespace detail {
namespace {

// Driven ones are kept apart: a slot of a runtime with threads that outlived it must not drive
// another runtime's test.
struct free_list {
  std::mutex mutex;
  std::vector<continuation_executor*> threaded; // guarded by mutex
  std::vector<continuation_executor*> driven;   // guarded by mutex
};

// The life of an executor's thread, a futex word.
constexpr std::uint32_t running = 0;
constexpr std::uint32_t ended = 1;
constexpr std::uint32_t abandoned = 2; // it gives the executor back itself

free_list& executors() {
  static auto* list = new free_list; // never destroyed, like the executors in it
  return *list;
}

} // namespace

continuation_executor& continuation_executor::acquire(std::function<bool()> driver,
                                                      const monotonic_clock* clock) {
  continuation_executor* taken = nullptr;
  {
    auto& list = executors();
    const std::lock_guard guard{list.mutex};
    auto& idle = driver ? list.driven : list.threaded;
    if (!idle.empty()) {
      taken = idle.back();
      idle.pop_back();
    }
  }
  if (taken == nullptr)
    taken = new continuation_executor;
  taken->driver_ = std::move(driver);
  taken->clock_.store(clock, std::memory_order_release);
  taken->stopping_.store(false, std::memory_order_relaxed);
  taken->thread_life_.store(running, std::memory_order_relaxed);
  taken->started_.store(false, std::memory_order_relaxed);
  taken->mode_.store(taken->driver_ ? mode::driven : mode::thread, std::memory_order_release);
  return *taken;
}

void continuation_executor::post(job& work) noexcept {
  posting_.fetch_add(1, std::memory_order_seq_cst);
  const auto how = mode_.load(std::memory_order_seq_cst);
  const bool somebody_runs_it = how == mode::driven || (how == mode::thread && has_thread());
  if (!somebody_runs_it || !queue_.enqueue(&work)) {
    posting_.fetch_sub(1, std::memory_order_release);
    work.run();
    return;
  }
  if (how == mode::thread)
    bell_.ring();
  posting_.fetch_sub(1, std::memory_order_release);
}

bool continuation_executor::has_thread() noexcept {
  if (started_.load(std::memory_order_acquire))
    return true;
  const std::lock_guard guard{start_};
  if (started_.load(std::memory_order_relaxed))
    return true;
  try {
    thread_ = std::thread{[this] { this->work(); }};
  } catch (const std::exception&) { // the process or the system has its bound of threads
    return false;
  }
  started_.store(true, std::memory_order_release);
  return true;
}

executor::help_result continuation_executor::help() noexcept {
  if (mode_.load(std::memory_order_acquire) != mode::driven)
    return help_result::not_mine;
  return run_one() || driver_() ? help_result::ran : help_result::idle;
}

monotonic_time continuation_executor::on_system_clock(monotonic_time deadline) const noexcept {
  const auto* clock = clock_.load(std::memory_order_acquire);
  if (clock == nullptr || deadline == monotonic_time::max())
    return deadline;
  return deadline_after(std::chrono::steady_clock::now(), deadline - clock->now());
}

bool continuation_executor::run_one() noexcept {
  job* next = nullptr;
  if (!queue_.try_dequeue(next))
    return run_due(now(), errc::timeout);
  next->run();
  return true;
}

// -- timers ---------------------------------------------------------------------------------------

expected<void> continuation_executor::post_after(timer& work,
                                                 std::chrono::nanoseconds pause) noexcept {
  posting_.fetch_add(1, std::memory_order_seq_cst); // as in `post`
  const auto how = mode_.load(std::memory_order_seq_cst);
  expected<void> posted;
  if (how == mode::inline_) {
    posted = fail(errc::closed, "the runtime has stopped");
  } else if (how == mode::thread && !has_thread()) {
    posted = fail(errc::unavailable, "the system has no thread for a timer");
  } else {
    try {
      const auto due = deadline_after(now(), pause);
      bool first = false;
      {
        const std::lock_guard guard{timing_};
        timers_.push(work, due);
        first = timers_.earliest() == due;
        earliest_.store(timers_.earliest(), std::memory_order_relaxed);
      }
      if (first && how == mode::thread)
        bell_.ring(); // or it sleeps too long
    } catch (const std::bad_alloc&) {
      posted = fail(errc::unavailable, "no memory for a timer");
    }
  }
  posting_.fetch_sub(1, std::memory_order_release);
  return posted;
}

bool continuation_executor::recall(timer& work) noexcept {
  const std::lock_guard guard{timing_};
  const bool removed = timers_.remove(work);
  earliest_.store(timers_.earliest(), std::memory_order_relaxed);
  return removed;
}

void continuation_executor::advance(std::chrono::nanoseconds by) noexcept {
  driven_time_.store(deadline_after(driven_time_.load(), by));
}

monotonic_time continuation_executor::now() const noexcept {
  return mode_.load(std::memory_order_acquire) == mode::driven ? driven_time_.load()
                                                               : std::chrono::steady_clock::now();
}

bool continuation_executor::run_due(monotonic_time until, errc why) noexcept {
  if (earliest_.load(std::memory_order_relaxed) > until)
    return false;
  timer* due = nullptr;
  {
    const std::lock_guard guard{timing_};
    due = timers_.pop_due(until);
    earliest_.store(timers_.earliest(), std::memory_order_relaxed);
  }
  if (due == nullptr)
    return false;
  due->run(why);
  return true;
}

std::size_t continuation_executor::run_some_due(std::size_t most) noexcept {
  if (earliest_.load(std::memory_order_relaxed) == monotonic_time::max())
    return 0; // spares a look at the clock
  std::size_t ran = 0;
  for (const auto until = now(); ran < most && run_due(until, errc::timeout);)
    ++ran;
  return ran;
}

void continuation_executor::close_timers() noexcept {
  while (run_due(monotonic_time::max(), errc::closed)) {
  }
}

// -- the thread -----------------------------------------------------------------------------------

void continuation_executor::work() noexcept {
  serve();
  auto before = running;
  if (thread_life_.compare_exchange_strong(before, ended, std::memory_order_acq_rel))
    futex_wake_all(thread_life_);
  else
    give_back(); // whoever closed it went on without this thread
}

void continuation_executor::serve() noexcept {
  moodycamel::ConsumerToken token{queue_};
  std::array<job*, 64> batch{};
  for (;;) {
    const auto n = queue_.try_dequeue_bulk(token, batch.data(), batch.size());
    for (std::size_t i = 0; i < n; ++i)
      batch[i]->run();
    const auto timers = run_some_due(batch.size());
    if (n != 0 || timers != 0)
      continue;
    if (stopping_.load(std::memory_order_acquire)) {
      close_timers();
      break;
    }
    const auto until = earliest_.load(std::memory_order_relaxed);
    bell_.sleep(
      [this, until] {
        return queue_.size_approx() != 0 || stopping_.load(std::memory_order_acquire)
               || earliest_.load(std::memory_order_relaxed) < until;
      },
      until);
  }
}

bool continuation_executor::close(monotonic_time until) noexcept {
  const bool threaded = mode_.load(std::memory_order_acquire) == mode::thread;
  mode_.store(mode::inline_, std::memory_order_seq_cst);
  // Pairs with `post`, which counts itself and then looks at the mode: seen there or counted here.
  while (posting_.load(std::memory_order_seq_cst) != 0)
    std::this_thread::yield(); // each is a few instructions from its end
  if (threaded && started_.load(std::memory_order_acquire)) {
    stopping_.store(true, std::memory_order_release);
    bell_.ring();
    if (thread_.get_id() == std::this_thread::get_id())
      until = monotonic_time{}; // a continuation ends its own runtime: it cannot wait for itself
    while (thread_life_.load(std::memory_order_acquire) == running)
      if (!futex_wait(thread_life_, running, until))
        break;
    if (thread_life_.load(std::memory_order_acquire) == ended) {
      thread_.join();
    } else {
      close_timers();
      thread_.detach(); // the executor is never destroyed
      auto before = running;
      if (thread_life_.compare_exchange_strong(before, abandoned, std::memory_order_acq_rel)) {
        clock_.store(nullptr, std::memory_order_release);
        return false;
      }
    }
  }
  give_back();
  return true;
}

void continuation_executor::give_back() noexcept {
  close_timers();
  while (run_one()) {
  }
  clock_.store(nullptr, std::memory_order_release);
  auto& list = executors();
  const std::lock_guard guard{list.mutex};
  (std::exchange(driver_, nullptr) ? list.driven : list.threaded).push_back(this);
}

} // namespace detail
} // namespace cortex
