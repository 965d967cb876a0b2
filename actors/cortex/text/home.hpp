/// The user's home folder.
#pragma once

#include "cortex/expected.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cortex::text {

/// `$HOME`, else what the password database says; nothing if neither does. Thread-safe as long as
/// nobody changes the environment.
[[nodiscard]] std::optional<std::string> home_folder();

/// `wanted`, or the default where it is empty; a leading `~/` of either is the home folder.
/// Errors: `not_found` if there is no home folder.
[[nodiscard]] expected<std::string> path_or(std::string_view wanted, std::string_view by_default);

} // namespace cortex::text
