// Names of segments in their folder, and the room there.
#include "cortex/detail/system_error.hpp"
#include "cortex/kv_cache/segment.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>

namespace cortex::kv_cache {
namespace {

/// Both names in a folder, the data first: without it nobody looks for the books.
expected<std::pair<std::string, std::string>> paths_of(const std::string& directory,
                                                       const std::string& name) {
  auto books = books_name(name);
  if (!books)
    return unexpected{std::move(books).error()};
  return std::pair{directory + "/" + name, directory + "/" + *books};
}

/// Memory that programs can have without swapping, by the system's own estimate.
std::optional<std::uint64_t> free_memory() {
  std::ifstream file{"/proc/meminfo"};
  std::string key;
  std::uint64_t kib = 0;
  std::string unit;
  while (file >> key >> kib) {
    std::getline(file, unit);
    if (key == "MemAvailable:")
      return kib * 1024;
  }
  return std::nullopt;
}

} // namespace

expected<void> remove_segments(const std::string& directory, const std::string& name) {
  auto paths = paths_of(directory, name);
  if (!paths)
    return unexpected{std::move(paths).error()};
  for (const auto& path : {paths->first, paths->second})
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      return cortex::detail::system_failure("'" + path + "'");
  return {};
}

expected<void> rename_segments(const std::string& directory, const std::string& from,
                               const std::string& to) {
  auto before = paths_of(directory, from);
  auto after = paths_of(directory, to);
  if (!before || !after)
    return unexpected{before ? after.error() : before.error()};
  for (const auto& [old_path, new_path] :
       {std::pair{before->first, after->first}, std::pair{before->second, after->second}})
    if (::rename(old_path.c_str(), new_path.c_str()) != 0 && errno != ENOENT)
      return cortex::detail::system_failure("'" + old_path + "'");
  return {};
}

bool segment_exists(const std::string& directory, const std::string& name) {
  struct stat facts {};
  return ::lstat((directory + "/" + name).c_str(), &facts) == 0;
}

expected<std::uint64_t> available_bytes(const std::string& directory) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0)
    return cortex::detail::system_failure("'" + directory + "'");
  const auto room = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  return std::min(room, free_memory().value_or(room));
}

} // namespace cortex::kv_cache
