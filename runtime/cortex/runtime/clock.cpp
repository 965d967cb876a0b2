#include "cortex/clock.hpp"

namespace cortex {
namespace {

class system_wall final : public wall_clock {
public:
  [[nodiscard]] wall_time now() const noexcept override { return std::chrono::system_clock::now(); }
};

class system_monotonic final : public monotonic_clock {
public:
  [[nodiscard]] monotonic_time now() const noexcept override {
    return std::chrono::steady_clock::now();
  }
};

} // namespace

// Never destroyed: a runtime may be held by an object that is destroyed later.
const wall_clock& system_wall_clock() noexcept {
  static const auto* clock = new system_wall;
  return *clock;
}

const monotonic_clock& system_monotonic_clock() noexcept {
  static const auto* clock = new system_monotonic;
  return *clock;
}

} // namespace cortex
