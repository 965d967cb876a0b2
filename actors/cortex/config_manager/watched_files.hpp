/// Which folders are watched for which files.
#pragma once

#include "cortex/expected.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::config_manager {

/// Watches the folders of files, since editors put new files in the place of old ones. A folder is
/// followed by its name: one that does not exist is awaited in the nearest one above it, and one
/// that goes is awaited again. A folder may be watched for its name alone; links above it, and
/// folders further up that are moved, are not followed. *Not thread-safe*.
class watched_files {
public:
  /// \param events An inotify descriptor that does not block. It stays the caller's.
  watched_files(int events, const std::vector<std::string>& files);

  /// Notes from now on what happens to the files. Folders that this user may not read are left out.
  /// Errors: those of the operating system, such as too many watches of this user.
  [[nodiscard]] expected<void> begin();

  /// Takes all events that wait. True if one of the files may have changed.
  [[nodiscard]] bool drain();

private:
  struct place {
    std::filesystem::path folder;
    std::string file;    // its name in there
    int watch = -1;      // of the folder or of one above it; -1: left out
    std::string awaited; // what has to appear there, empty if it is the folder
  };
  struct news {
    bool file = false;
    bool folder = false;
  };

  [[nodiscard]] expected<void> follow(place& what) const;
  void take(std::uint32_t mask, int watch, std::string_view name, news& out) const;
  void begin_again();

  int events_;
  std::vector<place> places_;
};

} // namespace cortex::config_manager
