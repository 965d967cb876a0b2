/// What the actor is told by displays.
#pragma once

#include "cortex/progress_indicators.hpp"
#include "cortex/progress_indicators/slot.hpp"

#include <cstdint>
#include <string>

namespace cortex::progress_indicators {

enum class level : std::uint8_t { success, error, warning, info, plain };

/// A display begins or ends; its handle has claimed that.
struct turn {
  using reply = void;
  detail::slot_ref what;
  detail::transition made;
};
/// Where each update is written: the position after it.
struct moved {
  using reply = void;
  detail::slot_ref what;
  std::uint64_t position = 0;
  monotonic_time at{};
};
/// A line that stays, of a display or of none.
struct say {
  using reply = void;
  detail::slot_ref what;
  progress_indicators::level how = progress_indicators::level::plain;
  std::string text;
  monotonic_time at{};
};
struct note {
  using reply = void;
  detail::slot_ref what;
  std::string key;
  std::string value;
};
struct change_step {
  using reply = void;
  detail::slot_ref what;
  std::int64_t index = 0;
  step_status to = step_status::pending;
  std::string text{};
  monotonic_time at{};
};
struct inspect {
  using reply = context;
  detail::slot_ref what;
};
/// Hands all that was said to the output.
struct flush {
  using reply = void;
};
/// Ends all and says no more.
struct shut {
  using reply = void;
};
/// From the timer.
struct redraw {
  using reply = void;
};

using own_protocol
  = cortex::protocol<list, turn, moved, say, note, change_step, inspect, flush, shut, redraw>;

} // namespace cortex::progress_indicators
