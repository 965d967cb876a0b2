/// A small generator with fixed seeds, so that each design gets the same work.
#pragma once

#include <cstdint>

namespace cortex::bench {

/// xorshift64 (Marsaglia 2003): about a nanosecond for each number. *Not thread-safe*.
class random_source {
public:
  explicit random_source(std::uint64_t seed) noexcept : state_(seed * 0x9E3779B97F4A7C15U + 1) {}
  /// A number from 0 to `bound - 1`.
  unsigned below(unsigned bound) noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>(state_ >> 16) % bound;
  }

private:
  std::uint64_t state_;
};

} // namespace cortex::bench
