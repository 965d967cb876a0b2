/// All displays and what is to be written for them. Knows no clock, thread or descriptor.
#pragma once

#include "cortex/progress_indicators/budget.hpp"
#include "cortex/progress_indicators/events.hpp"
#include "cortex/progress_indicators/marks.hpp"
#include "cortex/progress_indicators/region.hpp"
#include "cortex/progress_indicators/screen.hpp"
#include "cortex/progress_indicators/slot.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cortex::progress_indicators {

/// Takes what happens in its order and gives bytes. After the final line of a display nothing of it
/// is written. *Owned by one actor*.
class board {
public:
  board(look how, monotonic_time opened, bool with_events, std::chrono::nanoseconds event_interval,
        std::size_t most_bytes)
    : look_(how),
      events_(with_events, opened, most_bytes),
      event_interval_(event_interval),
      lines_(most_bytes) {}

  /// What is to be written and its events: how much of both waits elsewhere, what was dropped.
  [[nodiscard]] budget& room_for_lines() noexcept { return lines_; }
  [[nodiscard]] budget& room_for_events() noexcept { return events_.room(); }

  /// Begins or ends a display. Threads that do so side by side may be heard in any order: each
  /// transition waits for those before it.
  void change(const detail::slot_ref& what, detail::transition made);
  void moved(const detail::slot_ref& what, std::uint64_t position, monotonic_time at);
  void log(const detail::slot_ref& what, std::string_view text, monotonic_time at);
  void message(level how, std::string_view text, monotonic_time at);
  void change_step(const detail::slot_ref& what, std::int64_t index, step_status to,
                   const std::string& text, monotonic_time at);
  /// Ends all that is shown as `cancelled`.
  void cancel_all(monotonic_time at);
  /// What is shown, for the board of an actor that is made anew. This one is of no use after it.
  [[nodiscard]] std::vector<detail::slot_ref> give_away() noexcept;
  /// Shows what another board gave away, as if it began now.
  void take_over(const std::vector<detail::slot_ref>& displays, monotonic_time at);
  /// Tells what was dropped, once there is room again or at the `last` moment.
  void tell_dropped(bool last, monotonic_time at);

  /// Once for each interval of the timer: the next frames.
  void animate();
  /// The same: events of positions.
  void tell_positions(monotonic_time now);
  /// What has come together for the output; in the rendering `terminal` with the region as it is
  /// now.
  [[nodiscard]] std::string take(monotonic_time now, terminal_size size);
  [[nodiscard]] std::string take_events() { return events_.take(); }
  /// What shows the cursor again, if it is hidden.
  [[nodiscard]] std::string restore() { return screen_.restore(); }

  /// A display with what is new of it. Errors: `invalid_argument` if it is nested too deeply.
  [[nodiscard]] expected<context> current(const detail::slot_ref& what);
  [[nodiscard]] std::vector<context> all();

  [[nodiscard]] std::size_t size() const noexcept { return live_.size(); }
  /// True if the passing of time alone changes something.
  [[nodiscard]] bool animated() const noexcept;
  /// Bytes that nobody has taken yet.
  [[nodiscard]] std::size_t kept_bytes() const noexcept { return above_bytes_ + plain_.size(); }

private:
  [[nodiscard]] bool on_terminal() const noexcept { return look_.rendering == rendering::terminal; }
  [[nodiscard]] bool in_fallback() const noexcept { return look_.rendering == rendering::fallback; }
  [[nodiscard]] bool gone(const detail::slot& what) const noexcept {
    return what.where == detail::slot::presence::ended || refused(what);
  }
  [[nodiscard]] bool refused(const detail::slot& what) const noexcept {
    return what.where == detail::slot::presence::refused;
  }
  void begin(const detail::slot_ref& what, detail::transition& made);
  void finish(const detail::slot_ref& what, detail::transition& made);
  void adopt(const detail::slot_ref& what, monotonic_time at);
  void refresh(detail::slot& what);
  /// A line that is to stay, if there is room.
  void keep(budget::rank of, std::string line, std::string_view before = {});
  void add(std::string line, std::string_view before = {});
  void frame(std::string_view line);
  void write_ending(detail::slot& what, const std::string& text, monotonic_time at);
  void write_steps_ending(detail::slot& what, const std::string& text, monotonic_time at);
  [[nodiscard]] double share_of(const detail::slot& what) const;
  [[nodiscard]] std::optional<double> share_below(const detail::slot& what) const;
  void add_drawn(std::vector<drawn_display>& to, std::uint64_t under, std::size_t depth,
                 std::size_t most) const;
  /// False if it is nested too deeply.
  bool join_family(detail::slot& what);
  void leave_family(detail::slot& what);
  void place(const detail::slot& what, std::size_t depth);

  look look_;
  event_writer events_;
  std::chrono::nanoseconds event_interval_;
  screen screen_;
  std::vector<detail::slot_ref> live_; // in the order of their beginning
  /// What is under a display that lives, or under none (0).
  struct family {
    std::vector<detail::slot*> members;
    std::size_t depth = 0;   // of the members, from 0
    double ended_weight = 0; // of those that have ended
    double ended_done = 0;   // weighted
  };
  std::unordered_map<std::uint64_t, family> families_;
  std::unordered_set<std::uint64_t> too_deep_; // that were refused and have not ended
  std::vector<std::string> above_;             // on a terminal: lines that are to stay
  std::string plain_;                          // elsewhere: bytes
  std::size_t above_bytes_ = 0;
  budget lines_; // and frames
};

} // namespace cortex::progress_indicators
