#include "cortex/report.hpp"

#include "cortex/runtime/core.hpp"
#include "cortex/runtime/number_text.hpp"

#include <algorithm>
#include <map>

namespace cortex {

std::string_view version() noexcept {
  return CORTEX_VERSION;
}

// -- measures -------------------------------------------------------------------------------------

void measure_list::counter(std::string_view name, std::string_view help, std::uint64_t value,
                           label of) {
  all_.push_back({metric_type::counter, name, help, value, of.name, of.value});
}

void measure_list::counter(std::string_view name, std::string_view help,
                           std::chrono::nanoseconds value, label of) {
  all_.push_back({metric_type::counter, name, help, detail::seconds(value), of.name, of.value});
}

void measure_list::gauge(std::string_view name, std::string_view help, std::uint64_t value,
                         label of) {
  all_.push_back({metric_type::gauge, name, help, value, of.name, of.value});
}

void measure_list::gauge(std::string_view name, std::string_view help,
                         std::chrono::nanoseconds value, label of) {
  all_.push_back({metric_type::gauge, name, help, detail::seconds(value), of.name, of.value});
}

void measure_list::histogram(std::string_view name, std::string_view help,
                             const latency_summary& value) {
  all_.push_back({metric_type::histogram, name, help, value, {}, {}});
}

measure_list measures_of(const actor_metrics& actor) {
  // All members by name: one that is added does not compile until it is told here.
  const auto& [name, state, why, depth, bound, oldest, handled, failed, expired, overloaded,
               restarts, lent, latency]
    = actor;
  static_cast<void>(name); // the label
  static_cast<void>(why);  // a text
  measure_list out;
  for (const auto each :
       {actor_state::running, actor_state::backing_off, actor_state::failed, actor_state::stopped})
    out.gauge("cortex_actor_state", "1 for the state that the actor is in.",
              std::uint64_t{each == state}, {"state", to_string(each)});
  out.gauge("cortex_actor_mailbox_depth", "Requests that wait in the mailbox.", depth);
  out.gauge("cortex_actor_mailbox_bound", "Requests that may wait in the mailbox.", bound);
  out.gauge("cortex_actor_oldest_request_seconds",
            "Age of the oldest request that waits or is in the handler.", oldest);
  out.counter("cortex_actor_handled_total", "Requests begun, failed ones included.", handled);
  out.counter("cortex_actor_failed_total", "Handlers that threw.", failed);
  out.counter("cortex_actor_expired_total", "Requests whose time was up before they began.",
              expired);
  out.counter("cortex_actor_overloaded_total", "Requests refused at the bound of the mailbox.",
              overloaded);
  out.counter("cortex_actor_restarts_total", "Times that the object was made anew.", restarts);
  out.counter("cortex_actor_lent_total", "Times that a caller's thread ran the actor.", lent);
  out.histogram("cortex_actor_latency_seconds", "From the call to the end of the handler.",
                latency);
  return out;
}

measure_list measures_of(const runtime_report& report) {
  measure_list out;
  out.gauge("cortex_runtime_uptime_seconds", "Time since the runtime was opened.", report.uptime);
  out.gauge("cortex_runtime_accepting", "1 until the runtime begins to stop.",
            std::uint64_t{report.accepting});
  out.gauge("cortex_runtime_workers", "Threads for actors that no caller lends a thread to.",
            report.workers);
  out.gauge("cortex_runtime_continuations_waiting", "Continuations that wait for their thread.",
            report.continuations_waiting);
  out.gauge("cortex_runtime_slow_threshold_seconds",
            "What takes longer is a slow request; 0 if none is looked for.", report.slow_threshold);
  out.counter("cortex_runtime_slow_requests_total", "Requests that took longer than that.",
              report.slow_total);
  return out;
}

// -- slow requests --------------------------------------------------------------------------------

namespace {

// In three digits: 12.3 ms.
std::string duration_text(std::chrono::nanoseconds time) {
  constexpr std::array<std::string_view, 4> units{" ns", " us", " ms", " s"};
  auto value = static_cast<double>(time.count());
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < units.size(); ++unit)
    value /= 1000;
  std::array<char, 32> text{};
  const auto form = value < 999.5 ? std::chars_format::general : std::chars_format::fixed;
  const auto digits = value < 999.5 ? 3 : 0;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, form, digits).ptr;
  return std::string{text.data(), end} + std::string{units[unit]};
}

} // namespace

std::string to_string(const slow_request& slow) {
  auto text = "'" + slow.part + "' " + slow.what;
  if (!slow.cause.empty())
    text += " for " + slow.cause;
  text += " took " + duration_text(slow.total);
  std::string_view between = ": ";
  for (std::size_t i = 0; i < stage_count; ++i) {
    if (slow.stages.by_stage[i].count() == 0)
      continue;
    text += between;
    text += to_string(static_cast<stage>(i));
    text += " " + duration_text(slow.stages.by_stage[i]);
    between = ", ";
  }
  return text;
}

// -- the report -----------------------------------------------------------------------------------

namespace detail {
namespace {

// Databases in memory have one name, as may pools: numbers tell them apart.
void make_names_unique(std::vector<service_report>& services) {
  std::map<std::pair<std::string, std::string>, std::size_t> seen;
  for (auto& each : services)
    if (const auto count = ++seen[{each.kind, each.name}]; count > 1)
      each.name += "#" + std::to_string(count);
}

} // namespace

runtime_report runtime_core::report() const {
  runtime_report out;
  out.version = version();
  out.at = wall.now();
  out.uptime = monotonic.now() - opened_;
  out.accepting = accepting();
  out.workers = worker_count();
  out.continuations_waiting = continuations_.waiting();
  out.actors = metrics();
  std::vector<std::shared_ptr<service>> services;
  {
    const std::lock_guard guard{mutex_};
    services = services_;
  }
  for (const auto& each : services)
    if (auto said = each->describe(); !said.kind.empty())
      out.services.push_back(std::move(said));
  make_names_unique(out.services);
  if (slow_ != nullptr) {
    out.slow_threshold = slow_->threshold;
    out.slow_total = slow_->count();
    out.slow = slow_->newest();
  }
  return out;
}

} // namespace detail
} // namespace cortex
