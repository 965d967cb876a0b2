#include "cortex/progress_indicators/actor.hpp"

#include <algorithm>
#include <utility>

namespace cortex::progress_indicators {

actor::actor(std::shared_ptr<detail::stage> on)
  : stage_(std::move(on)),
    board_(stage_->looks, stage_->opened, stage_->events.has_value(), stage_->how.event_interval),
    pace_(stage_->how.redraw_interval) {}

// After a crash what was shown is gone, but for the cursor.
actor::~actor() {
  if (timer_ != nullptr)
    timer_->recall(stage_->rt.continuations());
  stage_->out.put(board_.restore());
  stage_->out.keep_open(false);
  if (stage_->events)
    stage_->events->keep_open(false);
}

std::vector<context> actor::operator()(const list& /*request*/) {
  put_out();
  return board_.all();
}

void actor::operator()(turn& request) {
  if (shut_)
    return;
  board_.change(request.what, std::move(request.made));
  settle();
}

void actor::operator()(const moved& request) {
  if (shut_ || !has_room())
    return;
  board_.moved(request.what, request.position, request.at);
  settle();
}

void actor::operator()(const say& request) {
  stage_->waiting_lines.fetch_sub(1, std::memory_order_relaxed);
  if (shut_ || !has_room())
    return;
  if (request.what != nullptr || request.how == level::plain)
    board_.log(request.what, request.text, request.at);
  else
    board_.message(request.how, request.text, request.at);
  settle();
}

void actor::operator()(note& request) {
  request.what->content.metadata.insert_or_assign(std::move(request.key), std::move(request.value));
}

void actor::operator()(const change_step& request) {
  if (shut_)
    return;
  board_.change_step(request.what, request.index, request.to, request.text, request.at);
  settle();
}

context actor::operator()(const inspect& request) {
  return board_.current(request.what);
}

void actor::operator()(const flush& /*request*/) {
  put_out();
}

void actor::operator()(const shut& /*request*/) {
  end_all();
}

void actor::operator()(const redraw& /*request*/) {
  timer_set_ = false;
  if (shut_)
    return;
  if (stage_->out.pending_bytes() == 0)
    board_.tick(stage_->now());
  settle();
}

void actor::on_start(weak_handle<own_protocol> self) {
  timer_ = std::make_shared<redraw_timer>(std::move(self));
}

void actor::on_stop() {
  end_all();
}

// -- what is done after each ----------------------------------------------------------------------

// Lines that wait for a slow output are bounded; those beyond are counted.
bool actor::has_room() {
  if (stage_->out.pending_bytes() + board_.kept_bytes() < stage_->how.max_pending_bytes)
    return true;
  ++untold_drops_;
  stage_->dropped.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void actor::settle() {
  const auto now = stage_->now();
  stage_->live.store(board_.size(), std::memory_order_relaxed);
  stage_->out.keep_open(board_.size() != 0);
  if (stage_->events)
    stage_->events->keep_open(board_.size() != 0);
  // What is drawn into a queue is old when it is seen.
  const bool in_region = stage_->looks.rendering == rendering::terminal && board_.size() != 0;
  if (!in_region || (pace_.wait(now).count() == 0 && stage_->out.pending_bytes() == 0))
    draw(now);
  if (board_.animated() || board_.kept_bytes() != 0 || untold_drops_ != 0)
    set_timer(now);
}

void actor::draw(monotonic_time now) {
  if (untold_drops_ != 0 && stage_->out.pending_bytes() < stage_->how.max_pending_bytes / 2) {
    const auto lines = std::exchange(untold_drops_, 0);
    board_.warn(std::to_string(lines) + " lines were dropped: the output was too slow");
  }
  const bool in_region = stage_->looks.rendering == rendering::terminal;
  auto bytes = board_.take(now, in_region ? stage_->size() : terminal_size{});
  if (in_region && !bytes.empty()) {
    pace_.note(now);
    stage_->redraws.fetch_add(1, std::memory_order_relaxed);
  }
  stage_->out.put(std::move(bytes));
  if (stage_->events)
    stage_->events->put(board_.take_events());
}

void actor::put_out() {
  if (!shut_)
    draw(stage_->now());
}

void actor::set_timer(monotonic_time now) {
  if (timer_set_ || timer_ == nullptr)
    return;
  const auto wait = pace_.wait(now);
  const auto pause = wait.count() > 0 ? wait
                                      : std::chrono::nanoseconds{stage_->how.redraw_interval};
  timer_set_ = timer_->set(stage_->rt.continuations(), pause);
}

void actor::end_all() {
  if (std::exchange(shut_, true))
    return;
  const auto now = stage_->now();
  board_.cancel_all(now);
  draw(now);
  stage_->live.store(0, std::memory_order_relaxed);
  stage_->out.keep_open(false);
  if (stage_->events)
    stage_->events->keep_open(false);
}

} // namespace cortex::progress_indicators
