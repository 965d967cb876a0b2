// What the writers of `make_files` share. Each subsystem has a file here that defines its function.
#pragma once

#include "cortex/expected.hpp"

#include <filesystem>
#include <stdexcept>
#include <utility>

// Each makes one database in a folder under the subsystem's default file name, through the public
// interface and from fixed inputs: the same rows each time. Throws `std::runtime_error`.
void write_cache(const std::filesystem::path& dir);
void write_context_memory(const std::filesystem::path& dir);
void write_kv_cache(const std::filesystem::path& dir);
void write_limits(const std::filesystem::path& dir);
void write_response_cache(const std::filesystem::path& dir);

namespace cortex::testing {

/// The value. Throws `std::runtime_error` if there is none.
template <class T>
T need(expected<T> result) {
  if (!result)
    throw std::runtime_error{to_string(result.error())};
  if constexpr (!std::is_void_v<T>)
    return *std::move(result);
}

} // namespace cortex::testing
