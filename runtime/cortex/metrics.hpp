/// Counters and latency histograms, read without slowing what they count.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cortex {

/// A copy of a histogram of durations.
struct latency_summary {
  /// Bounds of the coarse buckets: each twice the one before.
  static constexpr std::size_t bounds = 24;
  /// The longest duration in the coarse bucket `i`: 1.023 us, 2.047 us, … 8.6 s. The fine buckets
  /// have borders there, so that no duration is counted on the wrong side.
  static constexpr std::chrono::nanoseconds bound(std::size_t i) noexcept {
    return std::chrono::nanoseconds{(std::int64_t{1} << (i + 10)) - 1};
  }

  std::uint64_t count = 0;
  std::chrono::nanoseconds sum{0};
  std::chrono::nanoseconds mean{0};
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds max{0};
  /// How many there are in each coarse bucket and in no smaller one; in the last, the longer ones.
  std::array<std::uint64_t, bounds + 1> buckets{};
};

/// Durations in buckets that grow by about an eighth: 1 ns to 73 minutes, longer ones in the last.
/// A part of the buckets takes memory from the first duration in it on; one that finds no memory is
/// not counted. Owned by one writer at a time; `summary` is *Thread-safe* and may lag by a few
/// records.
class latency_histogram {
public:
  latency_histogram() = default;
  latency_histogram(const latency_histogram&) = delete;
  latency_histogram& operator=(const latency_histogram&) = delete;
  ~latency_histogram();

  void record(std::chrono::nanoseconds duration) noexcept;
  [[nodiscard]] latency_summary summary() const noexcept;

private:
  static constexpr std::size_t steps = 8;             // buckets for each power of two
  static constexpr std::size_t part_size = 2 * steps; // one part: two powers, 128 bytes
  static constexpr std::size_t part_count = 20;
  static constexpr std::size_t bucket_count = part_count * part_size; // up to 2^42 ns
  using part = std::array<std::atomic<std::uint64_t>, part_size>;

  static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept;
  static std::uint64_t upper_bound(std::size_t bucket) noexcept;

  std::array<std::atomic<part*>, part_count> parts_{}; // each owned; null = all zero
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

/// Adds to a counter that has one writer at a time: cheaper than an atomic addition.
inline void add_relaxed(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// What an actor is doing.
enum class actor_state : std::uint8_t {
  running,     ///< Answers requests.
  backing_off, ///< Waits before it is made anew; requests wait.
  failed,      ///< Restarted too often; every request is `unavailable`.
  stopped,     ///< Ended.
};

/// The name of a state, as in the enumeration: `"backing_off"`.
[[nodiscard]] std::string_view to_string(actor_state state) noexcept;

/// An actor at one instant.
struct actor_metrics {
  std::string name;
  actor_state state = actor_state::running;
  std::string why;         ///< The last failure, if there was one.
  std::uint64_t depth = 0; ///< Requests in the mailbox.
  std::uint64_t bound = 0; ///< `actor_options::mailbox_bound`.
  /// Age of the oldest request that waits or is in the handler; zero if there is none.
  std::chrono::nanoseconds oldest{0};
  std::uint64_t handled = 0;    ///< Requests begun, failed ones included.
  std::uint64_t failed = 0;     ///< Handlers that threw.
  std::uint64_t expired = 0;    ///< Requests whose time was up before they began.
  std::uint64_t overloaded = 0; ///< Requests refused at the bound.
  std::uint64_t restarts = 0;
  std::uint64_t lent = 0;  ///< Times that a caller's thread ran the actor.
  latency_summary latency; ///< From the call to the end of the handler.
};

} // namespace cortex
