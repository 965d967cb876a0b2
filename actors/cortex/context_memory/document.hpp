/// An exported memory on its way into another one.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/rows.hpp"
#include "cortex/expected.hpp"
#include "cortex/statement.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cortex::context_memory {

/// What a document holds, checked and without secrets. *Immutable after construction*.
struct document {
  struct dated_pattern {
    pattern what;
    std::string created_at;
  };
  struct marked_suggestion {
    suggestion what;
    bool dismissed = false;
  };
  std::vector<new_entry> entries; ///< Their ids are those of the other memory.
  std::vector<dated_pattern> patterns;
  std::vector<marked_suggestion> suggestions;
  std::vector<preference_row> preferences; ///< Without `updated_at` in the original's form.
  std::vector<suggestion_key> dismissed;
};

/// Reads what `write_json` writes, in either form. Errors: see `memory::import_json`.
[[nodiscard]] expected<std::shared_ptr<const document>> read_document(std::string_view text,
                                                                      wall_time now, bool redact);

/// What a merge brought, and the new entries by their ids.
struct merged {
  imported counts;
  std::vector<std::pair<std::int64_t, std::size_t>> entries; ///< Id, place in the document.
};

/// Takes a document in. @param now local time, as `format_local` writes it
[[nodiscard]] expected<merged> merge_document(storage::transaction& in, const document& from,
                                              const std::string& now);

} // namespace cortex::context_memory
