/// Texts from outside (paths, messages of exceptions) in outputs that must be UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace cortex::detail {

/// The text with U+FFFD in place of each byte that is not part of well-formed UTF-8.
[[nodiscard]] std::string well_formed_utf8(std::string_view text);

} // namespace cortex::detail
