/// The orders of version numbers, one for each kind of package.
///
/// All functions are *thread-safe*.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::config_manager {

/// Two runs of decimal digits of any length, as numbers; an empty one is 0.
[[nodiscard]] std::weak_ordering compare_digits(std::string_view left,
                                                std::string_view right) noexcept;

/// By all runs of digits in both, one after the other; the shorter list is filled up with 0. A text
/// without digits is less than one with. Everything else is not looked at.
[[nodiscard]] std::weak_ordering compare_numeric(std::string_view left, std::string_view right);

/// The order of Debian packages (deb-version(7)): epoch, upstream version, revision. Any text has a
/// place in it.
[[nodiscard]] std::weak_ordering compare_debian(std::string_view left, std::string_view right);
/// Whether a text is made as deb-version(7) asks for.
[[nodiscard]] bool is_debian_version(std::string_view text) noexcept;

/// The order of Python packages (PEP 440); nothing if one of the texts is no version there.
[[nodiscard]] std::optional<std::weak_ordering> compare_python(std::string_view left,
                                                               std::string_view right);

/// Semantic versioning 2.0.0, a `v` in front allowed; nothing if one of the texts is no version
/// there.
[[nodiscard]] std::optional<std::weak_ordering> compare_semantic(std::string_view left,
                                                                 std::string_view right);

/// By the rules of a source: `apt`, `pip`, `npm`; numeric for all others and where the rules do not
/// apply.
[[nodiscard]] std::weak_ordering compare_in(std::string_view source, std::string_view left,
                                            std::string_view right);

} // namespace cortex::config_manager
