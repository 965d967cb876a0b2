/// Other programs: run with an argument vector, bounded in time and output, without a shell.
#pragma once

#include "cortex/expected.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace cortex {

/// A program and what it is given.
struct process_command {
  /// The program, a path or a name to be found in `$PATH`, and its arguments. None holds U+0000.
  std::vector<std::string> arguments;
  /// How long it may run; then it and what it has started get SIGTERM, and SIGKILL `kill_after`
  /// later, or as soon as it has ended and nobody holds its outputs. What has made a group of its
  /// own is not reached. Range > 0.
  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds kill_after{2'000}; ///< Range >= 0.
  /// Of each of its two outputs; what comes beyond is read and dropped.
  std::size_t max_output_bytes = std::size_t{16} << 20U;
  /// On top of the environment of this process, in which `LC_ALL` is `C`.
  std::vector<std::pair<std::string, std::string>> environment{};
  /// Ends it as if its time were over.
  std::stop_token stop{};
};

/// How a program ended, and what it wrote.
struct process_result {
  int exit_status = 0; ///< What it returned; -1 if a signal ended it.
  int signal = 0;      ///< What ended it; 0 = it returned.
  std::string output{};
  std::string errors{};
  bool truncated = false; ///< An output was longer than allowed.

  [[nodiscard]] bool succeeded() const noexcept { return exit_status == 0 && signal == 0; }
};

/// What runs programs: `run_process`, or what a test puts in its place. Called by several threads
/// at the same time.
using process_runner = std::function<expected<process_result>(const process_command&)>;

/// Runs a program to its end, in a session of its own: no terminal, standard input from
/// `/dev/null`, no descriptor of this process. Blocks, so not for handlers. *Thread-safe*.
/// Errors: `invalid_argument` (no program, U+0000); `not_found` if there is no such program;
/// `permission`; `timeout`, also if it cannot be ended, as a program of another user; `cancelled`
/// by `stop`; `would_deadlock` inside a handler; `outcome_unknown` if the host reaps children that
/// it did not start.
[[nodiscard]] expected<process_result> run_process(const process_command& what);

} // namespace cortex
