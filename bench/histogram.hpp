/// Latencies in a fixed amount of memory: how often each duration was seen, to 1.6 percent.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cortex::bench {

/// Counts durations in nanoseconds, in 64 linear buckets for each power of two. *Not thread-safe*:
/// one for each thread, merged at the end.
class histogram {
public:
  void record(std::uint64_t nanoseconds) noexcept {
    ++counts_[bucket(nanoseconds)];
    ++total_;
    stretch(nanoseconds);
  }

  /// Counts a duration towards the longest only: a call that was given up had lasted this long.
  void stretch(std::uint64_t nanoseconds) noexcept {
    if (nanoseconds > longest_)
      longest_ = nanoseconds;
  }

  void merge(const histogram& other) noexcept;

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t longest() const noexcept { return longest_; }
  /// The duration that `ratio` (0 to 1) of all durations do not exceed; 0 if none was recorded.
  [[nodiscard]] std::uint64_t percentile(double ratio) const noexcept;

private:
  static constexpr unsigned linear_bits = 6;
  static constexpr std::size_t linear = std::size_t{1} << linear_bits;
  static constexpr std::size_t octaves = 36; // up to 2^41 ns, 36 minutes

  static std::size_t bucket(std::uint64_t value) noexcept {
    if (value < linear)
      return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - linear_bits - 1;
    const auto index = (shift + 1) * linear + static_cast<std::size_t>(value >> shift) - linear;
    return index < buckets ? index : buckets - 1;
  }
  /// The middle of a bucket.
  static std::uint64_t value_of(std::size_t index) noexcept;

  static constexpr std::size_t buckets = linear * octaves;
  std::array<std::uint32_t, buckets> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t longest_ = 0;
};

} // namespace cortex::bench
