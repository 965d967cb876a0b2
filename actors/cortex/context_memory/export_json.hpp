/// A memory as one JSON document.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/rows.hpp"
#include "cortex/expected.hpp"
#include "cortex/statement.hpp"

#include <string>

namespace cortex::context_memory {

/// Writes what the view shows to `to`, see `memory::export_json`.
/// @param now local time, as `format_local` writes it
[[nodiscard]] expected<void> write_json(storage::snapshot& view, export_options how,
                                        const std::string& now, const damage_sink& damaged,
                                        const memory::sink& to);

} // namespace cortex::context_memory
