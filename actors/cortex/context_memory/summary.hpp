/// The memory in numbers, as the original writes them.
#pragma once

#include <cstdint>

namespace cortex::context_memory {

/// 100 x part / whole, rounded to 2 decimals: half to even, by the exact value of the double.
/// Thread-safe. @pre `whole > 0`
[[nodiscard]] double percent(std::int64_t part, std::int64_t whole);

} // namespace cortex::context_memory
