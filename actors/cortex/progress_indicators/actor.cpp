#include "cortex/progress_indicators/actor.hpp"

#include <algorithm>
#include <utility>

namespace cortex::progress_indicators {

actor::actor(std::shared_ptr<detail::stage> on)
  : stage_(std::move(on)),
    board_(stage_->looks, stage_->opened, stage_->events.has_value(), stage_->how.event_interval,
           stage_->how.max_pending_bytes),
    pace_(stage_->how.redraw_interval) {
  board_.take_over(std::exchange(stage_->left_behind, {}), stage_->now());
}

// After a crash there is another actor, which goes on with what is shown.
actor::~actor() {
  stage_->left_behind = board_.give_away();
  if (timer_ != nullptr)
    timer_->recall(stage_->rt.continuations());
  stage_->out.put(board_.restore());
  stage_->out.keep_open(false);
  if (stage_->events)
    stage_->events->keep_open(false);
}

std::vector<context> actor::operator()(const list& /*request*/) {
  return board_.all();
}

void actor::operator()(turn& request) {
  if (!hears())
    return;
  board_.change(request.what, std::move(request.made));
  settle();
}

void actor::operator()(const moved& request) {
  if (!hears())
    return;
  board_.moved(request.what, request.position, request.at);
  settle();
}

void actor::operator()(const say& request) {
  stage_->waiting_lines.fetch_sub(1, std::memory_order_relaxed);
  if (!hears())
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
  if (!hears())
    return;
  board_.change_step(request.what, request.index, request.to, request.text, request.at);
  settle();
}

expected<context> actor::operator()(const inspect& request) {
  return board_.current(request.what);
}

// On a terminal it is answered by the next redraw, which comes no sooner for it.
void actor::operator()(const flush& /*request*/, promise<void> reply) {
  if (!hears()) {
    reply.set({});
    return;
  }
  std::erase_if(flushes_, [](const promise<void>& each) { return each.abandoned(); });
  flushes_.push_back(std::move(reply));
  settle();
}

void actor::operator()(const shut& /*request*/) {
  end_all();
}

void actor::operator()(const redraw& /*request*/) {
  timer_set_ = false;
  if (!hears())
    return;
  board_.tell_positions(stage_->now());
  if (stage_->out.pending_bytes() == 0)
    board_.animate();
  settle();
}

void actor::on_start(weak_handle<own_protocol> self) {
  timer_ = std::make_shared<redraw_timer>(std::move(self));
  if (board_.size() != 0)
    settle();
}

void actor::on_stop() {
  end_all();
}

// -- what is done after each ----------------------------------------------------------------------

// False after the end. What waits for a slow output counts for what may be kept.
bool actor::hears() {
  board_.room_for_lines().waiting(stage_->out.pending_bytes());
  board_.room_for_events().waiting(stage_->events ? stage_->events->pending_bytes() : 0);
  return !shut_;
}

void actor::settle() {
  const auto now = stage_->now();
  stage_->live.store(board_.size(), std::memory_order_relaxed);
  stage_->out.keep_open(board_.size() != 0);
  if (stage_->events)
    stage_->events->keep_open(board_.size() != 0);
  board_.tell_dropped(shut_, now);
  put_events();
  if (may_draw(now))
    draw(now);
  auto& lines = board_.room_for_lines();
  auto& events = board_.room_for_events();
  stage_->dropped.fetch_add(lines.take_uncounted(), std::memory_order_relaxed);
  stage_->dropped_events.fetch_add(events.take_uncounted(), std::memory_order_relaxed);
  if (shut_)
    return;
  if (board_.animated() || board_.kept_bytes() != 0 || !flushes_.empty() || lines.owes_word()
      || events.owes_word())
    set_timer(now);
}

// What is drawn into a queue is old when it is seen.
bool actor::may_draw(monotonic_time now) const {
  const bool in_region = stage_->looks.rendering == rendering::terminal && board_.size() != 0;
  return !in_region || (pace_.wait(now).count() == 0 && stage_->out.pending_bytes() == 0);
}

void actor::draw(monotonic_time now) {
  const bool in_region = stage_->looks.rendering == rendering::terminal;
  auto bytes = board_.take(now, in_region ? stage_->size() : terminal_size{});
  if (in_region && !bytes.empty()) {
    pace_.note(now);
    stage_->redraws.fetch_add(1, std::memory_order_relaxed);
  }
  stage_->out.put(std::move(bytes));
  for (auto& each : std::exchange(flushes_, {}))
    each.set({});
}

// Whatever the output does.
void actor::put_events() {
  if (stage_->events)
    stage_->events->put(board_.take_events());
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
  static_cast<void>(hears());
  board_.cancel_all(stage_->now());
  settle(); // for the last time: no display is left
}

} // namespace cortex::progress_indicators
