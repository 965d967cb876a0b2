/// A context memory in C++, written in the way of the Python original.
#pragma once

#include "memory.hpp"

#include <memory>

namespace cortex::bench {

/// Five connections; an entry is one transaction, the patterns another one, for which all entries
/// of the category are counted; a search is a scan for each keyword.
[[nodiscard]] std::unique_ptr<memory_store> open_pooled_context_memory(const memory_setting& where);

/// The original's tables and indexes.
extern const char* const context_memory_schema;

} // namespace cortex::bench
