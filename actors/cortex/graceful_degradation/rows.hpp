/// A response cache's rows in its file: reading them all, writing what changed.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/graceful_degradation/response_table.hpp"
#include "cortex/statement.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cortex::graceful_degradation {

/// Everything that a file says.
struct file_content {
  std::vector<stored_row> rows;      ///< The oldest first.
  std::vector<std::int64_t> damaged; ///< Row ids of what cannot be read.
};

/// Errors: those of the statements.
[[nodiscard]] expected<file_content> read_file(storage::snapshot& view);

/// Writes one put: the new row in place of the old one, without those that made room.
[[nodiscard]] expected<void> write_change(storage::transaction& in, const change& what);

/// Adds hits to what the file has.
[[nodiscard]] expected<void> write_accesses(storage::transaction& in,
                                            const std::vector<access>& log);

[[nodiscard]] expected<void> delete_damaged(storage::transaction& in,
                                            const std::vector<std::int64_t>& ids);

/// Deletes these rows and all others put before `cutoff`. Returns their number.
[[nodiscard]] expected<std::int64_t> delete_before(storage::transaction& in,
                                                   const std::vector<std::string>& hashes,
                                                   std::int64_t cutoff);

} // namespace cortex::graceful_degradation
