#include "cortex/config_manager/watcher.hpp"

#include "cortex/detail/system_error.hpp"
#include "cortex/fork_guard.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace cortex::config_manager {
namespace {

using cortex::detail::descriptor;
using cortex::detail::system_failure;

void ring(int at) noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(::write(at, &one, sizeof one));
}

/// Until the end is rung.
void watch(int events, int end, watched_files files, const std::function<void()>& changed) {
  for (;;) {
    std::array<pollfd, 2> on{pollfd{events, POLLIN, 0}, pollfd{end, POLLIN, 0}};
    if (::poll(on.data(), on.size(), -1) < 0 && errno != EINTR)
      return;
    if (on[1].revents != 0)
      return;
    if (on[0].revents != 0 && files.drain())
      changed();
  }
}

} // namespace

expected<watcher> watcher::prepare(const std::vector<std::string>& files) {
  descriptor events{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  if (!events)
    return system_failure("cannot watch files");
  descriptor end{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!end)
    return system_failure("cannot watch files");
  watched_files watched{events.get(), files};
  if (auto begun = watched.begin(); !begun)
    return unexpected{std::move(begun).error()};
  return watcher{std::move(events), std::move(end), std::move(watched)};
}

watcher::watcher(descriptor events, descriptor end, watched_files files) noexcept
  : events_(std::move(events)),
    end_(std::move(end)),
    files_(std::move(files)),
    generation_(cortex::detail::fork_generation()) {}

watcher::~watcher() {
  if (!thread_.joinable())
    return;
  if (generation_ != cortex::detail::fork_generation()) {
    thread_.detach(); // it is the parent's
    return;
  }
  ring(end_.get());
  thread_.join();
}

expected<void> watcher::start(std::function<void()> changed, std::stop_token stop) {
  try {
    thread_ = std::thread{[events = events_.get(), end = end_.get(), files = files_,
                           changed = std::move(changed), stop = std::move(stop)] {
      const std::stop_callback tell{stop, [end] { ring(end); }};
      watch(events, end, files, changed);
    }};
  } catch (const std::system_error& problem) {
    return fail(errc::unavailable, std::string{"no thread to watch files: "} + problem.what());
  }
  return {};
}

} // namespace cortex::config_manager
