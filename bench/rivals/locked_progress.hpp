/// Progress as it is usually done, and the least that it can cost.
#pragma once

#include "progress.hpp"

#include <memory>

namespace cortex::bench {

/// A counter and a message behind a mutex; who comes when a tenth of a second is over prints.
[[nodiscard]] std::unique_ptr<progress_display> open_locked_bar();
/// As the original: a message behind a lock, and a thread that prints it ten times a second.
[[nodiscard]] std::unique_ptr<progress_display> open_animated_display();
/// An atomic counter that nobody shows.
[[nodiscard]] std::unique_ptr<progress_display> open_bare_counter();
/// A pointer behind a lock, as the original's.
[[nodiscard]] shared_indicator locked_shared_indicator();

} // namespace cortex::bench
