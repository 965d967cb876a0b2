/// A cache's rows in its file: reading them all, writing what changed.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache/codec.hpp"
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/statement.hpp"

#include <cstdint>
#include <vector>

namespace cortex::semantic_cache {

/// Everything that a file says.
struct file_content {
  std::vector<decoded_row> rows;     ///< By ascending id.
  std::vector<std::int64_t> damaged; ///< Ids of rows that cannot be read.
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t last_id = 0;
};

/// Errors: those of the statements.
[[nodiscard]] expected<file_content> read_file(storage::snapshot& view);

/// Writes one put: the new row in place of the old one, without those that made room. `row` is what
/// the put said of it, see `encode_answer`.
[[nodiscard]] expected<void> write_change(storage::transaction& in, const change& what,
                                          const raw_row& row);

/// Adds accesses and counters to what the file has.
[[nodiscard]] expected<void> write_accesses(storage::transaction& in, const access_log& log);

[[nodiscard]] expected<void> delete_rows(storage::transaction& in,
                                         const std::vector<std::int64_t>& ids);

} // namespace cortex::semantic_cache
