/// The workloads of pools: rows saved and read by many threads, and blocks given out in memory.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace cortex::bench {

/// A registry of pools behind any number of threads. *Thread-safe*.
class pool_registry {
public:
  pool_registry() = default;
  pool_registry(const pool_registry&) = delete;
  pool_registry& operator=(const pool_registry&) = delete;
  virtual ~pool_registry() = default;

  /// Stores a pool's row; `done` means it is committed.
  virtual outcome save(const std::string& name, std::int64_t size_bytes) = 0;
  /// Gives the size of a pool; -1 if there is none.
  virtual outcome get(const std::string& name, std::int64_t& size_bytes) = 0;
};

struct registry_setting {
  std::filesystem::path file; ///< Does not exist yet.
  gate* shared = nullptr;
};
using registry_maker = std::function<std::unique_ptr<pool_registry>(const registry_setting&)>;

/// Each thread saves a pool, reads it, and so on.
[[nodiscard]] subject_maker saved_pools(registry_maker maker);

/// Memory in blocks for sequences. *Thread-safe*.
class block_store {
public:
  block_store() = default;
  block_store(const block_store&) = delete;
  block_store& operator=(const block_store&) = delete;
  virtual ~block_store() = default;

  virtual bool allocate(std::int64_t id, std::uint64_t bytes) = 0;
  virtual bool append(std::int64_t id, std::uint64_t bytes) = 0;
  virtual bool release(std::int64_t id) = 0;
  [[nodiscard]] virtual std::uint64_t sequences() = 0;
};

constexpr std::uint64_t kv_block_bytes = 4096;
constexpr std::uint64_t kv_blocks = 4096; ///< 16 MiB, of which the threads use a part.

using block_store_maker = std::function<std::unique_ptr<block_store>(const setting&)>;

/// Each thread allocates a sequence of 8 blocks, appends one, and releases the one before.
[[nodiscard]] subject_maker allocated_sequences(block_store_maker maker);

[[nodiscard]] std::unique_ptr<pool_registry> open_pooled_registry(const registry_setting& where);
[[nodiscard]] std::unique_ptr<pool_registry> open_cortex_registry(const registry_setting& where);
/// Blocks from malloc, a table of sequences, one mutex: without other processes, eviction or pins.
[[nodiscard]] std::unique_ptr<block_store> make_locked_blocks(const setting& where);
[[nodiscard]] std::unique_ptr<block_store> make_cortex_blocks(const setting& where);

} // namespace cortex::bench
