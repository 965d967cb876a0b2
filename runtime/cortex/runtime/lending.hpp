/// Execution units for lent threads: a foreign thread runs the actor that it has just woken.
#pragma once

#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace cortex::detail {

/// Keeps the first actor that is woken while armed; every other goes to the scheduler. Used by one
/// thread at a time; lives as long as the actor system, because an actor keeps a pointer to the
/// unit that ran it last.
class lending_unit final : public caf::execution_unit {
public:
  lending_unit(caf::actor_system& system, std::size_t place)
    : caf::execution_unit(&system), place_(place) {}

  void exec_later(caf::resumable* woken) override;

  void arm() noexcept { armed_ = true; }
  [[nodiscard]] caf::resumable* disarm() noexcept {
    armed_ = false;
    return std::exchange(mine_, nullptr);
  }

  [[nodiscard]] std::size_t place() const noexcept { return place_; }

private:
  const std::size_t place_; // among the units of its system
  bool armed_ = false;
  caf::resumable* mine_ = nullptr;
};

/// The units of one actor system. *Thread-safe*. More lenders than places lend nothing.
class lending_units {
public:
  explicit lending_units(caf::actor_system& system);

  /// A unit for the calling thread alone, or null if all are taken.
  [[nodiscard]] lending_unit* take() noexcept;
  void give_back(lending_unit& unit) noexcept;

private:
  // More threads than a machine has cores cannot usefully run actors at the same time.
  static constexpr std::size_t places = 64;

  std::array<std::unique_ptr<lending_unit>, places> units_;
  std::atomic<std::uint64_t> free_{~std::uint64_t{0}};
};

} // namespace cortex::detail
