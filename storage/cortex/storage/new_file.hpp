/// A database file that is written beside the place it is meant for, and how it gets there.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/storage/open_file.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace cortex::storage::detail {

/// Where a file is to go.
struct file_place {
  std::string path;                      ///< Absolute; links are resolved.
  std::optional<file_identity> occupied; ///< By this file.
};

/// Errors: `invalid_argument` for a path that no database can have, or of what is no regular file;
/// `not_found` for its folder; `permission`; `io`.
[[nodiscard]] expected<file_place> find_place(const std::string& path);

/// `<target>.partial`, empty and the owner's alone until SQLite fills it. Removed with its helpers
/// at the end, unless it was put in place. One of a process that was killed is removed by the next
/// maker. *Not thread-safe*.
class new_file {
public:
  /// Errors: `in_use` while another maker is at it; `permission`; `read_only`; `no_space`; `io`.
  [[nodiscard]] static expected<new_file> make(const std::string& target);
  new_file(new_file&& other) noexcept;
  new_file(const new_file&) = delete;
  new_file& operator=(const new_file&) = delete;
  new_file& operator=(new_file&&) = delete;
  ~new_file();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& target() const noexcept { return target_; }
  /// Flushes it and returns its size. @pre SQLite has closed it. Errors: `no_space`; `io`.
  [[nodiscard]] expected<std::uint64_t> flush() noexcept;

  /// Gives it its name; @pre it was flushed, and no database file with a log is in its place.
  /// Errors: `already_exists` unless `overwrite`; `permission`; `io`; `outcome_unknown` if it has
  /// its name and the folder could not be flushed.
  [[nodiscard]] expected<void> rename(bool overwrite);

private:
  new_file(std::string target, int descriptor);
  [[nodiscard]] bool still_named() const noexcept;

  std::string target_;
  std::string path_;
  int descriptor_ = -1; // keeps a lock: whoever finds it free knows that its maker is gone
};

/// What is done to a place before its new file gets there, in this order.
enum class replace_step : std::uint8_t {
  locked,      ///< Nobody has the old file open.
  folded,      ///< Its log is in it.
  kept,        ///< It has its second name.
  log_removed, ///< No log is left, not of a file that SQLite could not read either.
  renamed,     ///< The new file is in place.
};

/// How a database file is replaced.
struct replace_options {
  std::string keep_old; ///< Empty: the old file is not kept.
  std::string vfs;
  std::function<void(replace_step)> reached; ///< For tests that die there.
};

/// Puts a flushed file in the place of a database. Errors: as `restore`.
[[nodiscard]] expected<bool> replace_database(new_file& with, const replace_options& options);

/// Puts a flushed file where no database is in use. Errors: `in_use`; as `new_file::rename`.
[[nodiscard]] expected<void> put_in_place(new_file& what, bool overwrite);

} // namespace cortex::storage::detail
