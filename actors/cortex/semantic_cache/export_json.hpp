/// The entries of a cache as a JSON document.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache.hpp"
#include "cortex/semantic_cache/selection.hpp"
#include "cortex/statement.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cortex::semantic_cache {

/// Writes the selected rows to `to`, see `cache::export_json`. A row that cannot be read is left
/// out. Returns the number of rows.
[[nodiscard]] expected<std::size_t> write_json(storage::snapshot& view, const selection& which,
                                               const cache::sink& to);

} // namespace cortex::semantic_cache
