#include "cortex/storage/write_lanes.hpp"

#include <algorithm>
#include <chrono>

namespace cortex::storage::detail {

std::optional<error> write_lanes::enter(pending_write& what) noexcept {
  const auto which = index(what.options.lane);
  // Counted before `refusing_` is read: whoever closes either is seen here or sees us waiting.
  const auto before = waiting_[which].fetch_add(1, std::memory_order_seq_cst);
  std::optional<error> refusal;
  if (refusing_.load(std::memory_order_seq_cst)) {
    refusal = error{errc::closed, "'" + path_ + "' is closed"};
  } else if (before >= options_.lane_bound) {
    refused_[which].fetch_add(1, std::memory_order_relaxed);
    refusal = error{errc::overloaded,
                    "'" + path_ + "' has as many writes waiting in the lane as its bound allows"};
    refusal->retry_after
      = std::chrono::milliseconds{1 + before / std::max<std::size_t>(options_.max_group, 1)};
  } else {
    queues_[which].push(what);
    return std::nullopt;
  }
  waiting_[which].fetch_sub(1, std::memory_order_seq_cst);
  return refusal;
}

pending_write* write_lanes::pop(lane from) noexcept {
  auto& earlier = put_back_[index(from)];
  if (earlier.empty())
    return static_cast<pending_write*>(queues_[index(from)].pop());
  auto* first = earlier.front();
  earlier.pop_front();
  return first;
}

// A slice has a group of its own: others would wait for it, and run again if it fails. Between two
// slices there is a group of whole writes, if any wait: so those wait for one slice at most.
void write_lanes::take(members& group) noexcept {
  group.clear();
  lane_set waiting = 0;
  for (std::size_t i = 0; i < lane_count; ++i)
    if (waiting_[i].load(std::memory_order_relaxed) != 0)
      waiting = static_cast<lane_set>(waiting | only(static_cast<lane>(i)));
  turns_.open(waiting);
  std::array<std::uint64_t, lane_count> taken{};
  pending_write* slice = nullptr;
  while (waiting != 0 && group.size() < options_.max_group) {
    const auto turn = turns_.next(waiting);
    auto* next = pop(turn.of);
    if (next == nullptr) {
      turns_.take_back(turn);
      waiting = without(waiting, turn.of);
      continue;
    }
    next->turn = turn;
    if (next->sliced == nullptr) {
      group.push_back(next);
      ++taken[index(turn.of)];
    } else if (slice == nullptr) {
      slice = next;
      if (group.empty() && !after_slice_)
        break;
      waiting = without(waiting, turn.of);
    } else {
      turns_.take_back(turn);
      put_back_[index(turn.of)].push_front(next);
      waiting = without(waiting, turn.of);
    }
  }
  if (slice != nullptr && !group.empty()) {
    turns_.take_back(slice->turn);
    put_back_[index(slice->options.lane)].push_front(slice);
    slice = nullptr;
  }
  if (slice != nullptr) {
    group.push_back(slice);
    ++taken[index(slice->options.lane)];
  }
  after_slice_ = slice != nullptr || (after_slice_ && group.empty());
  for (std::size_t i = 0; i < lane_count; ++i)
    if (taken[i] != 0)
      waiting_[i].fetch_sub(taken[i], std::memory_order_relaxed);
}

void write_lanes::put_back(pending_write& what) noexcept {
  const auto which = index(what.options.lane);
  turns_.take_back(what.turn);
  waiting_[which].fetch_add(1, std::memory_order_relaxed);
  put_back_[which].push_front(&what);
}

void write_lanes::enter_again(pending_write& what) noexcept {
  const auto which = index(what.options.lane);
  waiting_[which].fetch_add(1, std::memory_order_seq_cst);
  queues_[which].push(what);
}

} // namespace cortex::storage::detail
