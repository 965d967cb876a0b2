/// Translation of SQLite's result codes: the only place that knows them by meaning.
#pragma once

#include "cortex/error.hpp"

#include <string>

struct sqlite3;

namespace cortex::storage::detail {

/// The error for an extended result code, with `what` in front of SQLite's own text.
[[nodiscard]] error translate(int extended_code, const std::string& what, sqlite3* on = nullptr);

/// True if the log may or may not have reached the disk: only recovery can tell.
[[nodiscard]] bool is_sync_failure(int extended_code) noexcept;

} // namespace cortex::storage::detail
