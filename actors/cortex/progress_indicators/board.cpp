#include "cortex/progress_indicators/board.hpp"

#include "cortex/progress_indicators/texts.hpp"

#include <algorithm>
#include <utility>

namespace cortex::progress_indicators {

using detail::slot;
using detail::slot_ref;
using detail::transition;
using rank = budget::rank;

namespace {

constexpr std::size_t most_depth = 64; // of nesting: what is done for it recurses

} // namespace

// -- what happens ---------------------------------------------------------------------------------

void board::change(const slot_ref& what, transition made) {
  auto& early = what->early;
  early.push_back(std::move(made));
  for (;;) {
    const auto next = std::ranges::find(early, what->done + 1, &transition::number);
    if (next == early.end())
      return;
    auto due = std::move(*next);
    early.erase(next);
    what->done = due.number;
    due.to == status::running ? begin(what, due) : finish(what, due);
  }
}

void board::begin(const slot_ref& what, transition& made) {
  auto& shown = what->content;
  if (shown.kind == display_kind::spinner)
    shown.message = made.text;
  what->original = std::move(made.text);
  if (what->unseen && what->unseen->after < made.number)
    what->unseen.reset();
  if (what->where == slot::presence::shown) { // a spinner that runs is started again
    refresh(*what);
    return;
  }
  what->where = slot::presence::unknown;
  shown.start_time = made.at;
  shown.end_time.reset();
  adopt(what, made.at);
}

// Whoever updates a display may be heard before whoever began it.
void board::adopt(const slot_ref& what, monotonic_time at) {
  if (what->where != slot::presence::unknown)
    return;
  what->content.status = status::running;
  if (!join_family(*what)) {
    what->where = slot::presence::refused;
    return;
  }
  what->where = slot::presence::shown;
  refresh(*what);
  what->told_position = 0; // what comes before the first look is news as well
  what->told_message.clear();
  what->told_at = at;
  what->pace = estimator{at};
  live_.push_back(what);
  events_.begin(what->content, at);
}

void board::refresh(slot& what) {
  if (auto latest = what.take())
    what.unseen = std::move(latest);
  if (what.unseen && what.unseen->after <= what.done) {
    what.content.message = std::move(what.unseen->text);
    what.unseen.reset();
  }
  if (gone(what))
    return;
  what.content.position = what.position.load(std::memory_order_relaxed);
  what.content.total = what.total.load(std::memory_order_relaxed);
}

void board::moved(const slot_ref& what, std::uint64_t position, monotonic_time at) {
  adopt(what, at);
  if (gone(*what) || !in_fallback() || !lines_.admits(kept_bytes(), rank::common))
    return;
  refresh(*what);
  const auto& shown = what->content;
  frame(shown.kind == display_kind::download
          ? download_line(shown.title, position, shown.total, seconds_between(shown.start_time, at))
          : bar_line(look_, shown.title, position, shown.total));
}

void board::log(const slot_ref& what, std::string_view text, monotonic_time at) {
  if (what == nullptr) {
    keep(rank::common, std::string{text});
    events_.log(0, text, at);
    return;
  }
  adopt(what, at);
  if (gone(*what))
    return;
  keep(rank::common, "  " + std::string{text});
  events_.log(what->id, text, at);
}

void board::message(level how, std::string_view text, monotonic_time at) {
  keep(rank::common, marked(look_, how, text));
  events_.message(how, text, at);
}

void board::change_step(const slot_ref& what, std::int64_t index, step_status to,
                        const std::string& text, monotonic_time at) {
  auto& shown = what->content;
  if (index < 0 || static_cast<std::size_t>(index) >= shown.steps.size())
    return;
  adopt(what, at);
  if (gone(*what))
    return;
  auto& changed = shown.steps[static_cast<std::size_t>(index)];
  changed.status = to;
  if (to == step_status::running) {
    changed.start_time = at;
    changed.end_time.reset();
    shown.current_step = index;
  } else if (to != step_status::skipped) {
    changed.end_time = at;
  }
  what->reasons.resize(shown.steps.size());
  what->reasons[static_cast<std::size_t>(index)] = text;
  if (to == step_status::completed)
    changed.progress = 1.0;
  if (to == step_status::failed)
    changed.error_message = text;
  if (!on_terminal()) // there the region shows it
    keep(rank::important, step_line(look_, changed, text, at));
  events_.step(shown, index, text, at);
}

void board::finish(const slot_ref& what, transition& made) {
  const bool shown = what->where == slot::presence::shown;
  if (!shown && what->content.kind != display_kind::spinner)
    adopt(what, made.at);
  if (refused(*what))
    too_deep_.erase(what->id);
  if (gone(*what))
    return;
  what->where = slot::presence::ended;
  auto& ended = what->content;
  if (made.latest)
    ended.message = *std::move(made.latest);
  ended.position = made.position;
  ended.total = made.total;
  ended.status = made.to;
  ended.end_time = made.at;
  const auto& text = made.with_original ? what->original : made.text;
  write_ending(*what, text, made.at);
  events_.end(ended, text, made.at);
  if (shown || ended.kind != display_kind::spinner) {
    std::erase(live_, what);
    leave_family(*what);
  }
}

void board::cancel_all(monotonic_time at) {
  const auto text = [](const slot& what, status how) {
    if (what.content.kind == display_kind::spinner)
      return ""; // its message
    return how == status::completed ? "Done" : how == status::failed ? "Failed" : "Cancelled";
  };
  while (!live_.empty()) {
    const auto last = live_.back(); // those nested first
    refresh(*last);
    transition made;
    // If its handle has ended it, that comes too late.
    made.to = last->state.end(status::cancelled) ? status::cancelled : last->state.now();
    if (made.to == status::running) // just started again
      made.to = status::cancelled;
    made.text = text(*last, made.to);
    made.position = last->content.position;
    made.total = last->content.total;
    made.at = at;
    finish(last, made);
  }
}

std::vector<slot_ref> board::give_away() noexcept {
  for (const auto& each : live_)
    if (each->where == slot::presence::shown) // not one whose ending was cut off
      each->where = slot::presence::unknown;
  return std::exchange(live_, {});
}

// Those around others come first: they began before them.
void board::take_over(const std::vector<slot_ref>& displays, monotonic_time at) {
  for (const auto& each : displays)
    adopt(each, at);
}

void board::tell_dropped(bool last, monotonic_time at) {
  if (const auto count = lines_.take_untold(kept_bytes(), last); count != 0)
    add(marked(look_, level::warning,
               std::to_string(count) + " lines were dropped: the output was too slow"));
  events_.tell_dropped(last, at);
}

// -- what is written ------------------------------------------------------------------------------

void board::keep(rank of, std::string line, std::string_view before) {
  if (lines_.admits(kept_bytes(), of))
    add(std::move(line), before);
}

void board::add(std::string line, std::string_view before) {
  if (look_.ascii)
    line = to_ascii(line);
  if (on_terminal()) {
    above_bytes_ += line.size() + 1;
    above_.push_back(std::move(line));
  } else {
    plain_.append(in_fallback() ? before : std::string_view{}).append(line).append("\n");
  }
}

void board::frame(std::string_view line) {
  plain_.append("\r").append(line);
}

void board::write_ending(slot& what, const std::string& text, monotonic_time at) {
  const auto& ended = what.content;
  const bool good = ended.status == status::completed;
  const auto sign = good ? level::success : level::error;
  switch (ended.kind) {
    case display_kind::spinner:
      keep(rank::important, marked(look_, sign, text.empty() ? ended.message : text), "\r");
      return;
    case display_kind::operation:
      keep(rank::important, marked(look_, sign, ended.title + " - " + text), "\r");
      return;
    case display_kind::bar:
      // In the fallback its frames are there already.
      keep(rank::important,
           in_fallback() ? "" : bar_line(look_, ended.title, ended.position, ended.total));
      if (!good)
        keep(rank::important, marked(look_, sign, ended.title + " - " + text));
      return;
    case display_kind::download:
      if (good && in_fallback())
        keep(rank::important, "");
      keep(rank::important, marked(look_, sign,
                                   good ? downloaded_text(ended.position, ended.total,
                                                          seconds_between(ended.start_time, at))
                                        : "Download failed: " + text));
      return;
    case display_kind::steps: write_steps_ending(what, text, at); return;
  }
}

// A list that ends by an error fails the steps that run.
void board::write_steps_ending(slot& what, const std::string& text, monotonic_time at) {
  auto& ended = what.content;
  what.reasons.resize(ended.steps.size());
  for (std::size_t i = 0; i < ended.steps.size(); ++i)
    if (auto& each = ended.steps[i];
        ended.status != status::completed && each.status == step_status::running) {
      what.reasons[i] = text;
      each.status = step_status::failed;
      each.end_time = at;
      each.error_message = text;
      if (!on_terminal())
        keep(rank::important, step_line(look_, each, text, at));
    }
  if (on_terminal())
    for (std::size_t i = 0; i < ended.steps.size(); ++i) {
      const auto& each = ended.steps[i];
      // A step that has not ended is told by its mark.
      const bool open = each.status == step_status::pending || each.status == step_status::running;
      keep(rank::important, open
                              ? "  " + tinted(look_, tint_of(each.status), mark(look_, each.status))
                                  + ' ' + each.name
                              : step_line(look_, each, what.reasons[i], at));
    }
  const bool failed = std::ranges::any_of(
    ended.steps, [](const step& s) { return s.status == step_status::failed; });
  if (failed && ended.status == status::completed)
    ended.status = status::failed;
  what.state.correct(ended.status);
  keep(rank::important,
       marked(look_, ended.status == status::completed ? level::success : level::error,
              steps_text(ended)));
}

void board::animate() {
  for (auto& each : live_) {
    auto& what = *each;
    refresh(what);
    const auto& shown = what.content;
    if (in_fallback()
        && (shown.kind == display_kind::spinner || shown.kind == display_kind::operation)) {
      auto text = shown.kind == display_kind::spinner ? shown.message
                  : shown.message.empty()             ? shown.title
                                                      : shown.title + " - " + shown.message;
      frame(std::string{spinner_glyph(look_, what.glyph)} + ' ' + text);
    }
    ++what.glyph;
  }
}

void board::tell_positions(monotonic_time now) {
  if (!events_.wanted())
    return;
  for (auto& each : live_) {
    auto& what = *each;
    refresh(what);
    const auto& shown = what.content;
    const bool changed = shown.position != what.told_position || shown.message != what.told_message;
    if (changed && now - what.told_at >= event_interval_ && events_.has_room()) {
      what.told_position = shown.position;
      what.told_message = shown.message;
      what.told_at = now;
      events_.update(shown, share_of(what), now);
    }
  }
}

std::string board::take(monotonic_time now, terminal_size size) {
  if (!on_terminal())
    return std::exchange(plain_, {});
  for (auto& each : live_) {
    refresh(*each);
    const auto& shown = each->content;
    each->pace.sample(now, shown.position, shown.total);
  }
  std::vector<drawn_display> drawn;
  add_drawn(drawn, 0, 0, size.rows);
  auto lines = region_of(look_, drawn, live_.size(), now, size);
  auto out = screen_.show(above_, std::move(lines), size);
  above_.clear();
  above_bytes_ = 0;
  return out;
}

// -- what is asked --------------------------------------------------------------------------------

expected<context> board::current(const slot_ref& what) {
  if (refused(*what))
    return fail(errc::invalid_argument, "displays nest " + std::to_string(most_depth)
                                          + " deep at most; this one is not shown");
  refresh(*what);
  return what->content;
}

std::vector<context> board::all() {
  std::vector<context> out;
  for (const auto& each : live_)
    out.push_back(*current(each));
  return out;
}

bool board::animated() const noexcept {
  if (on_terminal())
    return !live_.empty();
  if (events_.wanted() && !live_.empty())
    return true;
  return in_fallback() && std::ranges::any_of(live_, [](const slot_ref& each) {
           const auto kind = each->content.kind;
           return kind == display_kind::spinner || kind == display_kind::operation;
         });
}

// -- nesting --------------------------------------------------------------------------------------

bool board::join_family(slot& what) {
  auto& parent = what.content.parent;
  const bool lost = too_deep_.contains(parent);
  if (parent != 0 && !lost && !families_.contains(parent))
    parent = 0; // that one does not live
  const auto depth = lost ? most_depth : families_[parent].depth;
  if (depth >= most_depth) {
    too_deep_.insert(what.id);
    return false;
  }
  too_deep_.erase(what.id); // a spinner that is started again
  families_[parent].members.push_back(&what);
  place(what, depth + 1);
  return true;
}

// Those under it go on where it was.
void board::leave_family(slot& what) {
  auto& around = families_[what.content.parent];
  std::erase(around.members, &what);
  around.ended_weight += what.weight;
  around.ended_done += what.weight * share_of(what);
  auto own = families_.extract(what.id);
  if (own.empty())
    return;
  for (auto* orphan : own.mapped().members) {
    orphan->content.parent = 0;
    families_[0].members.push_back(orphan);
    place(*orphan, 1);
  }
}

void board::place(const slot& what, std::size_t depth) {
  auto& own = families_[what.id];
  own.depth = depth;
  for (const auto* each : own.members)
    place(*each, depth + 1);
}

void board::add_drawn(std::vector<drawn_display>& to, std::uint64_t under, std::size_t depth,
                      std::size_t most) const {
  const auto here = families_.find(under);
  if (here == families_.end())
    return;
  for (const auto* each : here->second.members) {
    if (to.size() >= most)
      return;
    const auto& shown = each->content;
    to.push_back({&shown, depth, each->glyph, &each->pace,
                  shown.kind == display_kind::operation ? share_below(*each) : std::nullopt});
    add_drawn(to, shown.id, depth + 1, most);
  }
}

double board::share_of(const slot& what) const {
  const auto& shown = what.content;
  if (shown.status == status::completed)
    return 1.0;
  if (const auto below = share_below(what))
    return *below;
  return shown.steps.empty() ? fraction_of(shown.position, shown.total) : shown.overall_progress();
}

// Weighted: of all that is or was under it, or of all that is expected.
std::optional<double> board::share_below(const slot& what) const {
  const auto below = families_.find(what.id);
  if (below == families_.end())
    return std::nullopt;
  double all = below->second.ended_weight;
  double done = below->second.ended_done;
  for (const auto* each : below->second.members) {
    all += each->weight;
    done += each->weight * share_of(*each);
  }
  if (all <= 0)
    return std::nullopt;
  return done / std::max(all, what.expected_weight.load(std::memory_order_relaxed));
}

} // namespace cortex::progress_indicators
