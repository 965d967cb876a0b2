/// What a memory suggests, and what makes two suggestions of different days the same.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/entry_table.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::context_memory {

/// `pattern_id` of an action: the first 16 hexadecimal digits of a SHA-256.
[[nodiscard]] std::string pattern_id_of(std::string_view category, std::string_view action);

/// What a suggestion says, whatever the day.
struct suggestion_key {
  std::string kind;       ///< `optimization`, `alternative` or `proactive`.
  std::string identifier; ///< An action; of a proactive one a pattern's id.

  friend bool operator==(const suggestion_key&, const suggestion_key&) = default;
};

/// @param local_date `YYYY-MM-DD`
[[nodiscard]] std::string suggestion_id_of(const suggestion_key& key, std::string_view local_date);

/// The key of a stored suggestion; nothing if it was not made by `draw_suggestions` or by the
/// original.
[[nodiscard]] std::optional<suggestion_key> key_of(const suggestion& stored);

/// What suggestions are drawn from.
struct material {
  std::vector<entry> newest;     ///< Of the last 7 days, newest first, 50 at most.
  std::vector<pattern> patterns; ///< With a confidence of 0.7 or more, in the order of a query.
};

/// Draws them; each comes once. @param context see `suggest::context`
/// @param now local time, as `format_local` writes it
[[nodiscard]] std::vector<suggestion> draw_suggestions(const material& from,
                                                       const entry_table& entries,
                                                       std::string_view context,
                                                       const std::string& now);

} // namespace cortex::context_memory
