/// A look into a database file with plain SQLite, past everything under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

struct sqlite3;

namespace cortex::testing {

/// A connection of its own. Every function throws `std::runtime_error` with SQLite's message if
/// SQLite refuses. Not thread-safe.
class sqlite_probe {
public:
  enum class access {
    read_only,  ///< Never checkpoints: the one way to look into a database that is in use.
    read_write, ///< For what a crash left: can roll a journal back. Checkpoints when it closes.
    create      ///< As `read_write`, but makes the file if there is none.
  };

  /// Opens through `vfs`, by default SQLite's own.
  explicit sqlite_probe(const std::filesystem::path& file, access mode = access::read_only,
                        const std::optional<std::string>& vfs = std::nullopt);

  /// Runs statements and drops what they return.
  void execute(const std::string& sql);

  /// The rows of a table.
  std::int64_t count(const std::string& table);

  /// The first column of a query's first row as text; empty if there is no row or it is null.
  std::optional<std::string> text(const std::string& sql);

  /// What `PRAGMA integrity_check` says: "ok", or the faults, a line each.
  std::string integrity_check();

  /// The first bytes of the database file itself, without what is only in the WAL. Reads through
  /// SQLite's handle: to close one of our own would drop the process's locks on the file.
  std::string header(std::size_t size = 100);

  /// The connection, for what is missing here.
  sqlite3* raw() const noexcept { return db_.get(); }

private:
  struct closer {
    void operator()(sqlite3* db) const noexcept;
  };

  std::unique_ptr<sqlite3, closer> db_;
};

} // namespace cortex::testing
