/// The way of one request, taken down for the log of slow requests.
///
/// This header is the machinery under `runtime_options::slow_request`; programs need none of it.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/report.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cortex::detail {

/// Moments of a request's way. With each a stage begins that lasts until the next one that is
/// known.
enum class moment : std::uint8_t {
  called,    ///< `stage::admission`
  queued,    ///< The stage in which it waits: `mailbox`, `lane` or `reader`
  begun,     ///< `stage::handler`
  handled,   ///< `stage::handed_on`
  collected, ///< `stage::group`: the writer has come to it
  run,       ///< `stage::execute`
  ran,       ///< `stage::group`
  commit,    ///< `stage::commit`
  committed, ///< `stage::reply`: others of the group may be told first
  reading,   ///< `stage::read`
  answered,  ///< `stage::reply`
};
inline constexpr std::size_t moment_count = 11;

/// When each moment was; the zero of the clock where it is not known.
using moments = std::array<monotonic_time, moment_count>;

/// Splits the time from `called` to `end` among the stages, without a rest. Moments out of order,
/// as clocks are not read anew for each, are moved to the one before.
[[nodiscard]] stage_times split(const moments& way, stage waits_in, monotonic_time end) noexcept;

/// Where slow requests go. *Thread-safe*; may outlive its runtime and does nothing then.
class slow_request_sink {
public:
  explicit slow_request_sink(std::chrono::nanoseconds over) noexcept : threshold(over) {}
  slow_request_sink(const slow_request_sink&) = delete;
  slow_request_sink& operator=(const slow_request_sink&) = delete;
  virtual ~slow_request_sink() = default;

  const std::chrono::nanoseconds threshold;

  /// The time on the runtime's clock; its zero once the runtime has ended.
  [[nodiscard]] virtual monotonic_time now() noexcept = 0;
  /// Keeps it. Its number and the time of day are filled in.
  virtual void keep(slow_request&& slow) noexcept = 0;
};

/// What a request carries on its way. Each moment has one writer at a time; anybody may read.
class request_trace {
public:
  /// Served by `part`, which stays alive; `what` is a literal or lives as long as `part`.
  request_trace(std::shared_ptr<slow_request_sink> sink, std::shared_ptr<const std::string> part,
                std::string_view what, stage waits_in, monotonic_time called);
  request_trace(const request_trace&) = delete;
  request_trace& operator=(const request_trace&) = delete;
  ~request_trace() = default;

  void note(moment which, monotonic_time when) noexcept {
    way_[static_cast<std::size_t>(which)].store(when, std::memory_order_relaxed);
  }
  void note_now(moment which) noexcept { note(which, sink_->now()); }

  /// The asker waits: the request is over when it has the answer, not when that is given. Before
  /// the request is shared.
  void await() noexcept { awaited_ = true; }
  /// Called by whoever answers, before the asker can see it.
  void answered() noexcept;
  /// Called by an asker that waited, with the answer or without one.
  void left() noexcept;

private:
  void over(monotonic_time end) noexcept;

  const std::shared_ptr<slow_request_sink> sink_;
  const std::shared_ptr<const std::string> part_;
  const std::string_view what_;
  // The request in whose handler this one was made.
  const std::shared_ptr<const std::string> cause_;
  const std::string_view cause_what_;
  const stage waits_in_;
  bool awaited_ = false;
  std::array<std::atomic<monotonic_time>, moment_count> way_{};
};

/// Says that a handler is at work for a request, if that one is followed.
class trace_scope {
public:
  explicit trace_scope(request_trace* trace) noexcept : trace_(trace) {
    if (trace_ != nullptr)
      enter();
  }
  trace_scope(const trace_scope&) = delete;
  trace_scope& operator=(const trace_scope&) = delete;
  ~trace_scope() {
    if (trace_ != nullptr)
      leave();
  }

private:
  void enter() noexcept;
  void leave() noexcept;

  request_trace* trace_;
  request_trace* before_ = nullptr;
};

} // namespace cortex::detail
