/// Notices that others change files.
#pragma once

#include "cortex/config_manager/watched_files.hpp"
#include "cortex/detail/descriptor.hpp"
#include "cortex/expected.hpp"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace cortex::config_manager {

/// Watches files on one thread, which sleeps while nothing happens. *Not thread-safe*.
class watcher {
public:
  /// Remembers from now on what happens to the files, as told at `watched_files`.
  /// Errors: those of the operating system, such as too many watches of this user.
  [[nodiscard]] static expected<watcher> prepare(const std::vector<std::string>& files);
  watcher(watcher&& other) noexcept = default;
  watcher& operator=(watcher&&) = delete;
  watcher(const watcher&) = delete;
  watcher& operator=(const watcher&) = delete;
  /// Ends the thread and waits for that.
  ~watcher();

  /// Calls `changed()` on its thread after what has happened since `prepare`, once for many events
  /// at a time, until `stop` says so or this goes. Errors: `unavailable` if there is no thread.
  [[nodiscard]] expected<void> start(std::function<void()> changed, std::stop_token stop);

private:
  watcher(cortex::detail::descriptor events, cortex::detail::descriptor end,
          watched_files files) noexcept;

  cortex::detail::descriptor events_;
  cortex::detail::descriptor end_;
  watched_files files_; // the thread has its own
  std::uint32_t generation_;
  std::thread thread_;
};

} // namespace cortex::config_manager
