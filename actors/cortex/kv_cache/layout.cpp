#include "cortex/kv_cache/layout.hpp"

#include "cortex/text/digest.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

namespace cortex::kv_cache {
namespace {

constexpr std::uint64_t line = 64; // a cache line

constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept {
  return (bytes + line - 1) / line * line;
}

expected<std::uint64_t> choose_block(std::uint64_t size_bytes, std::uint64_t wanted) {
  if (wanted == 0) {
    wanted = 4096;
    while (wanted < max_block_bytes && size_bytes / wanted > default_max_blocks)
      wanted *= 2;
  }
  if (!std::has_single_bit(wanted) || wanted < min_block_bytes || wanted > max_block_bytes)
    return fail(errc::invalid_argument, "block_bytes: a power of two from 64 to 1073741824");
  if (size_bytes / wanted > max_blocks)
    return fail(errc::invalid_argument,
                "size_bytes: at most 16777216 blocks of " + std::to_string(wanted) + " bytes");
  return std::min(wanted, size_bytes);
}

} // namespace

expected<geometry> plan_geometry(std::uint64_t size_bytes, std::uint64_t block_bytes,
                                 std::int64_t max_sequences) {
  if (size_bytes == 0)
    return fail(errc::invalid_argument, "size_bytes: more than 0");
  if (max_sequences < 1 || max_sequences > max_sequence_limit)
    return fail(errc::invalid_argument, "max_sequences: 1 to 1000000");
  auto block = choose_block(size_bytes, block_bytes);
  if (!block)
    return unexpected{std::move(block).error()};

  geometry out;
  out.size_bytes = size_bytes;
  out.block_bytes = *block;
  out.blocks = static_cast<std::uint32_t>(size_bytes / *block);
  out.sequences = static_cast<std::uint32_t>(max_sequences);
  // Without sharing one link for each block is enough; sharing costs one for each further use.
  out.links = 4 * (out.blocks + out.sequences);
  out.pins = out.sequences + 256;
  out.sequence_buckets = std::bit_ceil(out.sequences);
  out.block_buckets = std::bit_ceil(out.blocks);
  out.header_at = aligned(size_bytes);

  std::uint64_t at = aligned(sizeof(books_header));
  const auto place = [&at](std::uint64_t count, std::uint64_t bytes) {
    const auto here = at;
    at += aligned(count * bytes);
    return here;
  };
  out.blocks_at = place(out.blocks, sizeof(block_record));
  out.sequences_at = place(out.sequences, sizeof(sequence_record));
  out.links_at = place(out.links, sizeof(link_record));
  out.pins_at = place(out.pins, sizeof(pin_record));
  out.heap_at = place(out.sequences, sizeof(std::uint32_t));
  out.sequence_buckets_at = place(out.sequence_buckets, sizeof(std::uint32_t));
  out.block_buckets_at = place(out.block_buckets, sizeof(std::uint32_t));
  out.books_bytes = at;
  return out;
}

std::uint64_t checksum_of(const fixed_header& header) noexcept {
  const auto* bytes = reinterpret_cast<const char*>(&header);
  return text::blake2b64({bytes, offsetof(fixed_header, checksum)});
}

} // namespace cortex::kv_cache
