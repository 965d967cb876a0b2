#include "cortex/metrics.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace cortex {

std::string_view to_string(actor_state state) noexcept {
  switch (state) {
    case actor_state::running: return "running";
    case actor_state::backing_off: return "backing_off";
    case actor_state::failed: return "failed";
    case actor_state::stopped: return "stopped";
  }
  return "unknown";
}

std::size_t latency_histogram::bucket_of(std::uint64_t nanoseconds) noexcept {
  if (nanoseconds < steps)
    return static_cast<std::size_t>(nanoseconds);
  const auto exponent = static_cast<std::size_t>(std::bit_width(nanoseconds)) - 1;
  const auto step = static_cast<std::size_t>((nanoseconds >> (exponent - 3)) & (steps - 1));
  return std::min((exponent - 2) * steps + step, bucket_count - 1);
}

std::uint64_t latency_histogram::upper_bound(std::size_t bucket) noexcept {
  if (bucket < steps)
    return bucket;
  const auto exponent = bucket / steps + 2;
  const auto step = static_cast<std::uint64_t>(bucket % steps);
  return (std::uint64_t{1} << exponent) + ((step + 1) << (exponent - 3)) - 1;
}

latency_histogram::~latency_histogram() {
  for (auto& each : parts_)
    delete each.load(std::memory_order_relaxed);
}

void latency_histogram::record(std::chrono::nanoseconds duration) noexcept {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  const auto bucket = bucket_of(value);
  auto& place = parts_[bucket / part_size];
  auto* counters = place.load(std::memory_order_relaxed);
  if (counters == nullptr) {
    counters = new (std::nothrow) part{};
    if (counters == nullptr)
      return;
    place.store(counters, std::memory_order_release);
  }
  add_relaxed((*counters)[bucket % part_size]);
  add_relaxed(sum_, value);
  if (value > max_.load(std::memory_order_relaxed))
    max_.store(value, std::memory_order_relaxed);
}

latency_summary latency_histogram::summary() const noexcept {
  std::array<std::uint64_t, bucket_count> counts{};
  std::uint64_t total = 0;
  latency_summary out;
  std::size_t coarse = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    const auto* counters = parts_[i / part_size].load(std::memory_order_acquire);
    if (counters != nullptr)
      counts[i] = (*counters)[i % part_size].load(std::memory_order_relaxed);
    total += counts[i];
    while (coarse < latency_summary::bounds
           && upper_bound(i) > static_cast<std::uint64_t>(latency_summary::bound(coarse).count()))
      ++coarse;
    out.buckets[coarse] += counts[i];
  }
  out.count = total;
  if (total == 0)
    return out;
  const auto max = max_.load(std::memory_order_relaxed);
  auto quantile = [&](std::uint64_t rank) {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
      seen += counts[i];
      if (seen > rank)
        return std::chrono::nanoseconds{std::min(upper_bound(i), max)};
    }
    return std::chrono::nanoseconds{max};
  };
  out.sum = std::chrono::nanoseconds{sum_.load(std::memory_order_relaxed)};
  out.mean = out.sum / static_cast<std::int64_t>(total);
  out.p50 = quantile(total / 2);
  out.p99 = quantile(total - total / 100 - 1);
  out.max = std::chrono::nanoseconds{max};
  return out;
}

} // namespace cortex
