/// Which process is which: numbers are given again, start times are not.
#pragma once

#include "cortex/kv_cache/layout.hpp"

namespace cortex::kv_cache {

/// The calling process. Thread-safe.
[[nodiscard]] process_identity this_process() noexcept;

/// Whether that process still runs; a zombie does not. Where `/proc` cannot say, whether there is
/// one of its number. Processes of another pid namespace look dead or alive by chance. Thread-safe.
[[nodiscard]] bool is_alive(const process_identity& who) noexcept;

} // namespace cortex::kv_cache
