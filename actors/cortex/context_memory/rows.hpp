/// A memory's rows in its file: reading and writing them.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/entry_table.hpp"
#include "cortex/context_memory/suggestions.hpp"
#include "cortex/expected.hpp"
#include "cortex/statement.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cortex::context_memory {

/// Is told of each text of a row that cannot be read and is taken for empty: table and key. Called
/// on the thread that reads.
using damage_sink = std::function<void(std::string_view where)>;

/// An entry that may be written as it is.
struct new_entry {
  entry what; ///< The id is not used.
  std::string metadata_text;
  std::string created_at; ///< UTC, `YYYY-MM-DD HH:MM:SS`.
};

/// The pattern of an entry that is written.
struct pattern_change {
  std::string pattern_id;
  std::int64_t frequency = 0;
};

// -- reading --------------------------------------------------------------------------------------

/// Fills a table with all entries.
[[nodiscard]] expected<std::shared_ptr<entry_table>> load_entries(storage::snapshot& view);

/// The entries of these ids, in their order, without those that are gone.
[[nodiscard]] expected<std::vector<entry>> read_entries(storage::snapshot& view,
                                                        const std::vector<std::int64_t>& ids,
                                                        const damage_sink& damaged);

/// Calls `take` for each row, in the order of the rows, with `created_at`.
[[nodiscard]] expected<void>
each_entry(storage::snapshot& view, const damage_sink& damaged,
           const std::function<expected<void>(const entry&, const std::string& created_at)>& take);

/// The newest entries by timestamp that are newer than an instant.
[[nodiscard]] expected<std::vector<entry>> read_newest(storage::snapshot& view, std::size_t count,
                                                       text::micros newer_than,
                                                       const damage_sink& damaged);

/// @param type empty = any
[[nodiscard]] expected<std::vector<pattern>> read_patterns(storage::snapshot& view,
                                                           const std::string& type,
                                                           double min_confidence,
                                                           const damage_sink& damaged);
[[nodiscard]] expected<void> each_pattern(
  storage::snapshot& view, const damage_sink& damaged,
  const std::function<expected<void>(const pattern&, const std::string& created_at)>& take);

[[nodiscard]] expected<std::vector<suggestion>>
read_active(storage::snapshot& view, std::int64_t limit, const damage_sink& damaged);
[[nodiscard]] expected<void>
each_suggestion(storage::snapshot& view, const damage_sink& damaged,
                const std::function<expected<void>(const suggestion&, bool dismissed)>& take);

/// A preference as its row says.
struct preference_row {
  std::string key;
  json value;
  std::string category;
  std::string updated_at;
};
[[nodiscard]] expected<void>
each_preference(storage::snapshot& view, const damage_sink& damaged,
                const std::function<expected<void>(const preference_row&)>& take);
[[nodiscard]] expected<std::optional<json>>
read_preference(storage::snapshot& view, const std::string& key, const damage_sink& damaged);

/// What was dismissed for good, see `dismissed_schema`.
[[nodiscard]] expected<std::vector<suggestion_key>> read_dismissed(storage::snapshot& view);

// -- writing --------------------------------------------------------------------------------------

/// Returns the id.
[[nodiscard]] expected<std::int64_t> insert_entry(storage::transaction& in, const new_entry& row);

/// Makes the pattern of the entry's action, or counts the entry in it.
[[nodiscard]] expected<void> write_pattern(storage::transaction& in, const new_entry& row,
                                           const pattern_change& change);

/// After an entry could not be written which others had counted: the right frequency, or no pattern
/// if those others made it. @param made_since `created_at` of the entry
[[nodiscard]] expected<void> correct_pattern(storage::transaction& in, const pattern_change& change,
                                             const std::string& made_since);

/// True if it was not there yet.
[[nodiscard]] expected<bool> insert_suggestion(storage::transaction& in, const suggestion& what,
                                               bool dismissed = false);

/// Stores those that are new, and returns those that are not dismissed.
[[nodiscard]] expected<std::vector<suggestion>>
store_suggestions(storage::transaction& in, const std::vector<suggestion>& drawn);

[[nodiscard]] expected<void> dismiss_suggestion(storage::transaction& in, const std::string& id,
                                                const std::string& now);
[[nodiscard]] expected<void> remember_dismissal(storage::transaction& in, const suggestion_key& key,
                                                const std::string& now);

/// @param category empty = as it was, or `general`
[[nodiscard]] expected<void> write_preference(storage::transaction& in, const std::string& key,
                                              const std::string& value_text,
                                              const std::optional<std::string>& category,
                                              const std::string& now);

[[nodiscard]] expected<std::int64_t> delete_entries(storage::transaction& in,
                                                    const std::vector<std::int64_t>& ids);

/// Removes entries, and what was drawn from them. @param vanished category and action of which no
/// entry is left
[[nodiscard]] expected<forgotten>
forget_entries(storage::transaction& in, const std::vector<std::int64_t>& ids,
               const std::vector<std::pair<std::string, std::string>>& vanished);

} // namespace cortex::context_memory
