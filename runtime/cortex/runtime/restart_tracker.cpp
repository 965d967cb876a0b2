#include "cortex/runtime/restart_tracker.hpp"

#include <algorithm>

namespace cortex::detail {

std::optional<std::chrono::nanoseconds> restart_tracker::crashed(monotonic_time now) {
  const auto within = std::ranges::find_if(
    recent_, [&](monotonic_time crash) { return now - crash < policy_.window; });
  recent_.erase(recent_.begin(), within);
  if (recent_.size() >= policy_.max_restarts)
    return std::nullopt;
  recent_.push_back(now);
  if (recent_.size() == 1)
    return std::chrono::nanoseconds{0};
  auto pause = policy_.min_backoff;
  for (std::size_t i = 2; i < recent_.size() && pause < policy_.max_backoff; ++i)
    pause = pause > policy_.max_backoff / 2 ? policy_.max_backoff : pause * 2;
  return pause;
}

} // namespace cortex::detail
