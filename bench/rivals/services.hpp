/// What a program would use instead, for the messaging rows.
#pragma once

#include "messaging.hpp"

#include <memory>
#include <string>

namespace cortex::bench {

/// A CAF actor of the shared scheduler; callers use a `scoped_actor` each.
[[nodiscard]] std::unique_ptr<counter_service> start_caf_service(const setting& where);
/// A CAF actor with a thread of its own; callers use a `scoped_actor` each.
[[nodiscard]] std::unique_ptr<counter_service> start_caf_detached_service(const setting& where);
/// A thread that owns the counter and takes its jobs, all that wait at once, from a queue behind a
/// mutex and a condition variable; callers wait on a slot each.
[[nodiscard]] std::unique_ptr<counter_service> start_mutex_queue_service(const setting& where);
/// The limit: no messages at all, the counter behind a mutex.
[[nodiscard]] std::unique_ptr<counter_service> start_locked_service(const setting& where);

/// The version of CAF that the rivals use: `0.17.6`.
[[nodiscard]] std::string caf_version();

} // namespace cortex::bench
