/// The queues in front of a writer.
#pragma once

#include "cortex/database.hpp"
#include "cortex/storage/lane_turns.hpp"
#include "cortex/storage/mpsc_queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace cortex::storage::detail {

/// Writes that wait, in four queues without locks, and the rule by which they are taken out.
/// *Thread-safe*, but for the members of the writer's owner.
class write_lanes {
public:
  using members = std::vector<pending_write*>;

  /// `options` and `path` must outlive it.
  write_lanes(const database_options& options, const std::string& path)
    : options_(options), path_(path) {}
  write_lanes(const write_lanes&) = delete;
  write_lanes& operator=(const write_lanes&) = delete;
  ~write_lanes() = default;

  /// Queues the write, or says why not. Errors: `overloaded`, `closed`.
  [[nodiscard]] std::optional<error> enter(pending_write& what) noexcept;
  /// Later writes are `closed`.
  void refuse() noexcept { refusing_.store(true, std::memory_order_seq_cst); }
  [[nodiscard]] bool refusing() const noexcept { return refusing_.load(std::memory_order_acquire); }

  // The counters share a cache line: four loads of it cost less than a fifth counter that each
  // write would have to change.
  [[nodiscard]] bool any() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& each : waiting_)
      sum += each.load(std::memory_order_seq_cst);
    return sum != 0;
  }
  [[nodiscard]] std::uint64_t waiting() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& each : waiting_)
      sum += each.load(std::memory_order_relaxed);
    return sum;
  }
  [[nodiscard]] bool any_before(lane of) const noexcept {
    for (std::size_t i = 0; i < index(of); ++i)
      if (waiting_[i].load(std::memory_order_relaxed) != 0)
        return true;
    return false;
  }
  [[nodiscard]] std::uint64_t waiting(lane in) const noexcept {
    return waiting_[index(in)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t refused(lane in) const noexcept {
    return refused_[index(in)].load(std::memory_order_relaxed);
  }

  /// Owner: takes out what makes the next group: whole writes, or one that is done in slices. Empty
  /// if nothing waits, or what does has not quite entered yet.
  void take(members& group) noexcept;
  /// Owner: puts a write that `take` gave back in front of its lane; it keeps its turn.
  void put_back(pending_write& what) noexcept;
  /// Owner: puts a write that goes on behind those that wait in its lane.
  void enter_again(pending_write& what) noexcept;

private:
  [[nodiscard]] static constexpr std::size_t index(lane of) noexcept {
    return static_cast<std::size_t>(of);
  }
  [[nodiscard]] pending_write* pop(lane from) noexcept;

  const database_options& options_;
  const std::string& path_;
  std::array<mpsc_queue, lane_count> queues_;
  alignas(64) std::array<std::atomic<std::uint64_t>, lane_count> waiting_{};
  std::array<std::atomic<std::uint64_t>, lane_count> refused_{};
  alignas(64) std::atomic<bool> refusing_{false};

  // The owner's.
  lane_turns turns_;
  std::array<std::deque<pending_write*>, lane_count> put_back_; // before those in the queue
  bool after_slice_ = false;                                    // what the last group was
};

} // namespace cortex::storage::detail
