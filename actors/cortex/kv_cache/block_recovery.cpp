// Books made anew from the records that are live, and the check that they agree.
#include "cortex/kv_cache/block_pool.hpp"

#include <algorithm>
#include <string>

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

// -- checking -------------------------------------------------------------------------------------

namespace {

/// Counts a list, or throws if it is longer than it can be.
template <class Next>
std::uint32_t length(std::uint32_t at, std::uint32_t limit, Next next) {
  std::uint32_t count = 0;
  for (; at != none; at = next(at))
    if (++count > limit)
      throw damaged{"a list has a ring"};
  return count;
}

/// What the sequences and pins say that the books must say too.
struct tally {
  std::vector<std::uint32_t> references;
  std::vector<std::uint32_t> pins;   // of blocks
  std::vector<std::uint32_t> pinned; // of sequences
  std::vector<std::uint64_t> filled;
  std::uint32_t links = 0;
  std::uint32_t live_sequences = 0;
  std::uint32_t live_pins = 0;
};

} // namespace

std::vector<std::string> block_pool::check() const {
  std::vector<std::string> wrong;
  const auto& shape = in_.shape();
  const auto& live = in_.live();
  const auto expect = [&wrong](bool good, std::string what) {
    if (!good)
      wrong.push_back(std::move(what));
  };
  try {
    tally told{std::vector<std::uint32_t>(shape.blocks), std::vector<std::uint32_t>(shape.blocks),
               std::vector<std::uint32_t>(shape.sequences),
               std::vector<std::uint64_t>(shape.blocks)};
    expect(live.undo.valid == 0, "a change is half done");
    for (std::uint32_t at = 0; at < shape.pins; ++at)
      if (const auto& pin = in_.pin(at); pin.live != 0) {
        ++told.live_pins;
        if (pin.sequence < shape.sequences)
          ++told.pinned[pin.sequence];
        expect(in_.sequence(pin.sequence).live != 0, "a pin without a sequence");
      }
    for (std::uint32_t at = 0; at < shape.sequences; ++at) {
      const auto& record = in_.sequence(at);
      if (record.live == 0)
        continue;
      const auto name = "sequence " + std::to_string(record.id);
      ++told.live_sequences;
      expect(sequences_.find(record.id) == at, name + " is not found by its id");
      expect(record.pins == told.pinned[at], name + " has a wrong number of pins");
      expect((record.pins == 0) == (record.heap_at < live.heap_size), name + ": order of eviction");
      const auto links = links_of(record);
      expect(!links.empty() && links.back() == record.tail && in_.link(record.tail).next == none,
             name + " has a wrong end");
      expect(record.size_bytes <= links.size() * shape.block_bytes
               && record.size_bytes > (links.size() - 1) * shape.block_bytes,
             name + " has a wrong size");
      told.links += static_cast<std::uint32_t>(links.size());
      auto left = record.size_bytes;
      for (const auto link : links) {
        const auto block = in_.link(link).block;
        ++told.references.at(block);
        told.pins.at(block) += record.pins > 0 ? 1 : 0;
        told.filled[block] = std::max(told.filled[block], std::min(left, shape.block_bytes));
        left -= std::min(left, shape.block_bytes);
      }
    }
    std::uint64_t filled = 0;
    std::uint32_t free = 0;
    std::uint32_t cached = 0;
    std::uint32_t shared = 0;
    std::uint32_t pinned = 0;
    for (std::uint32_t at = 0; at < shape.blocks; ++at) {
      const auto& block = in_.block(at);
      const auto name = "block " + std::to_string(at);
      expect(block.references == told.references[at], name + " has a wrong number of references");
      expect(block.references == 0 || block.pins == told.pins[at], name + ": number of pins");
      expect(block.filled >= told.filled[at], name + " is filled wrongly");
      expect(block.sealed == 0 || blocks_.find(block.hash) == at, name + " is not in the index");
      filled += block.filled;
      free += block.references == 0 ? 1 : 0;
      cached += block.references == 0 && block.sealed != 0 ? 1 : 0;
      shared += block.references > 1 ? 1 : 0;
      pinned += told.pins[at] > 0 ? 1 : 0;
    }
    expect(filled == live.filled_bytes, "filled bytes");
    expect(free == live.free_blocks, "number of free blocks");
    expect(cached == live.cached_blocks, "number of cached blocks");
    expect(shared == live.shared_blocks, "number of shared blocks");
    expect(pinned == live.pinned_blocks, "number of pinned blocks");
    const auto block_next = [&](std::uint32_t at) { return in_.block(at).next; };
    expect(length(live.free_block_head, shape.blocks, block_next) == free, "list of free blocks");
    const auto link_next = [&](std::uint32_t at) { return in_.link(at).next; };
    const auto free_links = length(live.free_link_head, shape.links, link_next);
    expect(free_links == live.free_links && free_links + told.links == shape.links, "free links");
    const auto sequence_next = [&](std::uint32_t at) { return in_.sequence(at).next; };
    expect(told.live_sequences == live.sequences
             && length(live.free_sequence_head, shape.sequences, sequence_next)
                    + told.live_sequences
                  == shape.sequences,
           "list of free sequences");
    const auto pin_next = [&](std::uint32_t at) { return in_.pin(at).next; };
    expect(length(live.free_pin_head, shape.pins, pin_next) + told.live_pins == shape.pins,
           "list of free pins");
    expect(live.heap_size + live.pinned_sequences == live.sequences, "pinned sequences");
    for (std::uint32_t at = 1; at < live.heap_size; ++at)
      expect(!sequences_.before(in_.sequence(in_.heap(at)), in_.sequence(in_.heap((at - 1) / 2))),
             "order of eviction");
  } catch (const std::exception& broken) {
    wrong.emplace_back(broken.what());
  }
  return wrong;
}

} // namespace cortex::kv_cache
