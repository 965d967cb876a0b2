/// A semantic cache in C++, written in the way of the Python original.
#pragma once

#include "semantic.hpp"

#include <memory>

namespace cortex::bench {

/// Five connections; a lookup is a SELECT by hash, then one of up to 200 rows whose JSON vectors
/// are parsed each time; counters are a transaction of their own for each call; a put is INSERT OR
/// REPLACE, a count of all rows and a DELETE in one transaction.
[[nodiscard]] std::unique_ptr<semantic_store>
open_pooled_semantic_cache(const semantic_setting& where);

} // namespace cortex::bench
