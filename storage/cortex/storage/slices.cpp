// The part of the writer that runs work in slices.

#include "cortex/storage/writer.hpp"

namespace cortex::storage::detail {

expected<void> writer::run_slice(sliced_write& work, transaction& in) noexcept {
  const auto end = deadline_after(around_.clock.now(), work.slice);
  work.steps_now = 0;
  do {
    auto done = work.run(in);
    on_->reset_all();
    if (!done || broken())
      return done;
    ++work.steps_now;
  } while (!work.finished && !slice_is_over(work, end));
  return {};
}

bool writer::slice_is_over(const sliced_write& work, monotonic_time end) noexcept {
  return stop_.stops() || lanes_.any_before(work.options.lane)
         || claims_.load(std::memory_order_relaxed) != 0
         || on_->bound_bytes() >= around_.options.max_group_bytes || lanes_.refusing()
         || around_.clock.now() >= end;
}

void writer::end_slice(sliced_write& work, std::uint64_t commit, durability level) noexcept {
  add_relaxed(counters_.slices);
  ++work.slices;
  work.steps += work.steps_now;
  if (!work.finished) {
    lanes_.enter_again(work);
    return;
  }
  add_relaxed(counters_.writes);
  add_relaxed(counters_.acknowledged[static_cast<std::size_t>(work.options.lane)]);
  auto& slot = work.slot();
  work.succeed(commit, level);
  slot.unref();
}

} // namespace cortex::storage::detail
