/// What happens, as JSON lines; described in `<cortex/progress_indicators.hpp>`.
#pragma once

#include "cortex/json.hpp"
#include "cortex/progress_indicators/budget.hpp"
#include "cortex/progress_indicators/protocol.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::progress_indicators {

/// Writes lines into a text that somebody takes, as long as there is room. *Not thread-safe*.
class event_writer {
public:
  event_writer(bool wanted, monotonic_time opened, std::size_t most_bytes)
    : wanted_(wanted), opened_(opened), room_(most_bytes) {}

  void begin(const context& what, monotonic_time at);
  void update(const context& what, double fraction, monotonic_time at);
  void log(std::uint64_t id, std::string_view text, monotonic_time at);
  void message(level how, std::string_view text, monotonic_time at);
  void step(const context& what, std::int64_t index, std::string_view text, monotonic_time at);
  void end(const context& what, std::string_view text, monotonic_time at);

  /// Tells what was dropped, once there is room again or at the `last` moment.
  void tell_dropped(bool last, monotonic_time at);

  /// Positions are told only then: a later one will do.
  [[nodiscard]] bool has_room() const noexcept {
    return room_.has_room(lines_.size(), budget::rank::common);
  }
  [[nodiscard]] budget& room() noexcept { return room_; }
  [[nodiscard]] bool wanted() const noexcept { return wanted_; }
  [[nodiscard]] std::string take() { return std::exchange(lines_, {}); }

private:
  [[nodiscard]] json made(std::string_view event, std::uint64_t id, monotonic_time at) const;
  /// False if it is not wanted or finds no room.
  [[nodiscard]] bool begins(budget::rank of);
  void put(const json& line) { lines_ += line.dump() + '\n'; }

  bool wanted_;
  monotonic_time opened_;
  budget room_;
  std::string lines_;
};

} // namespace cortex::progress_indicators
