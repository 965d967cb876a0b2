/// JSON arrays of texts, written byte for byte as Python's `json.dumps` does with
/// the separators `,` and `:`. Reading accepts any JSON spelling.
///
/// All functions are *thread-safe*.
#pragma once

#include "cortex/expected.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::text {

/// A longer text is refused before it is read.
inline constexpr std::size_t max_json_bytes = std::size_t{16} << 20U;

/// Appends a JSON string. In ASCII what lies above U+007E becomes `\uxxxx`, above U+FFFF a pair;
/// else only control characters are escaped. Either way the three bytes that UTF-8 would have for a
/// surrogate become its escape, and other bytes that are no UTF-8 become `\ufffd`.
void append_python_json(std::string& out, std::string_view text, bool ensure_ascii = true);

[[nodiscard]] std::string python_json(std::span<const std::string> texts);

/// The elements of a JSON array of strings.
/// Errors: `corrupt` if the text is no JSON, no array, holds anything but strings that are valid
/// UTF-8, or is too long.
[[nodiscard]] expected<std::vector<std::string>> read_json_texts(std::string_view json);

/// The elements of a JSON array of numbers, all finite.
/// Errors: `corrupt` if the text is no JSON, no array, holds anything but numbers, a number that no
/// double can hold, or is too long.
[[nodiscard]] expected<std::vector<double>> read_json_numbers(std::string_view json);

} // namespace cortex::text
