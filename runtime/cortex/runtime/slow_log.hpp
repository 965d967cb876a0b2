/// Keeps the newest slow requests of a runtime.
#pragma once

#include "cortex/options.hpp"
#include "cortex/request_trace.hpp"
#include "cortex/runtime/gate.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace cortex::detail {

/// A ring of pointers: whoever has a slow request puts it in the next place and destroys what was
/// there. Who reads takes an entry out for as long as it copies it. *Thread-safe*.
class slow_log final : public slow_request_sink {
public:
  /// The clocks must outlive `close`.
  slow_log(const runtime_options& options, const monotonic_clock& clock, const wall_clock& wall);
  ~slow_log() override;

  [[nodiscard]] monotonic_time now() noexcept override;
  void keep(slow_request&& slow) noexcept override;

  /// How many there were.
  [[nodiscard]] std::uint64_t count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }
  /// Those that are kept, oldest first.
  [[nodiscard]] std::vector<slow_request> newest() const;
  /// Later calls of `now` and `keep` do nothing. Waits for those under way until `until` on the
  /// system's monotonic clock.
  void close(monotonic_time until) noexcept;

private:
  void log(const slow_request& slow) noexcept;

  const log_sink log_;
  const monotonic_clock& clock_;
  const wall_clock& wall_;
  gate door_; // to the clocks and the log
  std::atomic<bool> left_{false};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<monotonic_time> quiet_until_{};
  std::atomic<std::uint64_t> unlogged_{0};
  mutable std::vector<std::atomic<slow_request*>> ring_; // each place owns
  mutable std::mutex reading_;                           // one reader at a time sees all of them
};

} // namespace cortex::detail
