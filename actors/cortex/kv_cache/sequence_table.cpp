#include "cortex/kv_cache/sequence_table.hpp"

namespace cortex::kv_cache {

std::uint32_t sequence_table::find(std::int64_t id) const {
  auto at = in_.bucket_of(id);
  for (std::uint32_t steps = 0; at != none; ++steps) {
    if (steps > in_.shape().sequences)
      throw damaged{"the index of sequences has a ring"};
    const auto& record = in_.sequence(at);
    if (record.live != 0 && record.id == id)
      return at;
    at = record.next;
  }
  return none;
}

std::uint32_t sequence_table::take() {
  auto& live = in_.live();
  const auto at = live.free_sequence_head;
  auto& record = in_.sequence(at);
  if (record.live != 0)
    throw damaged{"a free sequence is live"};
  live.free_sequence_head = record.next;
  record = sequence_record{};
  return at;
}

void sequence_table::insert(std::uint32_t at) {
  publish(in_.sequence(at).live, 1);
  enter(at);
  ++in_.live().sequences;
  push(at);
}

void sequence_table::enter(std::uint32_t at) {
  auto& record = in_.sequence(at);
  auto& bucket = in_.bucket_of(record.id);
  record.next = bucket;
  bucket = at;
}

void sequence_table::erase(std::uint32_t at) {
  auto& record = in_.sequence(at);
  publish(record.live, 0);
  if (record.heap_at != none)
    remove(at);
  auto* place = &in_.bucket_of(record.id);
  for (std::uint32_t steps = 0; *place != at; ++steps) {
    if (steps > in_.shape().sequences)
      throw damaged{"the index of sequences has a ring"};
    place = &in_.sequence(*place).next;
  }
  *place = record.next;
  --in_.live().sequences;
  free(at);
}

void sequence_table::free(std::uint32_t at) {
  in_.sequence(at).next = in_.live().free_sequence_head;
  in_.live().free_sequence_head = at;
}

// -- order of eviction ----------------------------------------------------------------------------

std::uint32_t sequence_table::first_victim() const {
  return in_.live().heap_size == 0 ? none : in_.heap(0);
}

bool sequence_table::before(const sequence_record& left,
                            const sequence_record& right) const noexcept {
  switch (policy_) {
    case eviction_policy::fifo:
      if (left.created_at != right.created_at)
        return left.created_at < right.created_at;
      break;
    case eviction_policy::lfu:
      if (left.access_count != right.access_count)
        return left.access_count < right.access_count;
      [[fallthrough]];
    case eviction_policy::lru:
      if (left.last_accessed != right.last_accessed)
        return left.last_accessed < right.last_accessed;
      break;
  }
  return left.id < right.id;
}

bool sequence_table::before_at(std::uint32_t left, std::uint32_t right) const {
  return before(in_.sequence(in_.heap(left)), in_.sequence(in_.heap(right)));
}

void sequence_table::place(std::uint32_t heap_at, std::uint32_t at) {
  in_.heap(heap_at) = at;
  in_.sequence(at).heap_at = heap_at;
}

void sequence_table::push(std::uint32_t at) {
  const auto last = in_.live().heap_size;
  place(last, at);
  in_.live().heap_size = last + 1;
  sift_up(last);
}

void sequence_table::remove(std::uint32_t at) {
  auto& record = in_.sequence(at);
  const auto hole = record.heap_at;
  const auto size = in_.live().heap_size;
  if (hole >= size || in_.heap(hole) != at)
    throw damaged{"the order of eviction is broken"};
  const auto moved_at = in_.heap(size - 1);
  in_.live().heap_size = size - 1;
  record.heap_at = none;
  if (moved_at == at)
    return;
  place(hole, moved_at);
  moved(moved_at);
}

void sequence_table::moved(std::uint32_t at) {
  const auto heap_at = in_.sequence(at).heap_at;
  if (heap_at == none)
    return;
  sift_up(heap_at);
  sift_down(in_.sequence(at).heap_at);
}

void sequence_table::sift_up(std::uint32_t heap_at) {
  while (heap_at > 0) {
    const auto parent = (heap_at - 1) / 2;
    if (!before_at(heap_at, parent))
      return;
    const auto lower = in_.heap(heap_at);
    place(heap_at, in_.heap(parent));
    place(parent, lower);
    heap_at = parent;
  }
}

void sequence_table::sift_down(std::uint32_t heap_at) {
  const auto size = in_.live().heap_size;
  for (;;) {
    auto first = heap_at;
    for (const auto child : {2 * std::uint64_t{heap_at} + 1, 2 * std::uint64_t{heap_at} + 2})
      if (child < size && before_at(static_cast<std::uint32_t>(child), first))
        first = static_cast<std::uint32_t>(child);
    if (first == heap_at)
      return;
    const auto upper = in_.heap(heap_at);
    place(heap_at, in_.heap(first));
    place(first, upper);
    heap_at = first;
  }
}

} // namespace cortex::kv_cache
