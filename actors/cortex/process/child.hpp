/// One running program: started, watched, signalled, reaped.
#pragma once

#include "cortex/detail/descriptor.hpp"
#include "cortex/expected.hpp"
#include "cortex/process.hpp"

#include <sys/types.h>

namespace cortex::process {

using cortex::detail::descriptor;

/// *Not thread-safe*.
class child {
public:
  /// Starts the program. Errors: as `run_process`.
  [[nodiscard]] static expected<child> start(const process_command& what);
  child(child&& other) noexcept;
  child& operator=(child&&) = delete;
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  /// Kills its session's processes and reaps it, if it has not ended.
  ~child();

  /// Readable once it has ended; none where the kernel cannot say.
  [[nodiscard]] const descriptor& ended() const noexcept { return ended_; }
  [[nodiscard]] descriptor& output() noexcept { return output_; }
  [[nodiscard]] descriptor& errors() noexcept { return errors_; }

  /// Sends a signal to all processes of its session that stayed in its group.
  void signal(int number) const noexcept;
  /// Leaves it alone, running or not, and unreaped for as long as this process lives.
  void abandon() noexcept { pid_ = -1; }
  /// Whether it has ended; it is not reaped by that. Errors: `outcome_unknown`.
  [[nodiscard]] expected<bool> has_ended() noexcept;
  /// How it ended, as `waitpid` says it. @pre it has ended. Errors: `outcome_unknown`.
  [[nodiscard]] expected<int> reap() noexcept;

private:
  child(pid_t pid, descriptor output, descriptor errors) noexcept;
  unexpected taken_by_others() noexcept;

  pid_t pid_ = -1; // -1: reaped
  descriptor ended_;
  descriptor output_;
  descriptor errors_;
};

} // namespace cortex::process
