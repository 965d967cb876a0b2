/// Copies of a database while it is in use, and putting one in its place again.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/schema.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace cortex::storage {

/// How much of a copy is examined before it takes its place.
enum class copy_check : std::uint8_t {
  none,
  quick, ///< SQLite's `quick_check`: every page, but not whether indexes match their tables.
  full,  ///< SQLite's `integrity_check`.
};

/// Told after each step of a copy: pages copied, and pages in all. It must return soon: the log of
/// the database cannot be emptied meanwhile. What it throws ends the copy as `internal`.
using copy_progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// How a backup is made.
struct backup_options {
  /// Pages copied at a time. Range 1 to 2^31 - 1. 256 are 1 MiB of the usual pages.
  std::size_t pages_per_step = 256;
  /// Rest between two steps, for a disk that others need as well. Range >= 0.
  std::chrono::nanoseconds pause{0};
  copy_progress progress{};
  /// Time for all of it, waiting for a reader included; zero = no end. Range >= 0.
  std::chrono::nanoseconds deadline{0};
  /// Ends the backup as `cancelled`.
  std::stop_token stop{};
  copy_check check = copy_check::quick;
  /// Takes the place of a file that is there already.
  bool overwrite = false;
};

/// What a backup shows.
struct backup_report {
  std::uint64_t pages = 0;
  std::uint64_t bytes = 0; ///< Size of the file.
  /// It shows all commits up to this number, as `written::commit` counts them, and none after it. 0
  /// for a database that this process opened read-only, where nobody counts.
  std::uint64_t commit = 0;
  std::chrono::nanoseconds duration{0};
};

/// How `integrity_check` is done.
struct check_options {
  /// Findings after which it ends. Range 1 to 1,000,000.
  std::size_t most = 100;
  /// Time for all of it, waiting for a reader included; zero = no end. Range >= 0.
  std::chrono::nanoseconds deadline{0};
  /// Ends the check as `cancelled`. This and the deadline are seen at the next row or table; within
  /// a table's pages only by SQLite 3.42 and later.
  std::stop_token stop{};
};

/// How a file is put in the place of a database.
struct restore_options {
  /// If given: what the program knows. A source with a later version is refused.
  std::optional<storage::schema> schema{};
  /// Another name, in the same file system, for the file that is replaced; empty = none is kept.
  std::string keep_old{};
  copy_progress progress{};
  /// Time up to the moment that the file is replaced; zero = no end. Range >= 0.
  std::chrono::nanoseconds deadline{0};
  /// Ends the restore as `cancelled`, up to the moment that the file is replaced.
  std::stop_token stop{};
  /// Name of a registered SQLite VFS; empty = the default one.
  std::string vfs{};
};

/// What was restored.
struct restore_report {
  std::uint64_t pages = 0;
  std::uint64_t bytes = 0;
  bool replaced = false; ///< Another file was in its place.
  std::chrono::nanoseconds duration{0};
};

/// Puts a copy of `source`, a backup or any other database file, in the place of `target`, which
/// nobody may have open. The copy is checked in full first; then it replaces the old file in one
/// step, after which nothing of the old file's log is left. Whenever it is cut short, by a power
/// cut as well, `target` is whole: the old database with all its commits, or the new one. A half
/// copy, `<target>.partial`, may lie beside it then; the next restore removes it.
///
/// An old file that SQLite cannot read is replaced too. Another process that has `target` open is
/// noticed if it holds the writer's lock, or has it open in WAL mode.
///
/// Blocks; refused inside a handler and in write and read functions with `would_deadlock`.
/// Errors: `invalid_argument` (options; a path; `source` is `target`); `not_found` (`source`, or
/// the folder of `target`); `corrupt` (`source`); `newer_format`; `in_use` (`target`; or `source`,
/// if this process has it open: `database::backup` is for that); `already_exists` (`keep_old`);
/// `cancelled`; `timeout`; `no_space`; `permission`; `read_only`; `io`; `outcome_unknown` if it was
/// replaced and the folder could not be flushed.
[[nodiscard]] expected<restore_report> restore(const std::string& source, const std::string& target,
                                               const restore_options& options = {});

} // namespace cortex::storage
