/// Everything about a database's file before SQLite sees it: path, folders, rights, file system,
/// and the lock that keeps a second writing process away.
#pragma once

#include "cortex/expected.hpp"

#include <sys/types.h>

#include <compare>
#include <string>

namespace cortex::storage::detail {

/// Names a file whatever its spelling.
struct file_identity {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const file_identity&) const = default;
};

/// A file found or made.
struct prepared_file {
  std::string path; ///< Canonical, absolute.
  file_identity identity;
  bool created = false;
};

/// Finds the file, or makes it (mode 0600, missing folders 0700) if `create`. Never opens an
/// existing database file: closing it again would drop the locks that SQLite holds on it.
/// Errors: `invalid_argument` (also for what is no regular file), `not_found`, `permission`,
/// `read_only`, `no_space`, `unsupported` (a network file system unless `allow_network`), `io`.
[[nodiscard]] expected<prepared_file> prepare_file(const std::string& path, bool create,
                                                   bool allow_network);

/// Flushes the folder of a file that was just made, so that its name survives a power cut.
void sync_folder_of(const std::string& path) noexcept;
/// The same, where it matters. Errors: `permission`; `io`.
[[nodiscard]] expected<void> sync_folder(const std::string& path);

/// The error for a number of the operating system's, with `what` in front of its text.
[[nodiscard]] unexpected system_failure(int number, const std::string& what);
/// Errors: `invalid_argument` for a path that no database can have.
[[nodiscard]] expected<void> check_spelling(const std::string& path);
/// The path of what exists, without links. Errors: `not_found`; `permission`; `io`.
[[nodiscard]] expected<std::string> canonical(const std::string& path);

/// An advisory lock on `<database>.lock`, held until destruction. It says who writes here, and
/// holds within the process as well. *Not thread-safe*, except for the static functions.
class writer_lock {
public:
  /// Errors: `in_use` naming the process; `permission`; `read_only`; `io`.
  [[nodiscard]] static expected<writer_lock> take(const std::string& database_path,
                                                  file_identity database);
  /// Whether this process holds the lock of a file.
  [[nodiscard]] static bool held_here(file_identity database);
  writer_lock(writer_lock&& other) noexcept;
  writer_lock& operator=(writer_lock&& other) noexcept;
  writer_lock(const writer_lock&) = delete;
  writer_lock& operator=(const writer_lock&) = delete;
  ~writer_lock();

private:
  writer_lock(int descriptor, file_identity database) noexcept
    : descriptor_(descriptor), database_(database) {}
  int descriptor_ = -1;
  file_identity database_;
};

} // namespace cortex::storage::detail
