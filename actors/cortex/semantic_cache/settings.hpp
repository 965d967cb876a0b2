/// How large a cache may grow and what it takes for similar prompts, from arguments and
/// environment.
#pragma once

#include "cortex/expected.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cortex::semantic_cache {

struct settings {
  std::int64_t max_entries = 500; ///< Of all scopes together, >= 0.
  double threshold = 0.86;        ///< Finite. The least similarity that is a hit.
};

/// What the host asked for; nothing leaves the choice to the environment.
struct requested_settings {
  std::optional<std::int64_t> max_entries;
  std::optional<double> threshold;
};

struct resolved_settings {
  settings values;
  std::vector<std::string> notices; ///< One for each variable whose value was not usable.
};

/// Gives the value of an environment variable, or nothing if it is not set.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Argument, else environment, else default. Reads `CORTEX_CACHE_MAX_ENTRIES` (an integer) and
/// `CORTEX_CACHE_SIMILARITY_THRESHOLD` (a real number) in Python's spelling; a bad or out-of-range
/// value there gives the default and a notice. Thread-safe as far as `lookup` is. Errors:
/// `invalid_argument` if a requested value is out of range.
[[nodiscard]] expected<resolved_settings> resolve_settings(const requested_settings& requested,
                                                           const environment& lookup);

} // namespace cortex::semantic_cache
