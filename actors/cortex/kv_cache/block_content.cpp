// What is in the blocks of a sequence: reading, writing with copies of shared ones, sealing.
#include "cortex/kv_cache/block_pool.hpp"

#include <algorithm>
#include <cstring>

namespace cortex::kv_cache {

/// Gives the place a block that no other sequence has, with the same content.
/// @pre there is a free block if the one that is there is shared
void block_pool::own(std::uint32_t link_at, bool pinned) {
  auto& link = in_.link(link_at);
  const auto before = link.block;
  const auto& shared = in_.block(before);
  if (shared.references < 2) {
    blocks_.unseal(before);
    return;
  }
  const auto copy = blocks_.take();
  const auto from = in_.bytes_of(before);
  std::memcpy(in_.bytes_of(copy).data(), from.data(), from.size());
  blocks_.fill(copy, shared.filled);
  if (pinned) {
    blocks_.pin(copy);
    blocks_.unpin(before);
  }
  publish(link.block, copy);
  blocks_.dereference(before);
  ++in_.live().counters.copies;
}

/// Makes the blocks of a range the sequence's own. Returns the place of the first.
expected<std::uint64_t> block_pool::own_range(std::uint32_t at, std::uint64_t offset,
                                              std::uint64_t bytes, double now) {
  const auto block_bytes = in_.shape().block_bytes;
  const auto& record = in_.sequence(at);
  const auto size = record.size_bytes;
  if (offset > size || bytes > size - offset)
    return fail(errc::invalid_argument, "beyond the end of the sequence");
  const auto first = offset / block_bytes;
  if (bytes == 0)
    return first;
  const auto last = (offset + bytes - 1) / block_bytes;
  const auto links = links_of(record);
  if (last >= links.size())
    throw damaged{"a sequence has more bytes than blocks"};
  const auto shared = [&] {
    std::uint64_t count = 0;
    for (auto i = first; i <= last; ++i)
      count += in_.block(in_.link(links[i]).block).references > 1 ? 1 : 0;
    return count;
  };
  if (const need of{shared(), 0, 0}; !enough(of)) {
    std::vector<std::int64_t> evicted;
    const hold itself{*this, at};
    if (auto room = make_room(of, now, evicted); !room)
      return unexpected{std::move(room).error()};
  }
  for (auto i = first; i <= last; ++i)
    own(links[i], record.pins > 0);
  return first;
}

expected<void> block_pool::write(std::int64_t id, std::uint64_t offset,
                                 std::span<const std::byte> bytes, double now) {
  auto at = live_record(id);
  if (!at)
    return unexpected{std::move(at).error()};
  auto first = own_range(*at, offset, bytes.size(), now);
  if (!first)
    return unexpected{std::move(first).error()};
  touch(*at, now);
  if (bytes.empty())
    return {};
  const auto block_bytes = in_.shape().block_bytes;
  const auto links = links_of(in_.sequence(*at));
  auto inside = offset % block_bytes;
  for (auto i = *first; !bytes.empty(); ++i) {
    const auto to = in_.bytes_of(in_.link(links[i]).block).subspan(inside);
    const auto part = std::min<std::uint64_t>(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), part);
    bytes = bytes.subspan(part);
    inside = 0;
  }
  return {};
}

expected<void> block_pool::read(std::int64_t id, std::uint64_t offset,
                                std::span<std::byte> bytes) const {
  auto at = live_record(id);
  if (!at)
    return unexpected{std::move(at).error()};
  const auto& record = in_.sequence(*at);
  const auto size = record.size_bytes;
  if (offset > size || bytes.size() > size - offset)
    return fail(errc::invalid_argument, "beyond the end of the sequence");
  const auto block_bytes = in_.shape().block_bytes;
  const auto links = links_of(record);
  auto inside = offset % block_bytes;
  for (auto i = offset / block_bytes; !bytes.empty(); ++i) {
    if (i >= links.size())
      throw damaged{"a sequence has more bytes than blocks"};
    const auto from = in_.bytes_of(in_.link(links[i]).block).subspan(inside);
    const auto part = std::min<std::uint64_t>(from.size(), bytes.size());
    std::memcpy(bytes.data(), from.data(), part);
    bytes = bytes.subspan(part);
    inside = 0;
  }
  return {};
}

expected<std::uint32_t> block_pool::own_block(std::int64_t id, std::uint32_t position, double now) {
  auto at = live_record(id);
  if (!at)
    return unexpected{std::move(at).error()};
  if (position >= in_.sequence(*at).blocks)
    return fail(errc::invalid_argument, "beyond the end of the sequence");
  auto first = own_range(*at, position * in_.shape().block_bytes, 1, now);
  if (!first)
    return unexpected{std::move(first).error()};
  touch(*at, now);
  return in_.link(links_of(in_.sequence(*at))[position]).block;
}

expected<std::vector<std::uint32_t>> block_pool::blocks_of(std::int64_t id) const {
  auto at = live_record(id);
  if (!at)
    return unexpected{std::move(at).error()};
  auto out = links_of(in_.sequence(*at));
  for (auto& each : out) {
    each = in_.link(each).block;
    if (each >= in_.shape().blocks) // they are used as offsets elsewhere
      throw damaged{"a sequence has a block that is not there"};
  }
  return out;
}

expected<void> block_pool::seal(std::int64_t id, std::uint32_t first,
                                std::span<const block_hash> hashes) {
  auto at = live_record(id);
  if (!at)
    return unexpected{std::move(at).error()};
  const auto& record = in_.sequence(*at);
  const auto full = record.size_bytes / in_.shape().block_bytes;
  if (first > full || hashes.size() > full - first)
    return fail(errc::invalid_argument, "only full blocks of the sequence can be sealed");
  const auto links = links_of(record);
  if (full > links.size())
    throw damaged{"a sequence has more bytes than blocks"};
  for (std::size_t i = 0; i < hashes.size(); ++i)
    blocks_.seal(in_.link(links[first + i]).block, hashes[i]);
  return {};
}

} // namespace cortex::kv_cache
