/// Notices that others change files.
#pragma once

#include "cortex/detail/descriptor.hpp"
#include "cortex/expected.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cortex::config_manager {

/// Watches the folders of files, since editors put new files in the place of old ones. One thread,
/// which sleeps while nothing happens. *Not thread-safe*.
class watcher {
public:
  /// Remembers from now on what happens to the files. Folders that do not exist are left out.
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
  using place = std::pair<int, std::string>; // the watch of a folder, a name in it

  watcher(cortex::detail::descriptor events, cortex::detail::descriptor end,
          std::vector<place> places) noexcept;

  cortex::detail::descriptor events_;
  cortex::detail::descriptor end_;
  std::vector<place> places_;
  std::uint32_t generation_;
  std::thread thread_;
};

} // namespace cortex::config_manager
