#include "cortex/request_trace.hpp"

#include "cortex/reply_slot.hpp"

#include <algorithm>

namespace cortex::detail {
namespace {

stage begins_with(moment which, stage waits_in) noexcept {
  switch (which) {
    case moment::called: return stage::admission;
    case moment::queued: return waits_in;
    case moment::begun: return stage::handler;
    case moment::handled: return stage::handed_on;
    case moment::collected:
    case moment::ran: return stage::group;
    case moment::run: return stage::execute;
    case moment::commit: return stage::commit;
    case moment::reading: return stage::read;
    case moment::committed:
    case moment::answered: return stage::reply;
  }
  return stage::none;
}

} // namespace

stage_times split(const moments& way, stage waits_in, monotonic_time end) noexcept {
  const auto answer = way[static_cast<std::size_t>(moment::answered)];
  stage_times out;
  auto now = way[static_cast<std::size_t>(moment::called)];
  auto in = stage::admission;
  for (std::size_t i = 0; i < moment_count; ++i) {
    const auto which = static_cast<moment>(i);
    if (way[i] == monotonic_time{})
      continue;
    // What is noted after the answer, on another thread, is no part of the way.
    const auto last = std::max(now, answer != monotonic_time{} ? std::min(answer, end) : end);
    const auto next = std::clamp(way[i], now, last);
    out[in] += next - now;
    now = next;
    in = begins_with(which, waits_in);
  }
  out[in] += std::max(end - now, monotonic_time::duration{0});
  return out;
}

request_trace::request_trace(std::shared_ptr<slow_request_sink> sink,
                             std::shared_ptr<const std::string> part, std::string_view what,
                             stage waits_in, monotonic_time called)
  : sink_(std::move(sink)),
    part_(std::move(part)),
    what_(what),
    cause_(current_thread().serving != nullptr ? current_thread().serving->part_ : nullptr),
    cause_what_(current_thread().serving != nullptr ? current_thread().serving->what_ : ""),
    waits_in_(waits_in) {
  note(moment::called, called);
}

void request_trace::answered() noexcept {
  const auto now = sink_->now();
  note(moment::answered, now);
  if (!awaited_)
    over(now);
}

void request_trace::left() noexcept {
  if (awaited_)
    over(sink_->now());
}

void request_trace::over(monotonic_time end) noexcept {
  const auto total = end - way_[static_cast<std::size_t>(moment::called)].load();
  if (total <= sink_->threshold)
    return;
  moments way{};
  for (std::size_t i = 0; i < way.size(); ++i)
    way[i] = way_[i].load(std::memory_order_relaxed);
  slow_request slow;
  slow.part = *part_;
  slow.what = what_;
  if (cause_ != nullptr)
    slow.cause = *cause_ + "/" + std::string{cause_what_};
  slow.total = total;
  slow.stages = split(way, waits_in_, end);
  sink_->keep(std::move(slow));
}

void trace_scope::enter() noexcept {
  before_ = std::exchange(current_thread().serving, trace_);
}

void trace_scope::leave() noexcept {
  current_thread().serving = before_;
}

} // namespace cortex::detail
