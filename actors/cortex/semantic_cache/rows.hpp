/// A cache's rows in its file: reading them all, writing what changed.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache/codec.hpp"
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/semantic_cache/selection.hpp"
#include "cortex/statement.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace cortex::semantic_cache {

/// Whether a file has, or is about to have, the tables that the original does not know.
enum class own_tables : std::uint8_t { none, expiry };

/// Everything that a file says.
struct file_content {
  std::vector<decoded_row> rows;     ///< By ascending id.
  std::vector<std::int64_t> damaged; ///< Ids of rows that cannot be read.
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t last_id = 0;
  own_tables tables = own_tables::none;
  std::vector<life_of_entry> lives{}; ///< May name rows that are gone.
};

/// Errors: those of the statements.
[[nodiscard]] expected<file_content> read_file(storage::snapshot& view);

/// Calls `take` for each selected row, by ascending id, with the end of its life if it has one.
/// Errors: those of the statements, and what `take` returns.
[[nodiscard]] expected<void> each_row(
  storage::snapshot& view, const selection& which,
  const std::function<expected<void>(const raw_row&, std::optional<std::int64_t> ends_at)>& take);

/// Writes one put: the new row in place of the old one, without those that made room. `row` is what
/// the put said of it, see `encode_answer`. `tables` has `expiry` if the put has a life.
[[nodiscard]] expected<void> write_change(storage::transaction& in, const change& what,
                                          const raw_row& row, own_tables tables);

/// Adds accesses and counters to what the file has, writes the lives that began anew, and deletes
/// the rows that have expired.
[[nodiscard]] expected<void> write_accesses(storage::transaction& in, const access_log& log);

[[nodiscard]] expected<void> delete_rows(storage::transaction& in,
                                         const std::vector<std::int64_t>& ids, own_tables tables);

/// Deletes these rows and all others that are selected. Returns their number.
[[nodiscard]] expected<std::int64_t> delete_selected(storage::transaction& in,
                                                     const std::vector<std::int64_t>& ids,
                                                     const selection& which, own_tables tables);

/// Removes from the tables of our own what belongs to rows that are gone.
[[nodiscard]] expected<void> delete_orphans(storage::transaction& in);

} // namespace cortex::semantic_cache
