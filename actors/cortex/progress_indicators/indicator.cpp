// Opening an indicator, and what it makes.
#include "cortex/progress_indicators.hpp"
#include "cortex/progress_indicators/actor.hpp"
#include "cortex/progress_indicators/stage.hpp"
#include "cortex/text/display_width.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace cortex::progress_indicators {
namespace {

using namespace std::chrono_literals;

expected<void> check(const options& wanted) {
  std::string wrong;
  const auto require = [&wrong](bool good, const char* what) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + std::string{what};
  };
  require(wanted.out.write || wanted.out.fd >= 0, "out.fd: not negative");
  require(!wanted.events || wanted.events->write || wanted.events->fd >= 0,
          "events.fd: not negative");
  require(wanted.redraw_interval >= 100ms, "redraw_interval: at least 100 ms");
  require(wanted.event_interval >= 100ms, "event_interval: at least 100 ms");
  require(wanted.max_pending_bytes >= 65'536, "max_pending_bytes: at least 65,536");
  require(wanted.patience.count() >= 0, "patience: not negative");
  if (!wrong.empty())
    return fail(errc::invalid_argument, wrong);
  return {};
}

std::string clean(std::string_view text) {
  return text::printable(text, text::line_breaks::keep);
}

} // namespace

namespace detail {
void say_line(const indicator_parts& to, say line);
} // namespace detail

expected<indicator> open(const runtime& rt, options wanted) {
  if (auto good = check(wanted); !good)
    return unexpected{std::move(good).error()};
  const auto env = wanted.environment ? *wanted.environment : environment::of_process();
  const bool is_terminal = !wanted.out.write && ::isatty(wanted.out.fd) == 1;
  const auto chosen = choose_look(wanted, env, is_terminal);
  auto on = std::make_shared<detail::stage>(rt, std::move(wanted), chosen);

  static std::atomic<std::uint64_t> count{0};
  actor_options how;
  // At most two messages for each display, and lines, which are counted: nothing may be refused.
  how.mailbox_bound = std::size_t{1} << 40U;
  runtime host = rt;
  auto spawned = host.spawn<actor>(
    "progress_indicators." + std::to_string(count.fetch_add(1)),
    [on] { return std::make_unique<actor>(on); }, how);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  if (auto attached = host.attach(on); !attached)
    return unexpected{std::move(attached).error()};
  const handle talks_to = *spawned;
  return indicator{talks_to,
                   std::make_shared<detail::indicator_parts>(*std::move(spawned), std::move(on))};
}

// -- what it makes --------------------------------------------------------------------------------

std::shared_ptr<detail::slot> indicator::begin(display_kind kind, std::string_view title,
                                               const placement& where, std::uint64_t total,
                                               operation_type type, std::vector<step> steps,
                                               bool idle) const {
  auto& stage = *parts_->stage;
  context made;
  made.id = stage.last_id.fetch_add(1, std::memory_order_relaxed) + 1;
  made.parent = where.under < made.id ? where.under : 0; // never in a circle
  made.kind = kind;
  made.type = type;
  made.title = clean(title);
  made.steps = std::move(steps);
  for (auto& each : made.steps) {
    each.name = clean(each.name);
    each.description = each.description.empty() && kind == display_kind::steps
                         ? each.name
                         : clean(each.description);
  }
  made.current_step = kind == display_kind::steps ? -1 : 0;
  made.start_time = stage.now();
  made.status = idle ? status::idle : status::running;
  made.total = total;
  const auto at = made.start_time;
  auto shared = std::make_shared<detail::slot>(std::move(made), where.weight, total);
  if (!idle) {
    detail::transition begins;
    begins.number = 1;
    begins.at = at;
    parts_->actor.tell(turn{shared, std::move(begins)});
  }
  return shared;
}

spinner indicator::spinner() const {
  return {parts_, begin(display_kind::spinner, {}, {}, 0, operation_type::generic, {}, true)};
}

spinner indicator::spinner(std::string_view message, const placement& where) const {
  progress_indicators::spinner made{
    parts_, begin(display_kind::spinner, {}, where, 0, operation_type::generic, {}, true)};
  made.start(message);
  return made;
}

operation indicator::operation(std::string_view title, operation_type type, std::vector<step> steps,
                               const placement& where) const {
  return {parts_, begin(display_kind::operation, title, where, 0, type, std::move(steps))};
}

bar indicator::bar(std::uint64_t total, std::string_view description,
                   const placement& where) const {
  return {parts_, begin(display_kind::bar, description, where, total, operation_type::generic, {})};
}

download indicator::download(std::uint64_t total_bytes, std::string_view description,
                             const placement& where) const {
  return {parts_, begin(display_kind::download, description, where, total_bytes,
                        operation_type::download, {})};
}

step_list indicator::steps(std::vector<step> list, std::string_view title,
                           const placement& where) const {
  return {parts_,
          begin(display_kind::steps, title, where, 0, operation_type::generic, std::move(list))};
}

void indicator::end_by(const progress_indicators::operation& shown, const cortex::error& why) {
  if (why == errc::cancelled)
    shown.cancel();
  else
    shown.fail(why.detail.empty() ? to_string(why) : why.detail);
}

// -- what it says ---------------------------------------------------------------------------------

namespace {

void say_text(const detail::indicator_parts& to, level how, std::string_view text) {
  detail::say_line(to, say{nullptr, how, clean(text), to.stage->now()});
}

} // namespace

void indicator::success(std::string_view text) const {
  say_text(*parts_, level::success, text);
}
void indicator::error(std::string_view text) const {
  say_text(*parts_, level::error, text);
}
void indicator::warning(std::string_view text) const {
  say_text(*parts_, level::warning, text);
}
void indicator::info(std::string_view text) const {
  say_text(*parts_, level::info, text);
}
void indicator::log(std::string_view text) const {
  say_text(*parts_, level::plain, text);
}

expected<void> indicator::drain(std::chrono::nanoseconds within) const {
  const auto begun = std::chrono::steady_clock::now();
  if (auto done = parts_->actor.call(flush{}, within); !done)
    return done;
  const auto passed = std::chrono::steady_clock::now() - begun;
  return parts_->stage->drain(std::max(within - passed, std::chrono::nanoseconds{0}));
}

expected<void> indicator::drain() const {
  return drain(parts_->stage->how.patience);
}

expected<void> indicator::close() const {
  if (auto done = parts_->actor.call(shut{}); !done)
    return done;
  auto written = parts_->stage->drain(parts_->stage->how.patience);
  static_cast<void>(parts_->stage->stop(std::chrono::steady_clock::now()));
  return written;
}

rendering indicator::rendering() const noexcept {
  return parts_->stage->looks.rendering;
}

std::uint64_t indicator::dropped_lines() const noexcept {
  return parts_->stage->dropped.load(std::memory_order_relaxed);
}

} // namespace cortex::progress_indicators
