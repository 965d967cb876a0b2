/// Who asks the model for which key, and who waits for the answer.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/semantic_cache.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace cortex::semantic_cache {

/// A lead is over when it is settled, when nobody holds `claimed::lead` any more, also because its
/// asker never took the reply, or when it has lasted for `lead_limit`. So no key waits for an
/// answer that nobody will bring. *Owned by one actor*.
class single_flight {
public:
  explicit single_flight(std::chrono::nanoseconds lead_limit) : lead_limit_(lead_limit) {}

  /// Joins those who miss on a key: told at once that it leads if nobody does, else it waits. True
  /// if it waits.
  bool join(const key& what, const found& miss, monotonic_time now, promise<claimed> reply);

  /// Ends the lead on a key. Returns those who wait. Errors: `not_found` if nobody leads.
  [[nodiscard]] expected<std::vector<promise<claimed>>> land(const key& what);

  /// Gives each lead that is over, but not settled, to the first who still waits for it.
  void pass_on(monotonic_time now);

  /// Keys on which somebody leads, or did when `pass_on` looked last.
  [[nodiscard]] std::size_t size() const noexcept { return flights_.size(); }
  [[nodiscard]] std::uint64_t joined() const noexcept { return joined_; }

private:
  struct leader {};
  struct flight {
    std::weak_ptr<const leader> led_by;
    monotonic_time since{};
    found miss;
    std::vector<promise<claimed>> waiting;
  };
  [[nodiscard]] bool over(const flight& which, monotonic_time now) const noexcept {
    return which.led_by.expired() || now - which.since >= lead_limit_;
  }
  static void give_lead(flight& which, monotonic_time now, promise<claimed> to);

  using id = std::tuple<std::string, std::string, std::array<std::uint8_t, 32>,
                        std::array<std::uint8_t, 32>>;
  static id id_of(const key& what);

  std::map<id, flight> flights_;
  std::chrono::nanoseconds lead_limit_;
  std::uint64_t joined_ = 0;
};

} // namespace cortex::semantic_cache
