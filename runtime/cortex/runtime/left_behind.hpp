/// What can never be freed, kept where leak checkers find it.
#pragma once

namespace cortex::detail {

/// *Thread-safe*.
void leave_behind(void* part);

} // namespace cortex::detail
