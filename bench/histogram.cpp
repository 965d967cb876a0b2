#include "histogram.hpp"

#include <algorithm>
#include <cmath>

namespace cortex::bench {

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets; ++i)
    counts_[i] += other.counts_[i];
  total_ += other.total_;
  stretch(other.longest_);
}

std::uint64_t histogram::value_of(std::size_t index) noexcept {
  if (index < linear)
    return index;
  const auto shift = static_cast<unsigned>(index / linear) - 1;
  const auto low = (static_cast<std::uint64_t>(index % linear) + linear) << shift;
  return low + (std::uint64_t{1} << shift) / 2;
}

std::uint64_t histogram::percentile(double ratio) const noexcept {
  if (total_ == 0)
    return 0;
  const auto wanted = std::max(1.0, std::ceil(ratio * static_cast<double>(total_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (static_cast<double>(seen) >= wanted)
      return std::min(value_of(i), longest_);
  }
  return longest_;
}

} // namespace cortex::bench
