/// A pool of a key/value cache: sequences of fixed-size blocks in shared memory, with prefixes that
/// are shared until somebody writes to them. See <cortex/kv_cache.hpp> for how pools are made.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cortex::kv_cache {

namespace detail {
class attached_pool;
} // namespace detail

/// Names the content of a block: a digest of all tokens up to its end.
using block_hash = std::array<std::uint8_t, 32>;

/// The hash of a block behind `parent`, which is empty (all 0) for the first block of a sequence:
/// equal for equal tokens behind equal prefixes, and for nothing else.
[[nodiscard]] block_hash hash_block(const block_hash& parent,
                                    std::span<const std::int64_t> tokens) noexcept;

/// Which sequence makes room first; of equal ones that with the smallest id.
enum class eviction_policy : std::uint8_t {
  lru,  ///< The one not accessed for the longest time.
  lfu,  ///< The one accessed least often, of equal ones the one not accessed for the longest time.
  fifo, ///< The one that was made first.
};

/// A sequence of a pool at one instant.
struct sequence {
  std::int64_t id = 0;
  double created_at = 0.0;       ///< Seconds since 1970.
  double last_accessed = 0.0;    ///< Likewise: by `lookup`, `append`, `fork` or `write`.
  std::int64_t access_count = 0; ///< Lookups that found it.
  std::int64_t token_count = 0;
  std::int64_t size_bytes = 0;
  std::int64_t offset = 0; ///< Of its first block.
  std::uint32_t blocks = 0;
  std::uint32_t pins = 0;
};

/// Keeps a sequence from being evicted or released while it exists; ends with the pool object it
/// came from, with its deadline, and if its process dies. Move-only. *Not thread-safe*.
class pin {
public:
  pin() noexcept = default;
  pin(pin&& other) noexcept = default;
  pin& operator=(pin&& other) noexcept;
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
  ~pin();

  [[nodiscard]] bool valid() const noexcept { return of_ != nullptr; }
  /// Ends it now. Errors: as of the pool; the pin then lasts until its deadline.
  expected<void> release();

private:
  friend class detail::attached_pool;
  pin(std::shared_ptr<detail::attached_pool> of, std::uint32_t at, std::uint64_t serial) noexcept
    : of_(std::move(of)), at_(at), serial_(serial) {}

  std::shared_ptr<detail::attached_pool> of_;
  std::uint32_t at_ = 0;
  std::uint64_t serial_ = 0;
};

/// What `pool::allocate` is to make.
struct allocation_request {
  std::int64_t id = 0;
  std::uint64_t bytes = 0; ///< Range 1 to the size of the pool.
  std::int64_t tokens = 0; ///< Range >= 0.
  /// Hashes of its first blocks, all of them full: those that are sealed somewhere in the pool are
  /// shared instead of made anew, up to the first that is not.
  std::vector<block_hash> prefix{};
  /// Pins it from the start for this long; zero = not at all.
  std::chrono::nanoseconds pin_for{0};
};

/// What was made.
struct allocation {
  std::uint64_t offset = 0;            ///< Of its first block.
  std::uint32_t shared_blocks = 0;     ///< First blocks that have their content already.
  std::vector<std::int64_t> evicted{}; ///< Ids of sequences that made room, in this order.
  kv_cache::pin pinned{};              ///< Valid if it was asked for.
};

/// What a pool holds.
struct usage {
  std::uint64_t size_bytes = 0; ///< Of the pool.
  std::uint64_t used_bytes = 0; ///< In blocks of living sequences; a shared block counts once.
  std::uint64_t sequences = 0;
};

/// A pool at one instant. Counters run since its segment was made, in all processes together.
struct pool_statistics {
  kv_cache::usage usage{};
  std::uint64_t block_bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t free_blocks = 0;    ///< Those with a sealed content included.
  std::uint64_t cached_blocks = 0;  ///< Free ones whose content a prefix can still find.
  std::uint64_t shared_blocks = 0;  ///< In more than one sequence.
  std::uint64_t pinned_blocks = 0;  ///< In a pinned sequence: these cannot make room.
  double fragmentation_ratio = 0.0; ///< Part of the used bytes that holds nothing, 0 to 1.
  std::uint64_t hits = 0;           ///< Lookups that found their sequence.
  std::uint64_t misses = 0;
  std::uint64_t prefix_hits = 0; ///< Blocks of asked prefixes that were shared.
  std::uint64_t prefix_misses = 0;
  std::uint64_t evictions = 0;      ///< Sequences that made room.
  std::uint64_t copies = 0;         ///< Shared blocks that were copied before a write.
  std::uint64_t refused = 0;        ///< Requests that were `no_space`.
  std::uint64_t reclaimed_pins = 0; ///< Of dead processes, or past their deadline.
  std::uint64_t recoveries = 0;     ///< Times that a process died inside.
  std::uint64_t lost_sequences = 0; ///< That were damaged then.
  std::uint64_t attached_now = 0;   ///< Pool objects, in all processes.
};

/// How a pool is attached.
struct attach_options {
  /// Folder of the shared-memory file system.
  std::string directory = "/dev/shm";
  /// Longest wait for another thread or process that works on the pool. Range > 0.
  std::chrono::nanoseconds patience = std::chrono::seconds{1};
  /// Tells the stamps; null = the operating system's. Must outlive the pool.
  const wall_clock* wall = nullptr;
};

/// A pool in this process's address space. Copies name the same attachment. *Thread-safe*: every
/// operation holds the pool's lock, for all processes, for as long as it works. Blocks: so not for
/// handlers of actors.
///
/// Errors of every operation beside its own: `timeout` (the lock was held for longer than
/// `patience`), `closed` (the pool was destroyed or replaced), `corrupt` (what the segment says
/// makes no sense), `forked`. A process that dies inside an operation harms nobody: the next one
/// that comes puts the books in order; that operation has then happened or not.
class pool {
public:
  /// An empty one; only assignment, destruction and `valid` are allowed.
  pool() noexcept = default;

  /// Maps the segment of that name (`cortex_kv_…`) and the one with its books.
  /// Errors: `invalid_argument` (name, options); `not_found`; `permission` (not ours alone);
  /// `corrupt`: no pool of ours, or damaged; `newer_format`; `overloaded`: 64 are attached already;
  /// `io`.
  [[nodiscard]] static expected<pool> attach(const std::string& segment,
                                             const attach_options& options = {});

  [[nodiscard]] bool valid() const noexcept { return core_ != nullptr; }

  /// Makes a sequence. Others that are not pinned make room, if need be, in the order of the
  /// policy. The content of new blocks is what was there before. Errors: `invalid_argument`;
  /// `already_exists`; `no_space` if all that is not pinned could not make room: nothing has
  /// changed then; `overloaded` if it is to be pinned and there is no further pin.
  [[nodiscard]] expected<allocation> allocate(const allocation_request& what) const;
  /// Makes a sequence longer at its end. Returns who made room. Errors: `not_found`;
  /// `invalid_argument`; `no_space`, as of `allocate`.
  expected<std::vector<std::int64_t>> append(std::int64_t id, std::uint64_t bytes,
                                             std::int64_t tokens = 0) const;
  /// Makes the sequence `to`, which shares all blocks of `from`. Errors: `not_found`,
  /// `already_exists`, `no_space`.
  expected<void> fork(std::int64_t from, std::int64_t to) const;
  /// Ends a sequence. Errors: `not_found`; `in_use` if it is pinned.
  expected<void> release(std::int64_t id) const;

  /// Finds a sequence and counts an access; empty if there is none. Counts one hit or miss.
  [[nodiscard]] expected<std::optional<sequence>> lookup(std::int64_t id) const;
  /// All sequences by ascending id; counts nothing.
  [[nodiscard]] expected<std::vector<sequence>> sequences() const;
  /// Offsets of a sequence's blocks in `data()`, in order. Errors: `not_found`.
  [[nodiscard]] expected<std::vector<std::uint64_t>> blocks_of(std::int64_t id) const;
  /// Keeps a sequence for `within` at most; range > 0. Errors: `not_found`, `invalid_argument`,
  /// `overloaded` if there is no further pin: one for each of `max_sequences` and 256 more.
  [[nodiscard]] expected<kv_cache::pin> pin(std::int64_t id, std::chrono::nanoseconds within) const;

  /// Copies into a sequence, from its byte `offset` on. A shared block is copied first; a sealed
  /// one is no longer found. Errors: `not_found`; `invalid_argument` beyond its end; `no_space`.
  expected<void> write(std::int64_t id, std::uint64_t offset,
                       std::span<const std::byte> bytes) const;
  /// Copies out of a sequence. Errors: `not_found`; `invalid_argument` beyond its end.
  expected<void> read(std::int64_t id, std::uint64_t offset, std::span<std::byte> bytes) const;
  /// A block of a sequence, counted from 0, for writing in place: made this sequence's own first,
  /// as by `write`. Pin the sequence for as long as the bytes are used. Errors: as `write`.
  [[nodiscard]] expected<std::span<std::byte>> writable_block(std::int64_t id,
                                                              std::uint32_t position) const;
  /// Lets others share the blocks of a sequence from position `first` on by these hashes; they must
  /// be full, and hold what the hashes say. Errors: `not_found`, `invalid_argument`.
  expected<void> seal(std::int64_t id, std::uint32_t first,
                      std::span<const block_hash> hashes) const;

  /// The data area, for reading in place. Valid as long as a copy of the pool lives; what a
  /// sequence that is not pinned has there may be replaced at any time.
  [[nodiscard]] std::span<const std::byte> data() const noexcept;
  [[nodiscard]] std::uint64_t block_bytes() const noexcept;
  [[nodiscard]] eviction_policy policy() const noexcept;
  [[nodiscard]] const std::string& segment() const noexcept;

  [[nodiscard]] expected<kv_cache::usage> usage() const;
  [[nodiscard]] expected<pool_statistics> stats() const;
  /// Ends pins that are past their deadline or whose process is dead, and the attachments of such
  /// processes. Done without asking when there is no room. Returns the pins.
  expected<std::uint64_t> reclaim() const;
  /// Looks whether the books agree with each other; empty if they do, else what is wrong.
  [[nodiscard]] expected<std::vector<std::string>> check() const;

private:
  explicit pool(std::shared_ptr<detail::attached_pool> core) noexcept : core_(std::move(core)) {}

  std::shared_ptr<detail::attached_pool> core_;
};

} // namespace cortex::kv_cache
