/// Another program as a test's child: start it, read what it says, kill it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::testing {

/// How a process ended.
struct exit_status {
  std::optional<int> code;   ///< What it returned, if it ended by itself.
  std::optional<int> signal; ///< What killed it otherwise.

  bool ok() const noexcept { return code == 0; }
};

/// A running program. Its errors go where the test's go, its output is
/// captured; as with any pipe it stops when some 64 KiB wait unread, so call a `wait` in time.
/// Killed and reaped at the end. Not thread-safe.
class child_process {
public:
  /// Starts the program `arguments[0]`, a path or a name in `$PATH`, with what follows, and with
  /// `environment` (`NAME=value`) on top of the test's own. It reads the file `input`.
  /// Throws `std::system_error` if it cannot start.
  explicit child_process(std::vector<std::string> arguments,
                         std::vector<std::string> environment = {},
                         const std::string& input = "/dev/null");
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  child_process(child_process&&) = delete;
  child_process& operator=(child_process&&) = delete;
  ~child_process();

  pid_t pid() const noexcept { return pid_; }

  /// Sends SIGKILL, unless it has ended; `wait` then says how it ended and what it had said.
  void kill();

  /// Waits until it has ended and reads the rest of its output. Empty after `deadline`.
  [[nodiscard]] std::optional<exit_status> wait(std::chrono::milliseconds deadline
                                                = std::chrono::seconds{30});

  /// Reads until the output contains `text`. False after `deadline`, or if it ended without.
  [[nodiscard]] bool wait_for_output(std::string_view text,
                                     std::chrono::milliseconds deadline = std::chrono::seconds{30});

  /// What it has written to its standard output, as far as a `wait` has read it.
  const std::string& output() const noexcept { return output_; }

private:
  using time_point = std::chrono::steady_clock::time_point;

  bool await_event(time_point end); // false at the end of time
  void read_output();
  void reap();

  pid_t pid_ = -1;
  int exit_fd_ = -1;   // readable once the process has ended
  int output_fd_ = -1; // -1 after the end of the output
  std::optional<exit_status> status_;
  std::string output_;
};

} // namespace cortex::testing
