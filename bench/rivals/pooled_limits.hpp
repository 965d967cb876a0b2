/// Limit profiles in C++, written in the way of the Python original.
#pragma once

#include "limits.hpp"

#include <memory>

namespace cortex::bench {

/// Five connections; a save is a JSON text and INSERT OR REPLACE in a transaction of its own, which
/// the original forgets to commit; a get is a SELECT and a JSON text read again.
[[nodiscard]] std::unique_ptr<limit_store> open_pooled_limits(const limit_setting& where);

} // namespace cortex::bench
