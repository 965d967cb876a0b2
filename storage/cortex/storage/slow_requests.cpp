// What a database notes of its requests for the log of slow ones.

#include "cortex/request_trace.hpp"
#include "cortex/storage/core.hpp"

namespace cortex::storage::detail {

using cortex::detail::moment;

void database_core::follow(cortex::detail::slot_base& slot) const {
  auto trace = std::make_unique<cortex::detail::request_trace>(
    slow_, shown_, slot.waits_in == stage::lane ? "write" : "read", slot.waits_in, slot.enqueued);
  trace->note_now(moment::queued);
  slot.follow(std::move(trace));
}

// Leases and held transactions have no slot: their holders keep the way.
void database_core::note_slow(std::string what, stage waits_in,
                              const cortex::detail::moments& way) const {
  const auto asked = way.front();
  const auto now = slow_->now();
  if (now - asked <= slow_->threshold)
    return;
  auto whole = way;
  whole[static_cast<std::size_t>(moment::queued)] = asked;
  slow_request slow;
  slow.part = path_;
  slow.what = std::move(what);
  slow.total = now - asked;
  slow.stages = cortex::detail::split(whole, waits_in, now);
  slow_->keep(std::move(slow));
}

void database_core::note_slow_read(reader& back) const {
  const auto now = slow_->now();
  cortex::detail::moments way{std::exchange(back.asked, monotonic_time{})};
  reader_info held;
  if (!back.describe(held, now))
    return;
  way[static_cast<std::size_t>(moment::reading)] = now - held.age;
  note_slow(std::move(held.owner), stage::reader, way);
}

} // namespace cortex::storage::detail
