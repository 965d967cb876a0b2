/// `!!binary` in both directions, as Python's `base64` does it.
///
/// All functions are *thread-safe*.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cortex::yaml_detail {

/// What is no letter of base64 is passed over. Nothing if a byte is not ASCII, or if the text ends
/// within a group.
[[nodiscard]] std::optional<std::string> read_base64(std::string_view text);

/// Lines of 76 letters, each with a newline behind it.
[[nodiscard]] std::string base64_lines(std::string_view content);

} // namespace cortex::yaml_detail
