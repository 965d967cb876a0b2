/// What a profile may say.
#pragma once

#include "cortex/accelerator_limits.hpp"
#include "cortex/expected.hpp"

#include <string_view>

namespace cortex::accelerator_limits {

/// The preset of a name; null if there is none.
[[nodiscard]] const preset* find_preset(std::string_view name) noexcept;

/// As `validate`, but for the preset: rows of the original have others.
[[nodiscard]] expected<void> validate_values(const profile& what);

} // namespace cortex::accelerator_limits
