#include "cortex/runtime/slow_log.hpp"

#include <sched.h>

#include <algorithm>
#include <string>

namespace cortex::detail {

slow_log::slow_log(const runtime_options& options, const monotonic_clock& clock,
                   const wall_clock& wall)
  : slow_request_sink(options.slow_request),
    log_(options.log),
    clock_(clock),
    wall_(wall),
    ring_(options.slow_requests_kept) {}

slow_log::~slow_log() {
  for (auto& place : ring_)
    delete place.load(std::memory_order_acquire);
}

monotonic_time slow_log::now() noexcept {
  bool last = false;
  monotonic_time time{};
  if (door_.enter(last)) {
    time = clock_.now();
    last = door_.leave();
  }
  if (last)
    left_.store(true, std::memory_order_release);
  return time;
}

void slow_log::keep(slow_request&& slow) noexcept {
  bool last = false;
  if (door_.enter(last)) {
    slow.number = count_.fetch_add(1, std::memory_order_relaxed) + 1;
    slow.at = wall_.now();
    log(slow);
    auto& place = ring_[static_cast<std::size_t>((slow.number - 1) % ring_.size())];
    auto mine = std::make_unique<slow_request>(std::move(slow));
    delete place.exchange(mine.release(), std::memory_order_acq_rel);
    last = door_.leave();
  }
  if (last)
    left_.store(true, std::memory_order_release);
}

// At most one line a second: what makes one request slow makes thousands slow.
void slow_log::log(const slow_request& slow) noexcept {
  if (!log_)
    return;
  const auto now = clock_.now();
  auto until = quiet_until_.load(std::memory_order_relaxed);
  if (now < until
      || !quiet_until_.compare_exchange_strong(until, now + std::chrono::seconds{1},
                                               std::memory_order_relaxed)) {
    unlogged_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  auto text = to_string(slow);
  if (const auto others = unlogged_.exchange(0, std::memory_order_relaxed); others != 0)
    text += "; " + std::to_string(others) + " more since the last line";
  try {
    log_(severity::warning, "slow", text);
  } catch (...) { // NOLINT(bugprone-empty-catch): a sink that throws has nobody to tell
  }
}

std::vector<slow_request> slow_log::newest() const {
  std::vector<slow_request> out;
  const std::lock_guard guard{reading_};
  for (auto& place : ring_) {
    std::unique_ptr<slow_request> taken{place.exchange(nullptr, std::memory_order_acq_rel)};
    if (taken == nullptr)
      continue;
    out.push_back(*taken);
    slow_request* empty = nullptr;
    if (place.compare_exchange_strong(empty, taken.get(), std::memory_order_acq_rel))
      static_cast<void>(taken.release());
  }
  std::ranges::sort(out, {}, &slow_request::number);
  return out;
}

void slow_log::close(monotonic_time until) noexcept {
  if (door_.shut())
    return;
  // Each is a few instructions, and perhaps a line for the log, from its end.
  while (!left_.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < until)
    sched_yield();
}

} // namespace cortex::detail
