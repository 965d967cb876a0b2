/// The user's home folder.
#pragma once

#include <optional>
#include <string>

namespace cortex::text {

/// `$HOME`, else what the password database says; nothing if neither does. Thread-safe as long as
/// nobody changes the environment.
[[nodiscard]] std::optional<std::string> home_folder();

} // namespace cortex::text
