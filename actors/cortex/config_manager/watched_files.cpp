#include "cortex/config_manager/watched_files.hpp"

#include "cortex/detail/system_error.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

namespace cortex::config_manager {
namespace {

namespace fs = std::filesystem;

// A file that is being written in place is looked at when its writer has closed it.
constexpr std::uint32_t file_changed = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr std::uint32_t folder_came = IN_CREATE | IN_MOVED_TO;
constexpr std::uint32_t folder_went = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED;
// The same for all folders: a second watch of one would replace what the first one asked for.
constexpr std::uint32_t wanted = file_changed | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF
                                 | IN_ONLYDIR;

bool is_absent(int error) noexcept {
  return error == ENOENT || error == ENOTDIR;
}

} // namespace

watched_files::watched_files(int events, const std::vector<std::string>& files) : events_(events) {
  for (const auto& each : files) {
    std::error_code nowhere; // then it stays as it is
    auto path = fs::absolute(each, nowhere);
    if (nowhere)
      path = each;
    places_.push_back({path.parent_path(), path.filename().string(), -1, {}});
  }
}

expected<void> watched_files::begin() {
  for (auto& each : places_)
    if (auto done = follow(each); !done)
      return done;
  return {};
}

expected<void> watched_files::follow(place& what) const {
  for (;;) {
    auto at = what.folder;
    what.awaited.clear();
    while ((what.watch = ::inotify_add_watch(events_, at.c_str(), wanted)) < 0 && is_absent(errno)
           && at.has_relative_path()) {
      what.awaited = at.filename().string();
      at = at.parent_path();
    }
    if (what.watch < 0 && errno != EACCES)
      return cortex::detail::system_failure("cannot watch '" + at.string() + "'");
    std::error_code unknown;
    if (what.watch < 0 || what.awaited.empty() || !fs::is_directory(at / what.awaited, unknown))
      return {};
    // it has come before it was awaited
  }
}

void watched_files::take(std::uint32_t mask, int watch, std::string_view name, news& out) const {
  if ((mask & IN_Q_OVERFLOW) != 0) // events are lost, that a folder went perhaps among them
    out.folder = true;
  for (const auto& each : places_) {
    if (each.watch != watch)
      continue;
    if ((mask & folder_went) != 0)
      out.folder = true;
    else if (each.awaited.empty())
      out.file |= (mask & file_changed) != 0 && name == each.file;
    else
      out.folder |= (mask & folder_came) != 0 && name == each.awaited;
  }
}

// Events of the old watches that still wait belong to nobody: who is told looks at the files after
// this, so they have nothing to add.
void watched_files::begin_again() {
  for (auto& each : places_)
    ::inotify_rm_watch(events_, std::exchange(each.watch, -1));
  for (auto& each : places_)
    static_cast<void>(follow(each)); // there is nobody to tell; the others go on
}

bool watched_files::drain() {
  alignas(inotify_event) std::array<char, 16'384> buffer; // NOLINT: filled by read
  bool changed = false;
  for (;;) {
    const auto got = ::read(events_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return changed;
    news found;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string_view name = event.len > 0 ? buffer.data() + at + sizeof event : "";
      at += sizeof event + event.len;
      take(event.mask, event.wd, name, found);
    }
    if (found.folder)
      begin_again();
    changed |= found.file || found.folder;
  }
}

} // namespace cortex::config_manager
