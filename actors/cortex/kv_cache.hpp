/// KV-cache pools: which pools of shared memory there are, made, found and removed by name. What
/// is done with a pool is in <cortex/kv_pool.hpp>.
#pragma once

#include "cortex/database.hpp"
#include "cortex/handle.hpp"
#include "cortex/kv_pool.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::kv_cache {

namespace detail {
class registry_core;
} // namespace detail

/// What a pool is asked to be. Rows of other programs may hold anything in it.
struct configuration {
  /// 1 to 200 of letters, digits, `.`, `_` and `-`.
  std::string name;
  /// Range 1 to what memory is free. What is behind the last whole block is not used.
  std::int64_t size_bytes = 0;
  /// `lru`, `lfu` or `fifo`, see `eviction_policy`.
  std::string policy = "lru";
  /// Most sequences at one time. Range 1 to 1,000,000.
  std::int64_t max_sequences = 1000;

  friend bool operator==(const configuration&, const configuration&) = default;
};

/// All that is wrong with a configuration, in one error. Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const configuration& what);
/// The policy of that name; nothing if there is none.
[[nodiscard]] std::optional<eviction_policy> policy_of(std::string_view name) noexcept;

/// A pool as its row has it.
struct pool_row {
  configuration config;
  std::string segment; ///< Name of its shared memory, without a folder.
};

/// Finds a pool's row; empty if there is none, or none that can be read.
struct get {
  using reply = std::optional<pool_row>;
  std::string name;
};

/// All pools, in the order in which they were saved.
struct list {
  using reply = std::vector<configuration>;
};

/// Where a row was stored.
struct saved {
  std::uint64_t commit = 0; ///< The commit that holds it.
};

/// Stores a pool's row, in place of an earlier one, without making a segment: for pools whose
/// memory is made elsewhere. The policy and the numbers may be anything. The reply comes after
/// COMMIT. Errors: `invalid_argument` if a text is no valid UTF-8; `in_use` if the pool has a
/// segment that was made here; `read_only`; those of a database write.
struct save {
  using reply = saved;
  configuration config;
};

using protocol = cortex::protocol<get, list, save>;
using handle = cortex::handle<protocol>;

/// How pools are opened.
struct options {
  /// The file; empty = `~/.cortex/kv_cache.db`. `~/` is the home folder.
  std::string path{};
  /// `read_only` for who works with the pools of another process: that one alone writes rows.
  storage::access access = storage::access::read_write;
  /// Folder of the shared-memory file system. All who share a pool must name the same.
  std::string directory = "/dev/shm";
  /// Longest wait for another thread or process that works on a pool. Range > 0.
  std::chrono::nanoseconds patience = std::chrono::seconds{1};
  /// What the reply to a change of rows promises.
  storage::durability level = storage::durability::committed;
  /// What pools hold is written to their rows at most this late, or when a pool is next found
  /// unlocked, and when the registry ends. Range > 0. A killed process loses at most that much of
  /// the rows; the pools themselves are in shared memory and lose nothing.
  std::chrono::milliseconds flush_interval{1000};
  /// Of the actor and the database. The schema is the pools' own.
  actor_options actor{};
  storage::database_options database{};
};

/// How a pool is made.
struct create_options {
  /// Replaces a pool of that name, whoever works with it: they get `closed` from then on.
  bool force = false;
  /// A power of two from 64 to 2^30, at most 2^24 of them; 0 = the smallest from 4,096 on that
  /// gives at most 2^20 blocks. A pool that is smaller has one block of its own size.
  std::uint64_t block_bytes = 0;
};

/// Open pools: a handle, with what works on shared memory and so runs on the calling thread. Copies
/// name the same; it ends with the last one or with the runtime. *Thread-safe*. Its functions
/// block: not for handlers of actors.
class registry : public handle {
public:
  /// Makes a pool: reserves its memory, then stores its row. It lives until it is destroyed, also
  /// without any process. What a killed process left half made is cleared away.
  ///
  /// Errors: as `validate`; `already_exists` if there is a row or a segment of that name, unless
  /// forced; `in_use` if the same pool is being made or destroyed; `no_space` if there is no memory
  /// for it; `read_only`; `permission`; `io`; those of a database write. In every case all is as it
  /// was, but for `outcome_unknown` and a `timeout` in COMMIT: the row may be there without memory.
  [[nodiscard]] expected<pool_row> create(const configuration& what,
                                          const create_options& how = {}) const;

  /// Removes a pool: its row, its counters, its sequences, then its segment, whoever made it.
  /// Who works with it gets `closed` from then on. Errors: `not_found`; `in_use` if it is being
  /// made or destroyed; `read_only`; those of a database write: all is as it was. `permission`,
  /// `io`: the row is gone, but the segment could not be removed.
  expected<void> destroy(const std::string& name) const;

  /// Maps a pool's segment. Errors: `not_found`; as `pool::attach`.
  [[nodiscard]] expected<pool> attach(const std::string& name) const;

  /// Writes what the pools hold to their rows. The reply comes after COMMIT. Errors: `timeout` if
  /// one was locked for longer than `patience`; `read_only`; those of a database write.
  expected<void> flush() const;

  /// Things worth telling that are no errors: rows that cannot be read, memory that was left by
  /// killed processes and is freed.
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept;
  /// The database behind it, for backup and statistics.
  [[nodiscard]] const storage::database& database() const noexcept;

private:
  friend expected<registry> open(const runtime& rt, options wanted);
  registry(const handle& actor, std::shared_ptr<const detail::registry_core> core)
    : handle(actor), core_(std::move(core)) {}

  std::shared_ptr<const detail::registry_core> core_;
};

/// Opens or makes the file of the pools. Files of the original open as they are and stay readable
/// by it. Errors: `invalid_argument` (options, path); `not_found` (no home folder; read-only);
/// those of `storage::database::open`; `already_exists` if this runtime has the same file open as
/// pools, with the same access.
[[nodiscard]] expected<registry> open(const runtime& rt, options wanted = {});

// -- texts ----------------------------------------------------------------------------------------

/// Bytes of a size: a decimal number with an optional `+`, fraction and exponent, then at most one
/// of `K`, `M`, `G` in either case (10^3, 10^6, 10^9). `16G` is 16,000,000,000; fractions of a byte
/// are cut off. Errors: `invalid_argument` for anything else, and beyond 2^63 - 1.
[[nodiscard]] expected<std::int64_t> parse_size(std::string_view text);

/// `✅ Created cache pool 'name' (16.0 GB)` and a line feed.
[[nodiscard]] std::string created_text(const configuration& what);
/// `✅ Destroyed cache pool 'name'` and a line feed.
[[nodiscard]] std::string destroyed_text(const std::string& name);
/// The table that `status` shows: an empty line, a header, a rule of 50 hyphens, a line for each.
[[nodiscard]] std::string status_text(std::span<const configuration> pools);
/// A line for each: name, bytes, policy and number of sequences, with a blank between.
[[nodiscard]] std::string list_text(std::span<const configuration> pools);

/// What a command says, and whether it went well.
struct command_result {
  int exit_code = 0; ///< 0 = done, 1 = refused, 2 = no such command.
  std::string text;
};

/// Does what a command line says: `create NAME --size TEXT [--policy lru|lfu|fifo] [--force]`,
/// `destroy NAME`, `status [NAME]`, `list`. Prints nothing. Blocks.
[[nodiscard]] command_result run_command(const registry& pools,
                                         std::span<const std::string> arguments);

} // namespace cortex::kv_cache
