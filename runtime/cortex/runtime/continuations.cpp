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

executor& inline_executor() noexcept {
  static run_at_once instance;
  return instance;
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
    return false;
  next->run();
  return true;
}

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
    if (n != 0)
      continue;
    if (stopping_.load(std::memory_order_acquire))
      break;
    bell_.sleep(
      [this] { return queue_.size_approx() != 0 || stopping_.load(std::memory_order_acquire); });
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
  while (run_one()) {
  }
  clock_.store(nullptr, std::memory_order_release);
  auto& list = executors();
  const std::lock_guard guard{list.mutex};
  (std::exchange(driver_, nullptr) ? list.driven : list.threaded).push_back(this);
}

} // namespace detail
} // namespace cortex
