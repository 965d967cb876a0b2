// Books made anew from the records that are live.
#include "cortex/kv_cache/block_pool.hpp"

#include <algorithm>

namespace cortex::kv_cache {

// -- making anew ----------------------------------------------------------------------------------

void block_pool::format() {
  rebuild();
}

// What counts is: live sequences with their links up to their number of blocks, sealed blocks with
// their hashes, live pins, leases. All else follows from it. May be cut off and begun again.
void block_pool::rebuild() {
  auto& live = in_.live();
  if (live.undo.valid != 0) {
    if (const auto at = live.undo.at; at < in_.shape().sequences)
      in_.sequence(at) = live.undo.before;
    publish(live.undo.valid, 0);
  }
  forget_lists();
  const auto& shape = in_.shape();
  std::vector<bool> linked(shape.links);
  for (std::uint32_t at = shape.sequences; at-- > 0;) {
    auto& record = in_.sequence(at);
    if (record.live != 0 && !rebuild_sequence(at, linked)) {
      publish(record.live, 0);
      ++live.counters.lost_sequences;
    }
    if (record.live == 0)
      sequences_.free(at);
  }
  for (std::uint32_t at = shape.links; at-- > 0;)
    if (!linked[at])
      free_link(at);
  rebuild_blocks();
  rebuild_pins();
}

void block_pool::forget_lists() {
  auto& live = in_.live();
  const auto& shape = in_.shape();
  live.free_block_head = live.free_block_tail = none;
  live.free_blocks = live.cached_blocks = live.shared_blocks = live.pinned_blocks = 0;
  live.free_link_head = none;
  live.free_links = live.pinned_links = 0;
  live.free_sequence_head = none;
  live.sequences = live.pinned_sequences = live.heap_size = 0;
  live.free_pin_head = none;
  live.filled_bytes = 0;
  for (std::uint32_t at = 0; at < shape.blocks; ++at) {
    auto& block = in_.block(at);
    block.references = block.pins = block.filled = 0;
    block.previous = block.next = block.bucket_next = none;
  }
  in_.clear_buckets();
  for (std::uint32_t at = 0; at < shape.sequences; ++at) {
    auto& record = in_.sequence(at);
    record.next = record.heap_at = none;
    record.pins = 0;
  }
}

// False if the sequence cannot be what it says: then nothing of it has been counted.
bool block_pool::rebuild_sequence(std::uint32_t at, std::vector<bool>& linked) {
  auto& record = in_.sequence(at);
  const auto& shape = in_.shape();
  const auto count = record.blocks;
  if (count == 0 || count > shape.blocks || sequences_.find(record.id) != none
      || record.size_bytes > count * shape.block_bytes
      || record.size_bytes <= (count - 1) * shape.block_bytes)
    return false;
  std::vector<std::uint32_t> links;
  auto next = record.head;
  while (links.size() < count) {
    if (next >= shape.links || linked[next] || in_.link(next).block >= shape.blocks)
      break;
    linked[next] = true;
    links.push_back(next);
    next = in_.link(next).next;
  }
  if (links.size() < count) {
    for (const auto link : links)
      linked[link] = false;
    return false;
  }
  record.tail = links.back();
  in_.link(record.tail).next = none;
  auto left = record.size_bytes;
  for (const auto link : links) {
    const auto block = in_.link(link).block;
    if (++in_.block(block).references == 2)
      ++in_.live().shared_blocks;
    blocks_.fill(block, left);
    left -= std::min(left, shape.block_bytes);
  }
  sequences_.enter(at);
  ++in_.live().sequences;
  sequences_.push(at);
  return true;
}

void block_pool::rebuild_blocks() {
  for (std::uint32_t at = in_.shape().blocks; at-- > 0;) {
    auto& block = in_.block(at);
    if (block.sealed != 0) {
      if (blocks_.find(block.hash) == none)
        blocks_.enter(at);
      else
        publish(block.sealed, 0);
    }
    if (block.references == 0)
      blocks_.free(at);
  }
}

void block_pool::rebuild_pins() {
  auto& live = in_.live();
  for (std::uint32_t at = in_.shape().pins; at-- > 0;) {
    auto& record = in_.pin(at);
    const auto sequence = record.sequence;
    if (record.live != 0
        && (sequence >= in_.shape().sequences || in_.sequence(sequence).live == 0
            || record.lease >= max_leases || in_.lease(record.lease).owner.pid == 0))
      publish(record.live, 0);
    if (record.live != 0) {
      count_pin(sequence);
      continue;
    }
    record.next = live.free_pin_head;
    live.free_pin_head = at;
  }
}

} // namespace cortex::kv_cache
