/// Small files of the kernel: read, written, made.
///
/// All functions block and are *thread-safe*.
#pragma once

#include "cortex/expected.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::accelerator_limits {

/// The words of a file of at most 64 KiB; nothing if it cannot be read.
[[nodiscard]] std::optional<std::vector<std::string>> read_words(const std::string& path);

/// Writes a value with one call, as the kernel asks for. Makes no file and follows no link.
[[nodiscard]] expected<void> write_value(const std::string& path, std::string_view value);

/// Makes a folder. True if it was not there. Errors also: `already_exists` if there is something
/// else of that name.
[[nodiscard]] expected<bool> make_folder(const std::string& path);

/// How many folders are in a folder; nothing if it cannot be read.
[[nodiscard]] std::optional<std::size_t> count_folders(const std::string& path);

} // namespace cortex::accelerator_limits
