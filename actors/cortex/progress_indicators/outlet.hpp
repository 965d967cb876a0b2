/// Where bytes leave: a queue, and a thread that writes while there is something to write.
#pragma once

#include "cortex/doorbell.hpp"
#include "cortex/progress_indicators.hpp"
#include "cortex/runtime.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace cortex::progress_indicators {

/// Writes what it is given, in its order, each piece as a whole, on a thread of its own that starts
/// with the first piece and ends when nothing is kept open and nothing waits. With `on_caller`
/// there is no thread: the caller of `put` writes.
///
/// A descriptor is waited for without being made non-blocking, which others would see, and is
/// given at most 4,096 bytes at a time: what a pipe takes at once when it is ready. So a thread
/// that waits for a full pipe can be told to give up. One that hangs in a write all the same (a
/// terminal stopped in the midst of it) is left behind with what it needs, and ends when that
/// returns.
///
/// `put` and `keep_open` by one thread at a time; the rest is *thread-safe*.
class outlet {
public:
  outlet(output to, bool on_caller);
  outlet(const outlet&) = delete;
  outlet& operator=(const outlet&) = delete;
  ~outlet();

  void put(std::string bytes);
  /// While this is so, the thread waits for more instead of ending.
  void keep_open(bool open);

  [[nodiscard]] std::size_t pending_bytes() const noexcept;
  [[nodiscard]] std::uint64_t written_bytes() const noexcept;
  /// True once it could not be written any more: all else is dropped.
  [[nodiscard]] bool broken() const noexcept;
  [[nodiscard]] std::uint32_t threads() const noexcept;

  /// Waits until all that was put is written. False at `until` (the system's monotonic clock).
  bool drain(monotonic_time until) noexcept;
  /// Drains, then drops what is left and ends the thread. False if something was dropped or the
  /// thread hangs. What is put later is dropped.
  bool close(monotonic_time until) noexcept;

  struct shared; ///< With the thread.

private:
  void start_thread();

  std::shared_ptr<shared> shared_;
};

} // namespace cortex::progress_indicators
