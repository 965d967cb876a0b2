/// The actor behind an indicator: owns the displays and the output.
#pragma once

#include "cortex/progress_indicators/board.hpp"
#include "cortex/progress_indicators/pacer.hpp"
#include "cortex/progress_indicators/protocol.hpp"
#include "cortex/progress_indicators/redraw_timer.hpp"
#include "cortex/progress_indicators/stage.hpp"

#include <memory>
#include <vector>

namespace cortex::progress_indicators {

/// *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  explicit actor(std::shared_ptr<detail::stage> on);
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;
  ~actor();

  std::vector<context> operator()(const list& request);
  void operator()(turn& request);
  void operator()(const moved& request);
  void operator()(const say& request);
  void operator()(note& request);
  void operator()(const change_step& request);
  expected<context> operator()(const inspect& request);
  void operator()(const flush& request, promise<void> reply);
  void operator()(const shut& request);
  void operator()(const redraw& request);

  void on_start(weak_handle<own_protocol> self);
  void on_stop();

private:
  [[nodiscard]] bool hears();
  void settle();
  [[nodiscard]] bool may_draw(monotonic_time now) const;
  void draw(monotonic_time now);
  void put_events();
  void set_timer(monotonic_time now);
  void end_all();

  std::shared_ptr<detail::stage> stage_;
  board board_;
  pacer pace_;
  std::shared_ptr<redraw_timer> timer_;
  bool timer_set_ = false;
  bool shut_ = false;
  std::vector<promise<void>> flushes_; // that wait for a redraw
};

} // namespace cortex::progress_indicators
