/// What a segment of a pool looks like: the data, the header in the 8,192 bytes behind it, and the
/// books in a second segment. All of it may be written by other processes.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/kv_pool.hpp"

#include <pthread.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cortex::kv_cache {

/// The end of a list.
inline constexpr std::uint32_t none = 0xFFFF'FFFF;

inline constexpr std::uint64_t tail_bytes = 8192; ///< Behind the data.
inline constexpr std::uint32_t max_leases = 64;
inline constexpr std::uint64_t max_blocks = std::uint64_t{1} << 24U;
inline constexpr std::uint64_t default_max_blocks = std::uint64_t{1} << 20U;
inline constexpr std::uint64_t min_block_bytes = 64;
inline constexpr std::uint64_t max_block_bytes = std::uint64_t{1} << 30U;
inline constexpr std::int64_t max_sequence_limit = 1'000'000;

/// How large everything is and where it lies. Worked out from four numbers, so that nothing of it
/// has to be believed. *Immutable after construction*.
struct geometry {
  std::uint64_t size_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::uint32_t blocks = 0;
  std::uint32_t sequences = 0; ///< Most of them at one time.
  std::uint32_t links = 0;     ///< Places of blocks in sequences.
  std::uint32_t pins = 0;
  std::uint32_t sequence_buckets = 0; ///< A power of two.
  std::uint32_t block_buckets = 0;    ///< A power of two.
  std::uint64_t header_at = 0;        ///< In the data segment.
  // In the segment of the books:
  std::uint64_t blocks_at = 0;
  std::uint64_t sequences_at = 0;
  std::uint64_t links_at = 0;
  std::uint64_t pins_at = 0;
  std::uint64_t heap_at = 0;
  std::uint64_t sequence_buckets_at = 0;
  std::uint64_t block_buckets_at = 0;
  std::uint64_t books_bytes = 0;

  [[nodiscard]] std::uint64_t segment_bytes() const noexcept { return size_bytes + tail_bytes; }
};

/// `block_bytes` = 0 takes the smallest power of two from 4,096 on that gives 2^20 blocks at most.
/// A pool smaller than a block has one block of its size; what is left behind the last whole block
/// is not used. Errors: `invalid_argument` for a size of 0 or one that no 2^24 blocks can hold, a
/// block that is no power of two from 64 to 2^30, or `max_sequences` outside 1 to 1,000,000.
[[nodiscard]] expected<geometry> plan_geometry(std::uint64_t size_bytes, std::uint64_t block_bytes,
                                               std::int64_t max_sequences);

/// A process, told apart from a later one with the same number.
struct process_identity {
  std::int64_t pid = 0;      ///< 0 = nobody.
  std::uint64_t started = 0; ///< Of `/proc/<pid>/stat`, in clock ticks since the system started.
};

using pool_id = std::array<std::uint8_t, 16>;

/// Written once, before the segment has a name.
struct fixed_header {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t header_bytes = 0; ///< Of both parts.
  std::uint64_t size_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::int64_t max_sequences = 0;
  std::uint32_t policy = 0;
  std::uint32_t reserved = 0;
  pool_id id{};               ///< Random: the books must have the same.
  std::uint64_t registry = 0; ///< Whose pool it is: a digest of the database's path.
  process_identity creator{};
  std::int64_t base_hits = 0; ///< Of earlier segments of this pool.
  std::int64_t base_misses = 0;
  std::uint64_t checksum = 0; ///< BLAKE2b with 8 bytes over what is before it.
};

inline constexpr std::array<char, 8> magic{'C', 'O', 'R', 'T', 'E', 'X', 'K', 'V'};
inline constexpr std::uint32_t format_version = 1;

/// At the start of the books.
struct books_header {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t reserved = 0;
  pool_id id{};
  std::uint64_t registry = 0;
  process_identity creator{};
};

/// Sealed blocks have a hash and are in the index, in a sequence or free.
struct block_record {
  std::uint32_t references = 0; ///< Sequences that have it; 0 = free.
  std::uint32_t pins = 0;       ///< … that are pinned.
  std::uint32_t filled = 0;     ///< Bytes that belong to a sequence.
  std::uint32_t sealed = 0;
  std::uint32_t previous = none; ///< In the list of free blocks.
  std::uint32_t next = none;
  std::uint32_t bucket_next = none;
  std::uint32_t reserved = 0;
  block_hash hash{};
};

struct sequence_record {
  std::uint32_t live = 0;
  std::uint32_t next = none; ///< In its bucket, or in the list of free records.
  std::int64_t id = 0;
  double created_at = 0.0;
  double last_accessed = 0.0;
  std::int64_t access_count = 0;
  std::int64_t token_count = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t head = none; ///< Links.
  std::uint32_t tail = none;
  std::uint32_t blocks = 0;
  std::uint32_t pins = 0;
  std::uint32_t heap_at = none; ///< Not in the heap while it is pinned.
  std::uint32_t reserved = 0;
};

struct link_record {
  std::uint32_t block = none;
  std::uint32_t next = none; ///< In its sequence, or in the list of free links.
};

struct pin_record {
  std::uint32_t live = 0;
  std::uint32_t next = none; ///< In the list of free pins.
  std::uint32_t sequence = none;
  std::uint32_t lease = none;
  std::uint64_t serial = 0; ///< Of the pin that has the record; 0 before the first.
  double until = 0.0;       ///< Seconds since 1970.
};

struct lease_record {
  process_identity owner{};
  std::uint32_t abandoned = 0; ///< Its object has ended and could not say so properly.
  std::uint32_t reserved = 0;
};

/// A record as it was before a change that takes several steps.
struct undo_record {
  std::uint32_t valid = 0;
  std::uint32_t at = none;
  sequence_record before{};
};

struct pool_counters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t prefix_hits = 0;
  std::uint64_t prefix_misses = 0;
  std::uint64_t evictions = 0;
  std::uint64_t copies = 0;
  std::uint64_t refused = 0;
  std::uint64_t reclaimed_pins = 0;
  std::uint64_t recoveries = 0;
  std::uint64_t lost_sequences = 0;
};

/// What changes; guarded by `lock` but for `retired` and `changes`, which may be read without.
struct live_header {
  pthread_mutex_t lock; // process-shared and robust
  std::uint32_t retired = 0;
  std::uint32_t dirty = 0;   ///< An operation was cut off: the books must be made anew.
  std::uint64_t changes = 0; ///< Goes up with each operation that changes what a row says.
  std::uint32_t free_block_head = none;
  std::uint32_t free_block_tail = none;
  std::uint32_t free_blocks = 0;
  std::uint32_t cached_blocks = 0;
  std::uint32_t shared_blocks = 0;
  std::uint32_t pinned_blocks = 0;
  std::uint32_t free_link_head = none;
  std::uint32_t free_links = 0;
  std::uint32_t pinned_links = 0;
  std::uint32_t free_sequence_head = none;
  std::uint32_t sequences = 0;
  std::uint32_t pinned_sequences = 0;
  std::uint32_t free_pin_head = none;
  std::uint32_t heap_size = 0;
  std::uint64_t pin_serial = 0;
  std::uint64_t filled_bytes = 0;
  pool_counters counters{};
  undo_record undo{};
  std::array<lease_record, max_leases> leases{};
};

struct segment_header {
  fixed_header fixed{};
  live_header live{};
};

static_assert(sizeof(segment_header) <= tail_bytes - 64, "behind the data, aligned to 64 bytes");
static_assert(sizeof(block_record) == 64 && sizeof(sequence_record) == 80);
static_assert(std::is_trivially_copyable_v<segment_header>);
static_assert(std::is_standard_layout_v<segment_header>);

/// The checksum that a header must carry.
[[nodiscard]] std::uint64_t checksum_of(const fixed_header& header) noexcept;

} // namespace cortex::kv_cache
