#include "cortex/config_manager/files.hpp"

#include "cortex/detail/system_error.hpp"
#include "cortex/text/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace cortex::config_manager {
namespace {

using cortex::detail::descriptor;
using cortex::detail::system_failure;

constexpr mode_t private_folder = 0700;
constexpr mode_t private_file = 0600;
constexpr mode_t permission_bits = 07777;
constexpr int most_kept = 1000;

std::string in_quotes(const std::string& path) {
  return "'" + path + "'";
}

expected<void> write_all(int file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto written = ::write(file, content.data(), content.size());
    if (written < 0 && errno != EINTR)
      return system_failure("cannot write " + in_quotes(path));
    if (written > 0)
      content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0)
    return system_failure("cannot flush " + in_quotes(path));
  return {};
}

std::string broken_name(const std::string& path, int number) {
  return path + ".broken" + (number == 0 ? "" : "." + std::to_string(number));
}

unexpected too_many(const std::string& path) {
  return fail(errc::already_exists, "too many damaged files are kept beside " + in_quotes(path));
}

} // namespace

expected<std::string> read_whole(const std::string& path, std::size_t max_bytes) {
  // Not blocked by a pipe that nobody writes to.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file)
    return system_failure("cannot open " + in_quotes(path));
  struct stat about {};
  if (::fstat(file.get(), &about) != 0)
    return system_failure("cannot look at " + in_quotes(path));
  if (!S_ISREG(about.st_mode))
    return fail(errc::corrupt, in_quotes(path) + " is no regular file");
  const auto too_long = [&] {
    return fail(errc::corrupt,
                in_quotes(path) + " is longer than " + std::to_string(max_bytes) + " bytes");
  };
  if (static_cast<std::uint64_t>(about.st_size) > max_bytes)
    return too_long();
  std::string content;
  content.reserve(static_cast<std::size_t>(about.st_size));
  std::array<char, 65'536> piece; // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  for (;;) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return system_failure("cannot read " + in_quotes(path));
    if (got == 0)
      return content;
    content.append(piece.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) // it grows while it is read
      return too_long();
  }
}

expected<void> ensure_folder(const std::string& path) {
  if (::mkdir(path.c_str(), private_folder) != 0 && errno != EEXIST)
    return system_failure("cannot make " + in_quotes(path));
  return {};
}

expected<void> secure_folder(const std::string& path) {
  if (auto made = ensure_folder(path); !made)
    return made;
  const descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder) {
    if (errno == ENOTDIR)
      return fail(errc::invalid_argument, in_quotes(path) + " is no folder");
    return system_failure("cannot open " + in_quotes(path));
  }
  struct stat about {};
  if (::fstat(folder.get(), &about) != 0)
    return system_failure("cannot look at " + in_quotes(path));
  const auto owner = ::geteuid();
  const auto group = ::getegid();
  if ((about.st_uid != owner || about.st_gid != group) && ::fchown(folder.get(), owner, group) != 0)
    return fail(errc::permission,
                in_quotes(path) + " belongs to user " + std::to_string(about.st_uid) + " and group "
                  + std::to_string(about.st_gid) + ", and cannot be given to user "
                  + std::to_string(owner) + " and group " + std::to_string(group));
  if (::fchmod(folder.get(), private_folder) != 0 || ::fstat(folder.get(), &about) != 0)
    return system_failure("cannot make " + in_quotes(path) + " private");
  if ((about.st_mode & permission_bits) != private_folder)
    return fail(errc::permission, in_quotes(path) + " cannot be made private");
  return {};
}

expected<std::string> resolved(const std::string& path) {
  std::error_code problem;
  auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path, problem), problem);
  // A link to a file that does not exist is followed all the same.
  for (int links = 0; !problem && std::filesystem::is_symlink(full, problem); ++links) {
    constexpr int most_links = 40; // as the kernel allows
    if (links == most_links)
      return fail(errc::permission, "too many links from " + in_quotes(path));
    const auto target = std::filesystem::read_symlink(full, problem);
    full = std::filesystem::weakly_canonical(full.parent_path() / target, problem);
  }
  if (problem && problem != std::errc::no_such_file_or_directory)
    return system_failure("cannot find " + in_quotes(path), problem.value());
  return full.string();
}

expected<bool> make_private(const std::string& path) {
  const descriptor file{
    ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)};
  if (!file && errno == ENOENT)
    return false;
  if (!file)
    return system_failure("cannot open " + in_quotes(path));
  struct stat about {};
  if (::fstat(file.get(), &about) != 0)
    return system_failure("cannot look at " + in_quotes(path));
  constexpr mode_t of_others = 07077;
  if (!S_ISREG(about.st_mode) || (about.st_mode & of_others) == 0)
    return false;
  if (::fchmod(file.get(), about.st_mode & permission_bits & ~of_others) != 0)
    return system_failure("cannot make " + in_quotes(path) + " private");
  return true;
}

expected<std::string> keep_beside(const std::string& path, std::string_view content) {
  for (int number = 0; number < most_kept; ++number) {
    auto name = broken_name(path, number);
    const descriptor file{
      ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, private_file)};
    if (file) {
      auto written = write_all(file.get(), content, name);
      if (written)
        written = text::flush_folder_of(name);
      if (!written) {
        ::unlink(name.c_str());
        return unexpected{std::move(written).error()};
      }
      return name;
    }
    if (errno != EEXIST)
      return system_failure("cannot make " + in_quotes(name));
    if (const auto kept = read_whole(name, content.size()); kept && *kept == content)
      return name;
  }
  return too_many(path);
}

expected<std::string> link_beside(const std::string& path) {
  for (int number = 0; number < most_kept; ++number) {
    auto name = broken_name(path, number);
    if (::link(path.c_str(), name.c_str()) == 0) {
      static_cast<void>(make_private(name));
      if (auto flushed = text::flush_folder_of(name); !flushed) {
        ::unlink(name.c_str());
        return unexpected{std::move(flushed).error()};
      }
      return name;
    }
    if (errno != EEXIST)
      return system_failure("cannot keep " + in_quotes(path));
  }
  return too_many(path);
}

} // namespace cortex::config_manager
