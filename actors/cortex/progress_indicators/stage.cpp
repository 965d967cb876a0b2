#include "cortex/progress_indicators/stage.hpp"

#include <sys/ioctl.h>

#include <algorithm>

namespace cortex::progress_indicators::detail {
namespace {

monotonic_time system_deadline(std::chrono::nanoseconds within) noexcept {
  return deadline_after(std::chrono::steady_clock::now(), within);
}

} // namespace

stage::stage(const runtime& host, options wanted, look chosen)
  : rt(host.unowned()),
    how(std::move(wanted)),
    looks(chosen),
    opened(host.monotonic().now()),
    out(how.out, host.options().deterministic) {
  if (how.events)
    events.emplace(*how.events, host.options().deterministic);
}

bool stage::stop(monotonic_time until) noexcept {
  // A slow output gets its own patience, not all that the runtime has.
  const auto last = std::min(until, system_deadline(how.patience));
  const bool written = out.close(last);
  const bool told = !events || events->close(last);
  return written && told;
}

service_report stage::describe() const {
  service_report out_report;
  out_report.kind = "progress";
  out_report.name = how.out.write ? "function" : "fd " + std::to_string(how.out.fd);
  out_report.label = "output";
  auto& all = out_report.measures;
  all.gauge("cortex_progress_displays", "Displays that live.", live.load());
  all.counter("cortex_progress_displays_total", "Displays made.", last_id.load());
  all.counter("cortex_progress_redraws_total", "Times that the region was drawn.", redraws.load());
  all.counter("cortex_progress_written_bytes_total", "Bytes written.", out.written_bytes());
  all.gauge("cortex_progress_pending_bytes", "Bytes that wait for the output.",
            std::uint64_t{out.pending_bytes()});
  all.counter("cortex_progress_dropped_lines_total", "Lines that a slow output made drop.",
              dropped.load());
  all.gauge("cortex_progress_pending_event_bytes", "Bytes that wait for the reader of events.",
            std::uint64_t{events ? events->pending_bytes() : 0});
  all.counter("cortex_progress_dropped_events_total", "Events that a slow reader made drop.",
              dropped_events.load());
  return out_report;
}

expected<void> stage::drain(std::chrono::nanoseconds within) {
  const auto until = system_deadline(within);
  const bool drained = out.drain(until);
  const bool written = (!events || events->drain(until)) && drained;
  if (out.broken() || (events && events->broken()))
    return fail(errc::io, "the output of progress_indicators cannot be written");
  if (!written)
    return fail(errc::timeout, "the output of progress_indicators is slow");
  return {};
}

terminal_size stage::size() const {
  if (how.size) {
    try {
      return how.size();
    } catch (...) { // nobody to tell ten times a second
      return {};
    }
  }
  winsize told{};
  if (how.out.write || ::ioctl(how.out.fd, TIOCGWINSZ, &told) != 0 || told.ws_col == 0)
    return {};
  return {told.ws_col, told.ws_row == 0 ? std::size_t{24} : told.ws_row};
}

indicator_parts::~indicator_parts() {
  if (!cortex::detail::blocking_refused("the end of an indicator")) {
    static_cast<void>(actor.call(shut{}));
    static_cast<void>(stage->drain(stage->how.patience));
    static_cast<void>(stage->stop(system_deadline(std::chrono::nanoseconds{0})));
  }
  stage->rt.detach(*stage);
}

} // namespace cortex::progress_indicators::detail
