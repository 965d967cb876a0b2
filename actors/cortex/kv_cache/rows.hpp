/// The rows of pools in their file: reading them all, writing what changed.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/kv_cache.hpp"
#include "cortex/statement.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cortex::kv_cache {

/// A pool's row, also one that makes no sense.
struct stored_pool {
  std::string name;
  std::optional<std::string> segment;  ///< As it is there.
  std::optional<configuration> config; ///< Empty if it cannot be read.
};

struct stored_counters {
  std::string pool;
  std::int64_t hits = 0;
  std::int64_t misses = 0;
};

/// Everything that a file says of pools.
struct file_content {
  std::vector<stored_pool> pools; ///< In the order of their rows.
  std::vector<stored_counters> counters;
};

/// What is new about the sequences of a pool.
struct entry_changes {
  std::string pool;
  bool whole = false; ///< All rows that are not in `changed` go.
  std::vector<sequence> changed{};
  std::vector<std::int64_t> gone{};
  std::int64_t hits = 0; ///< In all.
  std::int64_t misses = 0;
};

// Errors: those of the statements.

[[nodiscard]] expected<file_content> read_file(storage::snapshot& view);
/// One row by its name. Errors also: `corrupt` if it cannot be read.
[[nodiscard]] expected<std::optional<stored_pool>> read_pool(storage::snapshot& view,
                                                             const std::string& name);
/// Puts a row behind all others, and counters of 0 if there are none.
[[nodiscard]] expected<void> write_pool(storage::transaction& in, const configuration& config,
                                        const std::string& segment);
/// Removes the sequences of a pool.
[[nodiscard]] expected<void> clear_entries(storage::transaction& in, const std::string& pool);
/// Removes all that there is of a pool.
[[nodiscard]] expected<void> delete_pool(storage::transaction& in, const std::string& name);
[[nodiscard]] expected<void> write_entries(storage::transaction& in, const entry_changes& what);

} // namespace cortex::kv_cache
