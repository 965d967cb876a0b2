/// What a memory knows of a matter, as a text for the prompt of a model.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/rows.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace cortex::context_memory {

/// What may go into a block, each in the order of its worth.
struct block_material {
  std::vector<preference_row> preferences{};
  std::vector<entry> similar{};
  std::vector<pattern> patterns{};
};

/// How many of each are asked for.
inline constexpr std::size_t block_preferences = 20;
inline constexpr std::size_t block_entries = 20;
inline constexpr std::size_t block_patterns = 10;

/// Errors: `invalid_argument` if a field is out of range.
[[nodiscard]] expected<void> validate(const context_block& wanted);

/// @pre `validate(wanted)`
[[nodiscard]] block build_block(const block_material& from, const context_block& wanted);

} // namespace cortex::context_memory
