/// Commands that install packages, and what is allowed in them.
#pragma once

#include "cortex/config_manager.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cortex::config_manager {

/// Whether a text may stand as a name or a version in a command: letters, digits and `._:@=+-~`,
/// the first one a letter or digit, never `..`. With `allow_slash` also the names of npm: `@` in
/// front, and one slash. Thread-safe.
[[nodiscard]] bool is_identifier(std::string_view text, bool allow_slash) noexcept;

/// The command for packages of one source. A name or a version that ends in `-` is refused, since
/// it would remove a package, a slash outside of a scope (`@scope/name`), since it names no
/// package, `.+`, since apt may take it for a pattern, and for pip and npm a colon and the endings
/// of archives, since these are files and addresses. Errors: `invalid_argument` naming the package,
/// or the source; nothing of a refused text but its beginning is told. @pre `packages` is not
/// empty. Thread-safe.
[[nodiscard]] expected<std::vector<std::string>>
install_command(const std::vector<package>& packages, install_action action, bool end_of_options);

/// A command as one text. Its words are identifiers and fixed, so none needs a quote. Thread-safe.
[[nodiscard]] std::string joined(const std::vector<std::string>& words);

} // namespace cortex::config_manager
