#include "cortex/kv_cache/block_list.hpp"

#include <algorithm>

namespace cortex::kv_cache {

std::uint32_t block_list::take() {
  const auto at = in_.live().free_block_head;
  auto& taken = in_.block(at);
  if (taken.references != 0)
    throw damaged{"a free block is in use"};
  unseal(at);
  unlink(at);
  taken.filled = 0;
  taken.pins = 0;
  taken.references = 1;
  return at;
}

void block_list::reference(std::uint32_t at) {
  auto& block = in_.block(at);
  if (block.references == 0) {
    unlink(at);
    block.filled = static_cast<std::uint32_t>(in_.shape().block_bytes); // sealed ones are full
    block.pins = 0;
    in_.live().filled_bytes += block.filled;
  }
  if (++block.references == 2)
    ++in_.live().shared_blocks;
}

void block_list::dereference(std::uint32_t at) {
  auto& block = in_.block(at);
  if (block.references == 0)
    throw damaged{"a block of a sequence is free"};
  if (block.references-- == 2)
    --in_.live().shared_blocks;
  if (block.references > 0)
    return;
  in_.live().filled_bytes -= block.filled;
  block.filled = 0;
  free(at);
}

void block_list::pin(std::uint32_t at) {
  if (in_.block(at).pins++ == 0)
    ++in_.live().pinned_blocks;
}

void block_list::unpin(std::uint32_t at) {
  auto& block = in_.block(at);
  if (block.pins == 0)
    throw damaged{"a block of a pinned sequence is not pinned"};
  if (--block.pins == 0)
    --in_.live().pinned_blocks;
}

void block_list::fill(std::uint32_t at, std::uint64_t bytes) {
  auto& block = in_.block(at);
  const auto more
    = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, in_.shape().block_bytes));
  if (more <= block.filled)
    return;
  in_.live().filled_bytes += more - block.filled;
  block.filled = more;
}

std::uint32_t block_list::find(const block_hash& hash) const {
  auto at = in_.bucket_of(hash);
  for (std::uint32_t steps = 0; at != none; ++steps) {
    if (steps > in_.shape().blocks)
      throw damaged{"the index of blocks has a ring"};
    const auto& block = in_.block(at);
    if (block.sealed != 0 && block.hash == hash)
      return at;
    at = block.bucket_next;
  }
  return none;
}

void block_list::seal(std::uint32_t at, const block_hash& hash) {
  auto& block = in_.block(at);
  if (block.sealed != 0 && block.hash == hash)
    return;
  if (find(hash) != none)
    return;
  unseal(at);
  block.hash = hash;
  publish(block.sealed, 1);
  enter(at);
}

void block_list::unseal(std::uint32_t at) {
  auto& block = in_.block(at);
  if (block.sealed == 0)
    return;
  publish(block.sealed, 0);
  if (block.references == 0)
    --in_.live().cached_blocks;
  auto* place = &in_.bucket_of(block.hash);
  for (std::uint32_t steps = 0; *place != at; ++steps) {
    if (steps > in_.shape().blocks)
      throw damaged{"the index of blocks has a ring"};
    place = &in_.block(*place).bucket_next;
  }
  *place = block.bucket_next;
  block.bucket_next = none;
}

void block_list::enter(std::uint32_t at) {
  auto& block = in_.block(at);
  auto& bucket = in_.bucket_of(block.hash);
  block.bucket_next = bucket;
  bucket = at;
}

void block_list::free(std::uint32_t at) {
  auto& block = in_.block(at);
  auto& live = in_.live();
  const bool last = block.sealed != 0;
  block.previous = last ? live.free_block_tail : none;
  block.next = last ? none : live.free_block_head;
  auto& from_before = block.previous == none ? live.free_block_head
                                             : in_.block(block.previous).next;
  auto& from_behind = block.next == none ? live.free_block_tail : in_.block(block.next).previous;
  from_before = at;
  from_behind = at;
  ++live.free_blocks;
  if (last)
    ++live.cached_blocks;
}

void block_list::unlink(std::uint32_t at) {
  auto& block = in_.block(at);
  auto& live = in_.live();
  auto& from_before = block.previous == none ? live.free_block_head
                                             : in_.block(block.previous).next;
  auto& from_behind = block.next == none ? live.free_block_tail : in_.block(block.next).previous;
  if (from_before != at || from_behind != at)
    throw damaged{"the list of free blocks is broken"};
  from_before = block.next;
  from_behind = block.previous;
  block.previous = none;
  block.next = none;
  --live.free_blocks;
  if (block.sealed != 0)
    --live.cached_blocks;
}

} // namespace cortex::kv_cache
