/// One SQLite connection: statements, settings, and what SQL it lets through.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/statement.hpp"
#include "cortex/storage/cached_bytes.hpp"
#include "cortex/storage/interruption.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace cortex::storage::detail {

struct close_connection {
  void operator()(sqlite3* db) const noexcept;
};
struct finalize_statement {
  void operator()(sqlite3_stmt* stmt) const noexcept;
};
using raw_statement = std::unique_ptr<sqlite3_stmt, finalize_statement>;

/// A prepared statement of a connection. Used by one thread at a time.
class statement {
public:
  statement(connection& owner, raw_statement prepared);

  [[nodiscard]] sqlite3_stmt* raw() const noexcept { return raw_.get(); }
  [[nodiscard]] connection& owner() const noexcept { return *owner_; }
  [[nodiscard]] bool reads_only() const noexcept { return reads_only_; }
  /// SQLite's code of the first bind that failed, or SQLITE_OK.
  int bind_failure = 0;
  bool busy = false;    ///< Between `prepare` and `reset`.
  bool one_off = false; ///< Not in the cache: deleted by `reset`.

private:
  connection* owner_;
  raw_statement raw_;
  bool reads_only_;
};

/// How a connection is opened.
struct connection_options {
  std::string path;
  std::string vfs;
  bool read_only = false;
  std::size_t cache_kib = 64'000;
  std::chrono::milliseconds busy_timeout{5000};
};

/// What SQL the authorizer lets through while statements are prepared.
enum class sql_scope : std::uint8_t {
  own,    ///< Ours: everything.
  change, ///< A write function: no transaction control, ATTACH or pragmas.
  read,   ///< A read function: the same, and nothing that changes or checkpoints.
};

/// Not thread-safe: owned by one thread at a time.
class connection {
public:
  [[nodiscard]] static expected<std::unique_ptr<connection>>
  open(const connection_options& options);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  // -- SQL of callers: ended when `obey` says so, with the error that it tells

  /// A statement from the cache, reset and without parameters. Errors: `invalid_argument` for a
  /// text that is not one statement, that the scope forbids, or with another number of parameters.
  [[nodiscard]] expected<statement*> prepare(std::string_view sql, std::size_t parameters,
                                             sql_scope scope);
  /// Runs to the end. Counts changes made.
  expected<changes> run(statement& prepared);
  /// True if there is a row. Errors: those of the statement.
  expected<bool> step(statement& prepared);
  /// Makes the statement ready for its next use, or deletes it.
  void reset(statement& prepared) noexcept;
  expected<void> run_script(std::string_view sql, sql_scope scope);

  // -- SQL of ours

  /// Runs one of the fixed statements below. Returns SQLite's extended code; 0 if it went well.
  enum class fixed : std::uint8_t {
    begin_read,
    begin_write,
    commit,
    rollback,
    savepoint,
    release,
    rollback_to,
    count
  };
  int run(fixed which) noexcept;
  /// Runs text of ours that is prepared anew. Errors: translated.
  expected<void> exec(const std::string& sql);
  /// What a code stands for: what the user of the connection was told, or what SQLite says.
  [[nodiscard]] error failure(int code, const std::string& what) const;
  /// SQLite's counter of changes by other connections; 0 if it cannot be read.
  [[nodiscard]] std::int64_t data_version() noexcept;
  /// The first column of the first row of a query of ours.
  expected<std::string> query_text(const std::string& sql);

  // -- state

  [[nodiscard]] bool in_transaction() const noexcept;
  /// True if rows violate a deferred foreign key: COMMIT would fail.
  [[nodiscard]] bool deferred_violation() const noexcept;
  /// True if a statement that may change something has run since the last `clear_marks`.
  [[nodiscard]] bool changed() const noexcept { return changed_; }
  /// Bytes bound to statements that change something since the last `clear_marks`.
  [[nodiscard]] std::size_t bound_bytes() const noexcept { return bound_bytes_; }
  void clear_marks() noexcept {
    changed_ = false;
    bound_bytes_ = 0;
  }
  void forget_changes() noexcept { changed_ = false; }
  void note_bound(std::size_t bytes) noexcept { bound_bytes_ += bytes; }
  /// Pages in the log after the last commit of this connection.
  [[nodiscard]] int wal_pages() const noexcept { return wal_pages_; }
  void set_wal_pages(int pages) noexcept { wal_pages_ = pages; }
  /// How long a lock of another process is waited for.
  void set_busy_timeout(std::chrono::milliseconds most) noexcept { busy_timeout_ = most; }
  [[nodiscard]] std::chrono::milliseconds busy_timeout() const noexcept { return busy_timeout_; }
  /// What ends statements of callers, and waits for locks, before their time. Outlives the
  /// connection.
  void obey(interruption& stop) noexcept { stop_ = &stop; }
  /// Lets statements look at that while they run, after somebody else has looked on instead.
  void watch_statements() noexcept;
  /// What the user was told, if it was to stop.
  [[nodiscard]] std::optional<error> why_stopped() const {
    return stop_ != nullptr ? stop_->told() : std::nullopt;
  }
  [[nodiscard]] sqlite3* raw() const noexcept { return db_.get(); }
  /// Ends statements that are still running, for example of a function that kept a cursor.
  void reset_all() noexcept;

  // -- its part of the process's memory budget

  void count_cache() noexcept;
  /// The same, unless it is hardly worth while.
  void count_cache_at_times() noexcept;
  void drop_cache() noexcept { cached_.drop(db_.get()); }

  void set_scope(sql_scope scope) noexcept { scope_ = scope; }

private:
  explicit connection(std::unique_ptr<sqlite3, close_connection> db);

  static int authorize(void* self, int action, const char* first, const char* second,
                       const char* schema, const char* trigger) noexcept;
  static int progress(void* self) noexcept;
  static int wait_for_lock(void* self, int waits_before) noexcept;
  /// True if a statement of a caller must not go on.
  [[nodiscard]] bool stops() noexcept { return stop_ != nullptr && stop_->stops(); }
  /// True if that is what a code stands for.
  [[nodiscard]] bool stopped(int code) const noexcept;
  [[nodiscard]] unexpected told() const { return unexpected{stop_->told().value()}; }
  void step_aside() noexcept {
    if (stop_ != nullptr)
      stop_->leave();
  }
  [[nodiscard]] expected<statement*> find_or_compile(std::string_view sql, sql_scope scope);
  expected<void> configure(const connection_options& options);
  expected<raw_statement> compile(std::string_view sql, sql_scope scope, bool persistent);
  void make_room();
  [[nodiscard]] bool nothing_in(std::string_view sql) noexcept; // but comments and space

  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unique_ptr<sqlite3, close_connection> db_;
  cached_bytes cached_;
  bool worked_long_ = false; // since its cache was counted
  unsigned uncounted_ = 0;   // uses since then
  interruption* stop_ = nullptr;
  std::chrono::milliseconds busy_timeout_{0};
  std::chrono::steady_clock::time_point waits_since_{}; // for a lock
  sql_scope scope_ = sql_scope::own;
  bool changed_ = false;
  std::size_t bound_bytes_ = 0;
  int wal_pages_ = 0;
  std::size_t busy_ = 0; // statements between `prepare` and `reset`
  std::vector<raw_statement> fixed_;
  raw_statement data_version_;
  std::unordered_map<std::string, std::unique_ptr<statement>, text_hash, std::equal_to<>> cache_;
  std::vector<std::unique_ptr<statement>> one_offs_;
};

} // namespace cortex::storage::detail
