/// A configuration as the JSON text in its row.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/kv_cache.hpp"

#include <string>
#include <string_view>

namespace cortex::kv_cache {

/// The text that the original writes.
[[nodiscard]] std::string encode_configuration(const configuration& what);

/// Ignores keys that it does not know; `policy` and `max_sequences` may be missing.
/// Errors: `corrupt`: no JSON object, or one without a name or a size, or a value of a wrong kind.
[[nodiscard]] expected<configuration> decode_configuration(std::string_view json);

} // namespace cortex::kv_cache
