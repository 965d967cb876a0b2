#include "cortex/config_manager/watcher.hpp"

#include "cortex/detail/system_error.hpp"
#include "cortex/fork_guard.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace cortex::config_manager {
namespace {

using cortex::detail::descriptor;
using cortex::detail::system_failure;

// A file that is being written in place is looked at when its writer has closed it.
constexpr std::uint32_t wanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
                                 | IN_ONLYDIR;

void ring(int at) noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(::write(at, &one, sizeof one));
}

/// Reads all events that wait. True if one is about a file of ours.
template <class Places>
bool drain(int from, const Places& places) {
  alignas(inotify_event) std::array<char, 16'384> buffer; // NOLINT: filled by read
  bool ours = false;
  for (;;) {
    const auto got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return ours;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string name = event.len > 0 ? buffer.data() + at + sizeof event : "";
      at += sizeof event + event.len;
      ours |= (event.mask & IN_Q_OVERFLOW) != 0
              || std::any_of(places.begin(), places.end(),
                             [&name, folder = event.wd](const auto& each) {
                               return each.first == folder && each.second == name;
                             });
    }
  }
}

/// Until the end is rung.
template <class Places>
void watch(int events, int end, const Places& places, const std::function<void()>& changed) {
  for (;;) {
    std::array<pollfd, 2> on{pollfd{events, POLLIN, 0}, pollfd{end, POLLIN, 0}};
    if (::poll(on.data(), on.size(), -1) < 0 && errno != EINTR)
      return;
    if (on[1].revents != 0)
      return;
    if (on[0].revents != 0 && drain(events, places))
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
  std::vector<place> places;
  for (const auto& each : files) {
    const std::filesystem::path path{each};
    const auto folder = path.has_parent_path() ? path.parent_path().string() : ".";
    const int number = ::inotify_add_watch(events.get(), folder.c_str(), wanted);
    if (number >= 0)
      places.emplace_back(number, path.filename().string());
    else if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
      return system_failure("cannot watch '" + folder + "'");
  }
  return watcher{std::move(events), std::move(end), std::move(places)};
}

watcher::watcher(descriptor events, descriptor end, std::vector<place> places) noexcept
  : events_(std::move(events)),
    end_(std::move(end)),
    places_(std::move(places)),
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
    thread_ = std::thread{[events = events_.get(), end = end_.get(), places = places_,
                           changed = std::move(changed), stop = std::move(stop)] {
      const std::stop_callback tell{stop, [end] { ring(end); }};
      watch(events, end, places, changed);
    }};
  } catch (const std::system_error& problem) {
    return fail(errc::unavailable, std::string{"no thread to watch files: "} + problem.what());
  }
  return {};
}

} // namespace cortex::config_manager
