#include "cortex/storage/new_file.hpp"

#include "cortex/storage/connection.hpp"
#include "cortex/storage/registry.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace cortex::storage::detail {
namespace {

constexpr const char* suffix = ".partial";
constexpr std::array<const char*, 3> helpers{"-wal", "-journal", "-shm"};

std::optional<file_identity> identity_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0)
    return std::nullopt;
  return file_identity{about.st_dev, about.st_ino};
}

bool exists(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0;
}

void remove_with_helpers(const std::string& path) noexcept {
  ::unlink(path.c_str());
  for (const char* helper : helpers)
    ::unlink((path + helper).c_str());
}

// A log or a journal: SQLite would take it for the new file's.
std::optional<std::string> log_beside(const std::string& path) {
  for (const char* helper : {"-wal", "-journal"})
    if (exists(path + helper))
      return path + helper;
  return std::nullopt;
}

} // namespace

expected<file_place> find_place(const std::string& path) {
  if (auto good = check_spelling(path); !good)
    return unexpected{std::move(good).error()};
  if (auto good = check_spelling(path + suffix); !good) // its helpers have longer names yet
    return unexpected{std::move(good).error()};
  const auto absolute = std::filesystem::absolute(path).lexically_normal();
  if (!exists(absolute.string())) {
    auto folder = canonical(absolute.parent_path().string());
    if (!folder)
      return unexpected{std::move(folder).error()};
    return file_place{(std::filesystem::path{*folder} / absolute.filename()).string(), {}};
  }
  auto real = canonical(absolute.string());
  if (!real)
    return unexpected{std::move(real).error()};
  struct stat about {};
  if (::stat(real->c_str(), &about) != 0)
    return system_failure(errno, "cannot examine '" + *real + "'");
  if (!S_ISREG(about.st_mode))
    return fail(errc::invalid_argument, "'" + *real + "' is no regular file");
  return file_place{*std::move(real), file_identity{about.st_dev, about.st_ino}};
}

// -- new_file -------------------------------------------------------------------------------------

new_file::new_file(std::string target, int descriptor)
  : target_(std::move(target)), path_(target_ + suffix), descriptor_(descriptor) {}

new_file::new_file(new_file&& other) noexcept
  : target_(std::move(other.target_)),
    path_(std::move(other.path_)),
    descriptor_(std::exchange(other.descriptor_, -1)) {}

new_file::~new_file() {
  if (descriptor_ < 0)
    return;
  if (still_named()) // under the lock, so it is ours
    remove_with_helpers(path_);
  ::close(descriptor_);
}

bool new_file::still_named() const noexcept {
  struct stat here {};
  struct stat there {};
  return ::fstat(descriptor_, &here) == 0 && ::lstat(path_.c_str(), &there) == 0
         && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

// Whoever has the lock and still finds the file under its name owns the name. The lock is none of
// those that SQLite takes, nor does it fall when SQLite closes the file.
expected<new_file> new_file::make(const std::string& target) {
  const auto path = target + suffix;
  for (int tries = 0; tries < 100; ++tries) {
    const int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (opened < 0)
      return system_failure(errno, "cannot make '" + path + "'");
    if (::flock(opened, LOCK_EX | LOCK_NB) != 0) {
      const int number = errno;
      ::close(opened);
      if (number == EWOULDBLOCK)
        return fail(errc::in_use, "'" + path + "' is being written by somebody else");
      return system_failure(number, "cannot lock '" + path + "'");
    }
    new_file out{target, opened};
    struct stat about {};
    if (::fstat(opened, &about) != 0)
      return system_failure(errno, "cannot examine '" + path + "'");
    const bool fresh = about.st_size == 0 && S_ISREG(about.st_mode)
                       && (about.st_mode & 0777U) == 0600U && about.st_uid == ::geteuid();
    if (fresh && out.still_named()) {
      for (const char* helper : helpers)
        ::unlink((path + helper).c_str());
      return out;
    } // else the end of `out` removes what a killed maker left
  }
  return fail(errc::in_use, "'" + path + "' is in the way and cannot be removed");
}

expected<std::uint64_t> new_file::flush() noexcept {
  struct stat about {};
  if (::fsync(descriptor_) != 0 || ::fstat(descriptor_, &about) != 0)
    return system_failure(errno, "cannot flush '" + path_ + "'");
  return static_cast<std::uint64_t>(about.st_size);
}

expected<void> new_file::rename(bool overwrite) {
  for (const char* helper : helpers) // SQLite does not say when it fails to remove one
    ::unlink((path_ + helper).c_str());
  const unsigned flags = overwrite ? 0 : RENAME_NOREPLACE;
  int done = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), flags);
  if (done != 0 && (errno == EINVAL || errno == ENOSYS)) { // a file system without such a rename
    done = overwrite ? ::rename(path_.c_str(), target_.c_str())
                     : ::link(path_.c_str(), target_.c_str());
    if (done == 0 && !overwrite)
      ::unlink(path_.c_str());
  }
  if (done != 0)
    return system_failure(errno, "cannot rename '" + path_ + "' to '" + target_ + "'");
  if (auto durable = sync_folder(target_); !durable)
    return fail(errc::outcome_unknown, "'" + target_
                                         + "' is in place, but may not survive a power "
                                           "cut: "
                                         + durable.error().detail);
  return {};
}

expected<void> put_in_place(new_file& what, bool overwrite) {
  const opening_pause nobody_opens;
  const auto& target = what.target();
  if (const auto there = identity_of(target); there && nobody_opens.is_open(*there))
    return fail(errc::in_use, "'" + target + "' is open in this process");
  if (const auto log = log_beside(target))
    return fail(errc::in_use, "'" + *log + "' is the log of a database in that place");
  return what.rename(overwrite);
}

// -- replacing ------------------------------------------------------------------------------------

namespace {

// Brings the log of a file that nobody has open into it, and makes it one plain file. False if
// SQLite can make nothing of it. Errors: `in_use`, and those of writing.
expected<bool> fold_log(const std::string& path, const std::string& vfs) {
  auto folded = [&]() -> expected<std::string> {
    auto on = connection::open({path, vfs, false, 2000, std::chrono::milliseconds{0}});
    if (!on)
      return unexpected{std::move(on).error()};
    // So that any other connection of WAL mode, which keeps a lock all its life, stands in the way.
    if (auto set = (*on)->exec("PRAGMA locking_mode=EXCLUSIVE"); !set)
      return unexpected{std::move(set).error()};
    if (auto looked = (*on)->query_text("SELECT count(*) FROM sqlite_master"); !looked)
      return looked;
    return (*on)->query_text("PRAGMA journal_mode=DELETE");
  }();
  if (folded)
    return true;
  auto problem = std::move(folded).error();
  if (problem.code == errc::corrupt)
    return false;
  problem.detail = "the file to be replaced, '" + path + "': " + problem.detail;
  return fail(std::move(problem));
}

expected<void> keep(const std::string& path, file_identity file, const std::string& kept) {
  if (const auto there = identity_of(kept); there && *there == file)
    return {}; // by one that did not come to its end
  if (::link(path.c_str(), kept.c_str()) != 0)
    return system_failure(errno, "cannot keep '" + path + "' as '" + kept + "'");
  for (const char* helper : {"-wal", "-journal"}) // of one that SQLite cannot read
    if (::link((path + helper).c_str(), (kept + helper).c_str()) != 0 && errno != ENOENT)
      return system_failure(errno, "cannot keep '" + path + helper + "'");
  return sync_folder(kept);
}

// The folder is flushed before the new file gets its name: after a power cut, too, no file may meet
// the log of another.
expected<void> remove_logs(const std::string& path) {
  for (const char* helper : helpers)
    if (::unlink((path + helper).c_str()) != 0 && errno != ENOENT)
      return system_failure(errno, "cannot remove '" + path + helper + "'");
  return sync_folder(path);
}

} // namespace

// The danger is a new file beside an old log: SQLite would read the log into it. So the old file
// takes its log in first, by SQLite's own hand, and is complete without one when it is replaced.
// Of a file that SQLite cannot read the log is removed: it stays as unreadable as it was.
expected<bool> replace_database(new_file& with, const replace_options& options) {
  auto reached = [&](replace_step step) {
    if (options.reached)
      options.reached(step);
  };
  const auto& target = with.target();
  const opening_pause nobody_opens;
  const auto old = identity_of(target);
  if (old && nobody_opens.is_open(*old))
    return fail(errc::in_use, "'" + target + "' is open in this process");
  auto lock = writer_lock::take(target, old.value_or(file_identity{}));
  if (!lock)
    return unexpected{std::move(lock).error()};
  reached(replace_step::locked);
  if (old) {
    auto folded = fold_log(target, options.vfs);
    if (!folded)
      return folded;
    reached(replace_step::folded);
    if (!options.keep_old.empty()) {
      if (auto kept = keep(target, *old, options.keep_old); !kept)
        return unexpected{std::move(kept).error()};
      reached(replace_step::kept);
    }
  }
  if (auto removed = remove_logs(target); !removed)
    return unexpected{std::move(removed).error()};
  reached(replace_step::log_removed);
  if (auto named = with.rename(old.has_value()); !named)
    return unexpected{std::move(named).error()};
  reached(replace_step::renamed);
  return old.has_value();
}

} // namespace cortex::storage::detail
