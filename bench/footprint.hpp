/// Memory that each of many like things takes.
#pragma once

#include "runner.hpp"

#include <vector>

namespace cortex::bench {

/// Rows whose unit is bytes: an idle actor, a request in flight. Each repetition is a process of
/// its own, so that nothing was allocated before. @pre the process has no threads yet
/// Throws `std::runtime_error` if such a process fails.
[[nodiscard]] std::vector<row_result> measure_footprints(const run_options& options);

} // namespace cortex::bench
