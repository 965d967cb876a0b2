/// What happens, as JSON lines; described in `<cortex/progress_indicators.hpp>`.
#pragma once

#include "cortex/json.hpp"
#include "cortex/progress_indicators/protocol.hpp"

#include <string>
#include <string_view>

namespace cortex::progress_indicators {

/// Writes lines into a text that somebody takes. *Not thread-safe*.
class event_writer {
public:
  event_writer(bool wanted, monotonic_time opened) : wanted_(wanted), opened_(opened) {}

  void begin(const context& what, monotonic_time at);
  void update(const context& what, double fraction, monotonic_time at);
  void log(std::uint64_t id, std::string_view text, monotonic_time at);
  void message(level how, std::string_view text, monotonic_time at);
  void step(const context& what, std::int64_t index, std::string_view text, monotonic_time at);
  void end(const context& what, std::string_view text, monotonic_time at);

  [[nodiscard]] bool wanted() const noexcept { return wanted_; }
  [[nodiscard]] std::string take() { return std::exchange(lines_, {}); }

private:
  [[nodiscard]] json made(std::string_view event, std::uint64_t id, monotonic_time at) const;
  void put(const json& line) { lines_ += line.dump() + '\n'; }

  bool wanted_;
  monotonic_time opened_;
  std::string lines_;
};

} // namespace cortex::progress_indicators
