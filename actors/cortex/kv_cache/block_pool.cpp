#include "cortex/kv_cache/block_pool.hpp"

#include <algorithm>
#include <utility>

namespace cortex::kv_cache {
namespace {

std::uint64_t blocks_for(std::uint64_t bytes, std::uint64_t block_bytes) noexcept {
  return bytes / block_bytes + (bytes % block_bytes != 0 ? 1 : 0);
}

std::int64_t saturating_sum(std::int64_t left, std::int64_t right) noexcept {
  std::int64_t sum = 0;
  return __builtin_add_overflow(left, right, &sum) ? INT64_MAX : sum;
}

} // namespace

// -- room -----------------------------------------------------------------------------------------

bool block_pool::enough(const need& of) const {
  const auto& live = in_.live();
  return of.blocks <= live.free_blocks && of.links <= live.free_links
         && live.sequences + of.sequences <= in_.shape().sequences;
}

// What is left of everything once all that may be evicted is.
bool block_pool::possible(const need& of) const {
  const auto& live = in_.live();
  const auto& shape = in_.shape();
  return of.blocks + live.pinned_blocks <= shape.blocks
         && of.links + live.pinned_links <= shape.links
         && of.sequences + live.pinned_sequences <= shape.sequences;
}

expected<void> block_pool::make_room(const need& of, double now,
                                     std::vector<std::int64_t>& evicted) {
  if (enough(of))
    return {};
  if (!possible(of))
    reclaim(now);
  if (!possible(of)) {
    ++in_.live().counters.refused;
    return fail(errc::no_space, "the pool is full of pinned sequences");
  }
  while (!enough(of)) {
    const auto victim = sequences_.first_victim();
    if (victim == none)
      throw damaged{"nothing is left to evict"};
    evicted.push_back(in_.sequence(victim).id);
    end(victim);
    ++in_.live().counters.evictions;
  }
  return {};
}

// -- sequences ------------------------------------------------------------------------------------

expected<std::uint32_t> block_pool::live_record(std::int64_t id) const {
  const auto at = sequences_.find(id);
  if (at == none)
    return fail(errc::not_found, "no sequence " + std::to_string(id));
  return at;
}

std::vector<std::uint32_t> block_pool::match(std::span<const block_hash> prefix) {
  std::vector<std::uint32_t> found;
  found.reserve(prefix.size());
  for (const auto& hash : prefix) {
    const auto at = blocks_.find(hash);
    if (at == none)
      break;
    found.push_back(at);
  }
  return found;
}

expected<made_sequence> block_pool::allocate(const sequence_plan& plan, double now) {
  const auto block_bytes = in_.shape().block_bytes;
  if (plan.bytes == 0 || plan.tokens < 0)
    return fail(errc::invalid_argument, "bytes: more than 0; tokens: not negative");
  if (plan.prefix.size() > plan.bytes / block_bytes)
    return fail(errc::invalid_argument, "prefix: full blocks of the sequence only");
  if (blocks_for(plan.bytes, block_bytes) > in_.shape().blocks)
    return fail(errc::invalid_argument, "bytes: at most those of the pool's blocks");
  if (sequences_.find(plan.id) != none)
    return fail(errc::already_exists, "sequence " + std::to_string(plan.id) + " exists");

  const auto wanted = blocks_for(plan.bytes, block_bytes);
  auto chosen = match(plan.prefix);
  const auto shared = chosen.size();
  chosen.reserve(wanted);
  for (const auto at : chosen) { // now nobody takes them to make room
    blocks_.reference(at);
    blocks_.pin(at);
  }
  made_sequence made;
  made.shared_blocks = static_cast<std::uint32_t>(shared);
  const auto room = make_room({wanted - shared, wanted, 1}, now, made.evicted);
  for (const auto at : chosen)
    blocks_.unpin(at);
  if (!room) {
    for (const auto at : chosen)
      blocks_.dereference(at);
    return unexpected{room.error()};
  }
  while (chosen.size() < wanted)
    chosen.push_back(blocks_.take());
  made.offset = chosen.front() * block_bytes;
  insert(plan, chosen, now);
  auto& live = in_.live();
  live.counters.prefix_hits += shared;
  live.counters.prefix_misses += plan.prefix.size() - shared;
  return made;
}

// The record becomes live last: until then nothing of it counts. @pre the blocks have a reference
void block_pool::insert(const sequence_plan& plan, std::span<const std::uint32_t> blocks,
                        double now) {
  const auto block_bytes = in_.shape().block_bytes;
  auto left = plan.bytes;
  for (const auto at : blocks) {
    blocks_.fill(at, std::min(left, block_bytes));
    left -= std::min(left, block_bytes);
  }
  const auto [head, tail] = chain(blocks);
  const auto at = sequences_.take();
  auto& record = in_.sequence(at);
  record.id = plan.id;
  record.created_at = now;
  record.last_accessed = now;
  record.token_count = plan.tokens;
  record.size_bytes = plan.bytes;
  record.head = head;
  record.tail = tail;
  record.blocks = static_cast<std::uint32_t>(blocks.size());
  sequences_.insert(at);
}

expected<std::vector<std::int64_t>> block_pool::append(std::int64_t id, std::uint64_t bytes,
                                                       std::int64_t tokens, double now) {
  auto found = live_record(id);
  if (!found)
    return unexpected{std::move(found).error()};
  const auto at = *found;
  const auto& record = in_.sequence(at);
  const auto block_bytes = in_.shape().block_bytes;
  const auto limit = in_.shape().blocks * block_bytes;
  const auto size = record.size_bytes;
  if (tokens < 0 || size > limit || bytes > limit - size)
    return fail(errc::invalid_argument,
                "tokens: not negative; bytes: at most those of the pool's blocks");

  const auto total = blocks_for(size + bytes, block_bytes);
  if (total < record.blocks)
    throw damaged{"a sequence has more blocks than bytes"};
  const auto more = total - record.blocks;
  const bool into_last = bytes > 0 && size % block_bytes != 0;
  const auto copied
    = [&] { return into_last && in_.block(in_.link(record.tail).block).references > 1 ? 1U : 0U; };
  std::vector<std::int64_t> evicted;
  if (const need of{more + copied(), more, 0}; !enough(of)) {
    const hold itself{*this, at};
    if (auto room = make_room(of, now, evicted); !room)
      return unexpected{std::move(room).error()};
  }
  if (into_last)
    own(record.tail, record.pins > 0);
  grow(at, bytes, tokens, more, now);
  return evicted;
}

void block_pool::grow(std::uint32_t at, std::uint64_t bytes, std::int64_t tokens,
                      std::uint64_t more, double now) {
  auto& record = in_.sequence(at);
  const auto block_bytes = in_.shape().block_bytes;
  std::vector<std::uint32_t> added;
  added.reserve(more);
  auto& undo = in_.live().undo;
  undo.before = record;
  undo.at = at;
  publish(undo.valid, 1);

  auto left = bytes;
  if (const auto used = record.size_bytes % block_bytes; used != 0) {
    blocks_.fill(in_.link(record.tail).block, std::min(used + left, block_bytes));
    left -= std::min(left, block_bytes - used);
  }
  while (added.size() < more) {
    added.push_back(blocks_.take());
    blocks_.fill(added.back(), std::min(left, block_bytes));
    left -= std::min(left, block_bytes);
  }
  if (!added.empty()) {
    const auto [head, tail] = chain(added);
    in_.link(record.tail).next = head;
    record.tail = tail;
    record.blocks += static_cast<std::uint32_t>(added.size());
    if (record.pins > 0) {
      in_.live().pinned_links += static_cast<std::uint32_t>(added.size());
      for (const auto block : added)
        blocks_.pin(block);
    }
  }
  record.size_bytes += bytes;
  record.token_count = saturating_sum(record.token_count, tokens);
  record.last_accessed = std::max(record.last_accessed, now);
  publish(undo.valid, 0);
  sequences_.moved(at);
}

expected<void> block_pool::fork(std::int64_t from, std::int64_t to, double now) {
  auto source = live_record(from);
  if (!source)
    return unexpected{std::move(source).error()};
  if (sequences_.find(to) != none)
    return fail(errc::already_exists, "sequence " + std::to_string(to) + " exists");
  std::vector<std::int64_t> evicted;
  {
    const hold itself{*this, *source};
    if (auto room = make_room({0, in_.sequence(*source).blocks, 1}, now, evicted); !room)
      return room;
  }
  touch(*source, now);
  const auto& record = in_.sequence(*source);
  std::vector<std::uint32_t> shared;
  for (const auto link : links_of(record))
    shared.push_back(in_.link(link).block);
  for (const auto at : shared)
    blocks_.reference(at);
  insert({to, record.size_bytes, record.token_count, {}}, shared, now);
  return {};
}

expected<void> block_pool::release(std::int64_t id) {
  auto at = live_record(id);
  if (!at)
    return unexpected{std::move(at).error()};
  if (in_.sequence(*at).pins > 0)
    return fail(errc::in_use, "sequence " + std::to_string(id) + " is pinned");
  end(*at);
  return {};
}

// @pre no pin
void block_pool::end(std::uint32_t at) {
  const auto links = links_of(in_.sequence(at));
  sequences_.erase(at);
  for (const auto link : links) {
    blocks_.dereference(in_.link(link).block);
    free_link(link);
  }
}

std::optional<sequence> block_pool::lookup(std::int64_t id, double now) {
  const auto at = sequences_.find(id);
  auto& counters = in_.live().counters;
  if (at == none) {
    ++counters.misses;
    return std::nullopt;
  }
  ++counters.hits;
  auto& record = in_.sequence(at);
  record.access_count = saturating_sum(record.access_count, 1);
  touch(at, now);
  return sequence{record.id,
                  record.created_at,
                  record.last_accessed,
                  record.access_count,
                  record.token_count,
                  static_cast<std::int64_t>(record.size_bytes),
                  static_cast<std::int64_t>(in_.link(record.head).block * in_.shape().block_bytes),
                  record.blocks,
                  record.pins};
}

void block_pool::touch(std::uint32_t at, double now) {
  auto& record = in_.sequence(at);
  record.last_accessed = std::max(record.last_accessed, now); // a clock may be set back
  sequences_.moved(at);
}

std::vector<sequence> block_pool::sequences() const {
  std::vector<sequence> out;
  const auto& shape = in_.shape();
  for (std::uint32_t at = 0; at < shape.sequences; ++at) {
    const auto& record = in_.sequence(at);
    if (record.live == 0)
      continue;
    out.push_back({record.id, record.created_at, record.last_accessed, record.access_count,
                   record.token_count, static_cast<std::int64_t>(record.size_bytes),
                   static_cast<std::int64_t>(in_.link(record.head).block * shape.block_bytes),
                   record.blocks, record.pins});
  }
  std::ranges::sort(out, {}, &sequence::id);
  return out;
}

// -- links ----------------------------------------------------------------------------------------

std::vector<std::uint32_t> block_pool::links_of(const sequence_record& of) const {
  std::vector<std::uint32_t> out;
  const auto count = of.blocks;
  if (count > in_.shape().blocks)
    throw damaged{"a sequence has more blocks than there are"};
  out.reserve(count);
  auto at = of.head;
  for (std::uint32_t i = 0; i < count; ++i) {
    out.push_back(at);
    at = in_.link(at).next;
  }
  return out;
}

std::uint32_t block_pool::take_link(std::uint32_t block) {
  auto& live = in_.live();
  const auto at = live.free_link_head;
  auto& link = in_.link(at);
  live.free_link_head = link.next;
  --live.free_links;
  link.block = block;
  link.next = none;
  return at;
}

void block_pool::free_link(std::uint32_t at) {
  auto& live = in_.live();
  auto& link = in_.link(at);
  link.block = none;
  link.next = live.free_link_head;
  live.free_link_head = at;
  ++live.free_links;
}

std::pair<std::uint32_t, std::uint32_t> block_pool::chain(std::span<const std::uint32_t> blocks) {
  auto head = none;
  auto tail = none;
  for (const auto block : blocks) {
    const auto at = take_link(block);
    if (head == none)
      head = at;
    else
      in_.link(tail).next = at;
    tail = at;
  }
  return {head, tail};
}

} // namespace cortex::kv_cache
