/// Options of a runtime and of the actors in it: plain structs of defaults.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/expected.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

namespace cortex {

/// How urgent a line for the log is.
enum class severity : unsigned char { debug, info, warning, error };

/// Receives lines for the log, on any thread, one at a time for each thread. Must not block for
/// long and must not throw. The library prints nothing by itself.
using log_sink = std::function<void(severity, std::string_view component, std::string_view text)>;

/// How a runtime is set up.
struct runtime_options {
  /// Worker threads for actors that no caller lends a thread to. Range 1 to 256; 0 = one for each
  /// core, at least 2. On a host's own actor system they are the host's: 0 only.
  std::size_t workers = 0;
  /// Time that requests have when they name none. Range > 0.
  std::chrono::nanoseconds default_deadline = std::chrono::seconds{30};
  /// Time that `stop` has in the destructor. Range > 0.
  std::chrono::nanoseconds stop_deadline = std::chrono::seconds{10};
  /// Clocks; null = the operating system's. They must outlive the runtime.
  const wall_clock* wall = nullptr;
  const monotonic_clock* monotonic = nullptr;
  /// Runs everything on the thread that drives the runtime, in an order that repeats: for tests.
  /// See `runtime::run_until_idle`.
  bool deterministic = false;
  /// Where notices go; empty = nowhere.
  log_sink log{};
  /// Requests, writes and reads that take longer than this are kept with what each stage of their
  /// way took, see `runtime::report`, and logged, at most one a second. Zero = off. Range >= 0.
  std::chrono::nanoseconds slow_request{0};
  /// How many of them are kept: the newest. Range 1 to 65,536.
  std::size_t slow_requests_kept = 64;
};

/// All that is wrong with the options, in one error. Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const runtime_options& options);

/// What happens when a handler throws: the object is destroyed and made anew from its factory.
struct restart_policy {
  /// Restarts allowed within `window`; one more and the actor is `failed`. Range >= 0.
  std::size_t max_restarts = 5;
  /// Range > 0.
  std::chrono::nanoseconds window = std::chrono::seconds{60};
  /// Pause before the second restart in a window (the first comes at once); it doubles with each
  /// further one. Range > 0.
  std::chrono::nanoseconds min_backoff = std::chrono::milliseconds{10};
  /// Range >= `min_backoff`.
  std::chrono::nanoseconds max_backoff = std::chrono::seconds{5};
};

/// How an actor is run.
struct actor_options {
  /// Requests that may wait in the mailbox; further ones are `overloaded`, but for what an actor
  /// sends to itself (`on_start`). Range >= 1.
  std::size_t mailbox_bound = 262'144;
  /// Time for requests that name none; zero = the runtime's.
  std::chrono::nanoseconds default_deadline{0};
  restart_policy restart{};
  /// Period of calls to the object's `on_tick()`, if it has one; zero = never. Range >= 0.
  std::chrono::nanoseconds tick{0};
};

/// All that is wrong with the options, in one error. Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const actor_options& options);

} // namespace cortex
