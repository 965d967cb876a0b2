/// Profiles as the JSON texts of their rows.
#pragma once

#include "cortex/accelerator_limits.hpp"
#include "cortex/expected.hpp"

#include <string>
#include <string_view>

namespace cortex::accelerator_limits {

/// The text of a new row. Share and `memory_high` have no place in it.
[[nodiscard]] std::string encode_profile(const profile& what);

/// The text of a row in which these values took the place of the earlier ones: what is unknown here
/// stays. @pre `decode_profile(before)` gave a profile
[[nodiscard]] std::string encode_profile(const profile& what, std::string_view before);

/// The profile of a row. Only the name must be there; absent keys take the defaults, unknown ones
/// are passed over. Values are not checked against their ranges.
/// Errors: `corrupt` if the text is no JSON object, has no name, or a value of another kind.
[[nodiscard]] expected<profile> decode_profile(std::string_view config);

} // namespace cortex::accelerator_limits
