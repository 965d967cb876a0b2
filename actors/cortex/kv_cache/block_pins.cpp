// Pins and the processes they belong to; what a pool says of itself.
#include "cortex/kv_cache/block_pool.hpp"

#include <array>

namespace cortex::kv_cache {

// -- counting -------------------------------------------------------------------------------------

void block_pool::count_pin(std::uint32_t at) {
  auto& record = in_.sequence(at);
  if (record.pins++ > 0)
    return;
  auto& live = in_.live();
  ++live.pinned_sequences;
  live.pinned_links += record.blocks;
  for (const auto link : links_of(record))
    blocks_.pin(in_.link(link).block);
  sequences_.remove(at);
}

void block_pool::uncount_pin(std::uint32_t at) {
  auto& record = in_.sequence(at);
  if (record.pins == 0)
    throw damaged{"a pinned sequence is not pinned"};
  if (--record.pins > 0)
    return;
  auto& live = in_.live();
  --live.pinned_sequences;
  live.pinned_links -= record.blocks;
  for (const auto link : links_of(record))
    blocks_.unpin(in_.link(link).block);
  sequences_.push(at);
}

// -- pins -----------------------------------------------------------------------------------------

expected<pin_name> block_pool::pin(std::int64_t id, std::uint32_t lease, double until, double now) {
  auto found = live_record(id);
  if (!found)
    return unexpected{std::move(found).error()};
  auto& live = in_.live();
  if (live.free_pin_head == none)
    reclaim(now);
  const auto at = live.free_pin_head;
  if (at == none)
    return fail(errc::overloaded, "all pins of the pool are in use");
  auto& record = in_.pin(at);
  live.free_pin_head = record.next;
  record.next = none;
  record.sequence = *found;
  record.lease = lease;
  record.serial = ++live.pin_serial;
  record.until = until;
  publish(record.live, 1);
  count_pin(*found);
  return pin_name{at, record.serial};
}

void block_pool::unpin(const pin_name& which) {
  const auto& record = in_.pin(which.at);
  if (record.live != 0 && record.serial == which.serial)
    end_pin(which.at);
}

void block_pool::end_pin(std::uint32_t at) {
  auto& record = in_.pin(at);
  publish(record.live, 0);
  record.next = in_.live().free_pin_head;
  in_.live().free_pin_head = at;
  uncount_pin(record.sequence);
}

// -- leases ---------------------------------------------------------------------------------------

bool block_pool::lease_lives(std::uint32_t at) const {
  const auto lease = in_.lease(at); // a copy: asked about as it was
  return lease.owner.pid != 0 && lease.abandoned == 0 && is_alive_(lease.owner);
}

std::uint64_t block_pool::reclaim(double now) {
  std::array<bool, max_leases> lives{};
  for (std::uint32_t at = 0; at < max_leases; ++at)
    lives[at] = lease_lives(at);
  std::uint64_t count = 0;
  for (std::uint32_t at = 0; at < in_.shape().pins; ++at) {
    const auto& record = in_.pin(at);
    const auto lease = record.lease;
    if (record.live == 0 || (record.until > now && lease < max_leases && lives[lease]))
      continue;
    end_pin(at);
    ++count;
  }
  for (std::uint32_t at = 0; at < max_leases; ++at)
    if (!lives[at])
      in_.lease(at) = lease_record{};
  in_.live().counters.reclaimed_pins += count;
  return count;
}

expected<std::uint32_t> block_pool::take_lease(const process_identity& owner, double now) {
  const auto find = [this]() -> std::uint32_t {
    for (std::uint32_t at = 0; at < max_leases; ++at)
      if (in_.lease(at).owner.pid == 0)
        return at;
    return none;
  };
  auto at = find();
  if (at == none) {
    reclaim(now);
    at = find();
  }
  if (at == none)
    return fail(errc::overloaded, "the pool is attached 64 times");
  in_.lease(at) = lease_record{owner, 0, 0};
  return at;
}

void block_pool::drop_lease(std::uint32_t at) {
  for (std::uint32_t each = 0; each < in_.shape().pins; ++each)
    if (const auto& record = in_.pin(each); record.live != 0 && record.lease == at)
      end_pin(each);
  in_.lease(at) = lease_record{};
}

// -- what a pool says of itself -------------------------------------------------------------------

usage block_pool::usage() const {
  const auto& live = in_.live();
  const std::uint64_t used = in_.shape().blocks - std::uint64_t{live.free_blocks};
  return {in_.shape().size_bytes, used * in_.shape().block_bytes, live.sequences};
}

pool_statistics block_pool::stats() const {
  const auto& live = in_.live();
  const auto counted = live.counters;
  pool_statistics out;
  out.usage = usage();
  out.block_bytes = in_.shape().block_bytes;
  out.blocks = in_.shape().blocks;
  out.free_blocks = live.free_blocks;
  out.cached_blocks = live.cached_blocks;
  out.shared_blocks = live.shared_blocks;
  out.pinned_blocks = live.pinned_blocks;
  if (out.usage.used_bytes > 0)
    out.fragmentation_ratio
      = 1.0 - static_cast<double>(live.filled_bytes) / static_cast<double>(out.usage.used_bytes);
  out.hits = counted.hits;
  out.misses = counted.misses;
  out.prefix_hits = counted.prefix_hits;
  out.prefix_misses = counted.prefix_misses;
  out.evictions = counted.evictions;
  out.copies = counted.copies;
  out.refused = counted.refused;
  out.reclaimed_pins = counted.reclaimed_pins;
  out.recoveries = counted.recoveries;
  out.lost_sequences = counted.lost_sequences;
  for (const auto& lease : live.leases)
    out.attached_now += lease.owner.pid != 0 ? 1 : 0;
  return out;
}

} // namespace cortex::kv_cache
