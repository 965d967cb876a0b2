#include "cortex/progress_indicators/events.hpp"

#include "cortex/progress_indicators/texts.hpp"

#include <cmath>
#include <optional>

namespace cortex::progress_indicators {
namespace {

double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

std::string_view name_of(level how) noexcept {
  switch (how) {
    case level::success: return "success";
    case level::error: return "error";
    case level::warning: return "warning";
    case level::info: return "info";
    case level::plain: break;
  }
  return "log";
}

} // namespace

json event_writer::made(std::string_view event, std::uint64_t id, monotonic_time at) const {
  auto out = json::object({{"event", event}, {"time", rounded(seconds_between(opened_, at))}});
  if (id != 0)
    out.set("id", id);
  return out;
}

bool event_writer::begins(budget::rank of) {
  return wanted_ && room_.admits(lines_.size(), of);
}

void event_writer::begin(const context& what, monotonic_time at) {
  if (!begins(budget::rank::important))
    return;
  auto line = made("begin", what.id, at);
  line.set("kind", to_string(what.kind));
  line.set("type", to_string(what.type));
  line.set("title", what.title);
  line.set("parent", what.parent);
  line.set("total", what.total);
  auto names = json::array();
  for (const auto& each : what.steps)
    names.push_back(each.name);
  line.set("steps", std::move(names));
  put(line);
}

void event_writer::update(const context& what, double fraction, monotonic_time at) {
  if (!begins(budget::rank::common))
    return;
  auto line = made("update", what.id, at);
  line.set("message", what.message);
  line.set("position", what.position);
  line.set("total", what.total);
  line.set("fraction", fraction);
  put(line);
}

void event_writer::log(std::uint64_t id, std::string_view text, monotonic_time at) {
  if (!begins(budget::rank::common))
    return;
  auto line = made("log", id, at);
  line.set("text", text);
  put(line);
}

void event_writer::message(level how, std::string_view text, monotonic_time at) {
  if (!begins(budget::rank::common))
    return;
  auto line = made("message", 0, at);
  line.set("level", name_of(how));
  line.set("text", text);
  put(line);
}

void event_writer::step(const context& what, std::int64_t index, std::string_view text,
                        monotonic_time at) {
  if (!begins(budget::rank::important))
    return;
  const auto& changed = what.steps[static_cast<std::size_t>(index)];
  auto line = made("step", what.id, at);
  line.set("index", index);
  line.set("name", changed.name);
  line.set("status", to_string(changed.status));
  if (const auto seconds = changed.duration_seconds(at))
    line.set("seconds", rounded(*seconds));
  else
    line.set("seconds", nullptr);
  line.set("text", text);
  put(line);
}

void event_writer::end(const context& what, std::string_view text, monotonic_time at) {
  if (!begins(budget::rank::important))
    return;
  auto line = made("end", what.id, at);
  line.set("status", to_string(what.status));
  line.set("text", text);
  line.set("seconds", rounded(seconds_between(what.start_time, what.end_time.value_or(at))));
  line.set("position", what.position);
  line.set("total", what.total);
  put(line);
}

void event_writer::tell_dropped(bool last, monotonic_time at) {
  const auto count = room_.take_untold(lines_.size(), last);
  if (count == 0)
    return;
  auto line = made("dropped", 0, at);
  line.set("count", count);
  put(line);
}

} // namespace cortex::progress_indicators
