#include "cortex/runtime/lending.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <bit>

namespace cortex::detail {

void lending_unit::exec_later(caf::resumable* woken) {
  if (armed_) {
    armed_ = false;
    mine_ = woken;
  } else {
    system().scheduler().enqueue(woken);
  }
}

lending_units::lending_units(caf::actor_system& system) {
  for (std::size_t place = 0; place < places; ++place)
    units_[place] = std::make_unique<lending_unit>(system, place);
}

lending_unit* lending_units::take() noexcept {
  auto mask = free_.load(std::memory_order_relaxed);
  while (mask != 0) {
    const auto lowest = mask & (~mask + 1);
    if (free_.compare_exchange_weak(mask, mask & ~lowest, std::memory_order_acquire))
      return units_[static_cast<std::size_t>(std::countr_zero(lowest))].get();
  }
  return nullptr;
}

void lending_units::give_back(lending_unit& unit) noexcept {
  free_.fetch_or(std::uint64_t{1} << unit.place(), std::memory_order_release);
}

} // namespace cortex::detail
