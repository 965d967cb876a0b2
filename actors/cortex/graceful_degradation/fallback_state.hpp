/// Mode, failures and circuits: when a model is asked, and what follows from how it went.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"
#include "cortex/graceful_degradation.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cortex::graceful_degradation {

inline constexpr std::size_t max_providers_per_call = 16;
inline constexpr std::size_t max_known_providers = 64;
inline constexpr std::size_t max_provider_name_bytes = 64;

/// Who may be asked for one query.
struct permit {
  graceful_degradation::mode mode = graceful_degradation::mode::full_ai; ///< At this moment.
  std::vector<std::size_t> ask{}; ///< Places in the list of providers, in its order.
  std::uint64_t forced = 0;       ///< How often the mode had been forced.
};

/// One provider that did not answer.
struct failed_call {
  std::string provider;
  std::string error;
};

/// How it went for those whom a permit named.
struct outcome {
  std::vector<std::string> permitted{}; ///< All of them: circuits that were not tried go back.
  std::vector<failed_call> failed{};
  std::optional<std::string> answered{}; ///< At most one.
  std::uint64_t forced = 0;              ///< As the permit said.
};

/// Knows no clock: `now` comes with each question. *Owned by one actor*.
class fallback_state {
public:
  /// @pre `interval > 0`
  explicit fallback_state(std::chrono::nanoseconds interval) noexcept : interval_(interval) {}

  /// Decides who is asked. A circuit that is tried again is half open until `report`, or for one
  /// interval at most. Errors: `invalid_argument` for the names.
  [[nodiscard]] expected<permit> admit(const std::vector<std::string>& names, monotonic_time now);
  /// @param cached whether the cache has entries
  void report(const outcome& how, bool cached, monotonic_time now);
  void checked(const health& found, bool cached, monotonic_time now);
  void force(mode to) noexcept;
  void reset() noexcept;

  [[nodiscard]] graceful_degradation::mode mode() const noexcept { return mode_; }
  /// Mode, failures, last check and circuits; the rest is left as it is.
  void describe(manager_status& out, monotonic_time now) const;

private:
  struct line {
    std::int64_t failures = 0;
    monotonic_time failed_at{}; // if failures > 0
    std::optional<monotonic_time> half_open_until{};
    std::string last_error{};
  };

  [[nodiscard]] bool admits(const line& one, monotonic_time now) const noexcept;
  void apply_rule(bool cached) noexcept;

  std::chrono::nanoseconds interval_;
  graceful_degradation::mode mode_ = graceful_degradation::mode::full_ai;
  bool forced_ = false;
  std::uint64_t times_forced_ = 0;
  std::int64_t failures_ = 0;
  monotonic_time failed_at_{}; // if failures_ > 0
  graceful_degradation::api_status api_status_ = graceful_degradation::api_status::unknown;
  std::optional<wall_time> last_check_{};
  std::map<std::string, line> circuits_;
};

} // namespace cortex::graceful_degradation
