#include "cortex/storage/open_file.hpp"

#include "cortex/fork_guard.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

namespace cortex::storage::detail {
namespace {

std::string error_text(int number) {
  return std::error_code{number, std::generic_category()}.message();
}

expected<void> make_folders(const std::filesystem::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0)
    return {};
  if (auto parent = make_folders(folder.parent_path()); !parent)
    return parent;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return system_failure(errno, "cannot make the folder '" + folder.string() + "'");
  return {};
}

expected<void> check_file_system(const std::string& path) {
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0)
    return system_failure(errno, "cannot examine the file system of '" + path + "'");
  constexpr unsigned long cifs = 0xff534d42;
  constexpr unsigned long smb2 = 0xfe534d42;
  constexpr std::array<unsigned long, 6> remote{
    NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, V9FS_MAGIC, AFS_SUPER_MAGIC, cifs, smb2};
  const auto type = static_cast<unsigned long>(system.f_type) & 0xffffffffUL;
  for (const auto bad : remote)
    if (type == bad)
      return fail(errc::unsupported,
                  "'" + path
                    + "' is on a network file system, where SQLite's log and locks are "
                      "not safe (allow_network_file_system overrides this)");
  return {};
}

// Makes the file if it is missing. The descriptor is closed before SQLite opens the file; that it
// is new is certain, so no connection can hold locks on it yet.
expected<bool> create_if_missing(const std::string& path) {
  const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made >= 0) {
    ::close(made);
    return true;
  }
  if (errno == EEXIST)
    return false;
  return system_failure(errno, "cannot make '" + path + "'");
}

// The kernel grants a lock to the process that has it already, and takes it away with the first of
// its descriptors that is closed. So a process must know what it holds.
struct held_locks {
  std::mutex mutex;
  std::map<file_identity, std::uint32_t> files; // guarded by mutex; since which fork
};

held_locks& locks() {
  static auto* instance = new held_locks; // outlives every database
  return *instance;
}

// Under the mutex. A forked child has none of its parent's locks.
bool holds(const held_locks& all, file_identity database) {
  const auto it = all.files.find(database);
  return it != all.files.end() && it->second == cortex::detail::fork_generation();
}

} // namespace

unexpected system_failure(int number, const std::string& what) {
  const auto kind = [number] {
    switch (number) {
      case EACCES:
      case EPERM: return errc::permission;
      case EROFS: return errc::read_only;
      case ENOENT: return errc::not_found;
      case EEXIST: return errc::already_exists;
      case ENOSPC:
      case EDQUOT: return errc::no_space;
      case ENAMETOOLONG:
      case ELOOP:
      case ENOTDIR:
      case EXDEV:
      case EINVAL: return errc::invalid_argument;
      default: return errc::io;
    }
  }();
  return fail(kind, what + ": " + error_text(number));
}

expected<void> check_spelling(const std::string& path) {
  if (path.empty())
    return fail(errc::invalid_argument, "the path of a database is empty");
  if (path.find('\0') != std::string::npos)
    return fail(errc::invalid_argument, "the path of a database contains a NUL");
  // SQLite takes paths of 512 bytes; its helpers have names that are longer by up to 8.
  constexpr std::size_t longest_path = 512 - 8;
  constexpr std::size_t longest_name = NAME_MAX - 8;
  const auto name = std::filesystem::path{path}.filename().string();
  if (name.size() > longest_name || path.size() >= PATH_MAX
      || std::filesystem::absolute(path).lexically_normal().native().size() > longest_path)
    return fail(errc::invalid_argument, "the path of a database is too long");
  if (name.empty() || name == "." || name == "..")
    return fail(errc::invalid_argument, "'" + path + "' names no file");
  for (const char* tail : {"-wal", "-shm", "-journal", ".lock"})
    if (name.ends_with(tail))
      return fail(errc::invalid_argument, "'" + path + "' is the name of a database's own helper");
  return {};
}

expected<std::string> canonical(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real{::realpath(path.c_str(), nullptr), &std::free};
  if (real == nullptr)
    return system_failure(errno, "cannot resolve '" + path + "'");
  return std::string{real.get()};
}

expected<prepared_file> prepare_file(const std::string& path, bool create, bool allow_network) {
  if (auto good = check_spelling(path); !good)
    return unexpected{std::move(good).error()};
  prepared_file out;
  const auto absolute = std::filesystem::absolute(path);
  if (create) {
    if (auto made = make_folders(absolute.parent_path()); !made)
      return unexpected{std::move(made).error()};
    auto created = create_if_missing(absolute.string());
    if (!created)
      return unexpected{std::move(created).error()};
    out.created = *created;
  }
  auto real = canonical(absolute.string());
  if (!real)
    return unexpected{std::move(real).error()};
  out.path = *std::move(real);
  struct stat about {};
  if (::stat(out.path.c_str(), &about) != 0)
    return system_failure(errno, "cannot examine '" + out.path + "'");
  if (!S_ISREG(about.st_mode))
    return fail(errc::invalid_argument, "'" + out.path + "' is no regular file");
  out.identity = {about.st_dev, about.st_ino};
  if (::access(out.path.c_str(), R_OK) != 0)
    return system_failure(errno, "cannot read '" + out.path + "'");
  if (create && ::access(out.path.c_str(), W_OK) != 0)
    return system_failure(errno, "cannot write '" + out.path + "'");
  if (!allow_network)
    if (auto local = check_file_system(out.path); !local)
      return unexpected{std::move(local).error()};
  return out;
}

expected<void> sync_folder(const std::string& path) {
  const auto folder = path.substr(0, path.rfind('/') + 1);
  const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0)
    return system_failure(errno, "cannot open the folder '" + folder + "'");
  const int failed = ::fsync(opened) == 0 ? 0 : errno;
  ::close(opened);
  if (failed != 0)
    return system_failure(failed, "cannot flush the folder '" + folder + "'");
  return {};
}

void sync_folder_of(const std::string& path) noexcept {
  static_cast<void>(sync_folder(path));
}

expected<writer_lock> writer_lock::take(const std::string& database_path, file_identity database) {
  auto& all = locks();
  const std::lock_guard guard{all.mutex};
  if (holds(all, database))
    return fail(errc::in_use, "'" + database_path + "' is open for writing in this process");
  const auto path = database_path + ".lock";
  const int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (opened < 0)
    return system_failure(errno, "cannot open '" + path + "'");
  // A process-wide lock: a forked child does not inherit it, and the kernel tells who holds it.
  struct flock wanted {};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  if (::fcntl(opened, F_SETLK, &wanted) == 0) {
    all.files[database] = cortex::detail::fork_generation();
    return writer_lock{opened, database};
  }
  const int number = errno;
  struct flock holder = wanted;
  std::string who = "another process";
  if (::fcntl(opened, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK)
    who = "process " + std::to_string(holder.l_pid);
  ::close(opened);
  if (number != EACCES && number != EAGAIN)
    return system_failure(number, "cannot lock '" + path + "'");
  return fail(errc::in_use, "'" + database_path + "' is open for writing in " + who);
}

bool writer_lock::held_here(file_identity database) {
  auto& all = locks();
  const std::lock_guard guard{all.mutex};
  return holds(all, database);
}

writer_lock::writer_lock(writer_lock&& other) noexcept
  : descriptor_(std::exchange(other.descriptor_, -1)), database_(other.database_) {}

writer_lock& writer_lock::operator=(writer_lock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(database_, other.database_);
  return *this;
}

writer_lock::~writer_lock() {
  if (descriptor_ < 0)
    return;
  auto& all = locks();
  const std::lock_guard guard{all.mutex};
  ::close(descriptor_); // drops the lock; the file stays, removing it would race with an opener
  all.files.erase(database_);
}

} // namespace cortex::storage::detail
