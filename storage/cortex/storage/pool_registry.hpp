/// The pools that the process holds: one for each file, whatever the spelling of its path.
#pragma once

#include "cortex/storage/pool_core.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cortex::storage::detail {

/// Finds the pool of that file or makes it. Errors: as `connection_pool::shared`.
[[nodiscard]] expected<std::shared_ptr<pool_core>>
shared_pool(const runtime* rt, const std::string& path, const std::optional<pool_options>& options);

/// Lets go of a pool; nothing if it is not held.
void forget_pool(const pool_core& what) noexcept;

/// Lets go of all.
[[nodiscard]] std::vector<std::shared_ptr<pool_core>> forget_all_pools();

} // namespace cortex::storage::detail
