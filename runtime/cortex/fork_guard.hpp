/// Notices that the process is a forked child, where threads and file locks of the parent are gone.
#pragma once

#include <cstdint>

namespace cortex::detail {

/// Counts the forks between the start of the program and this process. Costs one load.
[[nodiscard]] std::uint32_t fork_generation() noexcept;

} // namespace cortex::detail
