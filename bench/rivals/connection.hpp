/// SQLite's C interface as a careful program uses it: what the rivals and the checks are made of.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace cortex::bench {

class gate;

/// `PRAGMA synchronous`: normal survives a killed process, full survives a power cut.
enum class sync_level : std::uint8_t { normal, full };

/// A prepared statement, kept for the life of its connection. *Not thread-safe*.
class statement {
public:
  statement(sqlite3* database, std::string_view sql);

  /// Binds from 1 on. Texts and blobs must outlive the next `run` or `reset`.
  statement& bind(int place, std::int64_t value) noexcept;
  statement& bind(int place, std::string_view text) noexcept;
  statement& bind_blob(int place, std::string_view bytes) noexcept;

  /// One step; `SQLITE_ROW` or `SQLITE_DONE` when it went well.
  int step() noexcept { return sqlite3_step(handle_.get()); }
  void reset() noexcept { sqlite3_reset(handle_.get()); }
  /// Steps once and resets.
  int run() noexcept {
    const int result = step();
    reset();
    return result;
  }

  /// A column of the present row, from 0 on; valid until the next step or reset.
  [[nodiscard]] std::int64_t integer(int column) const noexcept {
    return sqlite3_column_int64(handle_.get(), column);
  }
  [[nodiscard]] std::string_view bytes(int column) const noexcept;

private:
  struct finalizer {
    void operator()(sqlite3_stmt* each) const noexcept { sqlite3_finalize(each); }
  };
  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

/// An open database with the settings that all designs share: WAL, foreign keys, 64,000 KiB of
/// cache, temporary tables in memory, 5 s of patience with a busy writer. *Not thread-safe*.
/// Throws `std::runtime_error` when it cannot be opened.
class connection {
public:
  /// @param shared if given, waiting for a busy writer ends when the measurement does
  connection(const std::filesystem::path& file, sync_level level, gate* shared = nullptr);

  [[nodiscard]] sqlite3* get() const noexcept { return handle_.get(); }
  [[nodiscard]] statement prepare(std::string_view sql) const { return {handle_.get(), sql}; }
  /// Runs one or more statements without parameters.
  void execute(const std::string& sql) const;

private:
  struct closer {
    void operator()(sqlite3* each) const noexcept { sqlite3_close_v2(each); }
  };
  std::unique_ptr<sqlite3, closer> handle_;
};

/// The pragmas of `connection`, for a connection opened by other means.
[[nodiscard]] std::string common_pragmas(sync_level level);

/// Waits for a busy writer as `sqlite3_busy_timeout(5000)` does, and gives up once the measurement
/// is over: else a repetition would last 5 s longer than its window.
void wait_when_busy(sqlite3* database, gate* shared);

/// Runs a query without parameters whose answer is one integer. For checks.
[[nodiscard]] std::int64_t query_integer(const connection& database, std::string_view sql);

} // namespace cortex::bench
