/// What an indicator, its displays and its actor share.
#pragma once

#include "cortex/progress_indicators/marks.hpp"
#include "cortex/progress_indicators/outlet.hpp"
#include "cortex/progress_indicators/protocol.hpp"
#include "cortex/progress_indicators/slot.hpp"
#include "cortex/runtime.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cortex::progress_indicators::detail {

/// The output, how things look, and what is counted. The runtime stops it after the actors.
/// *Thread-safe*; but for the counters constant.
class stage final : public service {
public:
  stage(const runtime& host, options wanted, look chosen);

  [[nodiscard]] std::string name() const override { return "output of progress_indicators"; }
  bool stop(monotonic_time until) noexcept override;
  [[nodiscard]] service_report describe() const override;

  /// Waits for the output. Errors: `timeout`, `io`.
  [[nodiscard]] expected<void> drain(std::chrono::nanoseconds within);
  [[nodiscard]] terminal_size size() const;
  [[nodiscard]] monotonic_time now() const noexcept { return rt.monotonic().now(); }

  runtime rt; ///< Does not keep it running.
  options how;
  look looks;
  monotonic_time opened;
  outlet out;
  std::optional<outlet> events;

  std::atomic<std::uint64_t> last_id{0};
  std::atomic<std::uint32_t> waiting_lines{0}; ///< That the actor has not seen.
  // The actor's:
  std::vector<slot_ref> left_behind; ///< By one that crashed.
  // Written by the actor:
  std::atomic<std::uint64_t> live{0};
  std::atomic<std::uint64_t> redraws{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> dropped_events{0};
};

/// Ends the output with the last indicator or display. *Immutable after construction*.
struct indicator_parts {
  indicator_parts(cortex::handle<own_protocol> talks_to, std::shared_ptr<detail::stage> on)
    : actor(std::move(talks_to)), stage(std::move(on)) {}
  indicator_parts(const indicator_parts&) = delete;
  indicator_parts& operator=(const indicator_parts&) = delete;
  ~indicator_parts();

  cortex::handle<own_protocol> actor;
  std::shared_ptr<detail::stage> stage;
};

} // namespace cortex::progress_indicators::detail
