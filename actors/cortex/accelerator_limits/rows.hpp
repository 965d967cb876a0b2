/// Profiles as rows of their file: reading them all, writing what changed.
#pragma once

#include "cortex/accelerator_limits/profile_table.hpp"
#include "cortex/expected.hpp"
#include "cortex/statement.hpp"

#include <string>
#include <vector>

namespace cortex::accelerator_limits {

/// Everything that a file says.
struct file_content {
  profile_table profiles;
  std::size_t nameless = 0; ///< Rows without a name, which cannot be asked for.
  std::size_t orphans = 0;  ///< Lines of our own table that belong to no row.
};

/// Errors: those of the statements.
[[nodiscard]] expected<file_content> read_file(storage::snapshot& view);

/// Writes a row, behind all others or in its place.
enum class placing : std::uint8_t { last, same };
[[nodiscard]] expected<void> write_row(storage::transaction& in, const std::string& name,
                                       const entry& what, placing where);
[[nodiscard]] expected<void> delete_row(storage::transaction& in, const std::string& name);

/// Removes from our own table what belongs to rows that are gone or were written by another
/// program.
[[nodiscard]] expected<void> delete_orphans(storage::transaction& in);

} // namespace cortex::accelerator_limits
