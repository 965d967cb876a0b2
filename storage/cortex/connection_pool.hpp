/// A pool of numbered connections over one database: borrowed by threads, returned at scope end.
#pragma once

#include "cortex/database.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortex::storage {

/// How a pool is set up.
struct pool_options {
  /// Connections. Range 1 to 64.
  std::size_t size = 5;
  /// Time for a borrower to wait, in all: what waiting for a connection took is missing when it
  /// waits for the writer. Begins anew with each commit and rollback. Range 0 to 24 days.
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};
  /// How long another process may hold the file's lock; empty = as `timeout`, in whole
  /// milliseconds. Never adds to a borrower's time. Range 0 to 24 days.
  std::optional<std::chrono::milliseconds> busy_timeout{};
  /// Longest time for a borrower to hold the writer, see `pooled_connection`. Range > 0.
  std::chrono::nanoseconds write_limit = std::chrono::seconds{30};
  /// How long `close` waits for lent connections. Range >= 0.
  std::chrono::nanoseconds close_patience = std::chrono::seconds{10};
  /// Everything else about the file; `readers` and `busy_timeout` follow from the pool's own. It
  /// must be `read_write`.
  database_options file{};
};

/// All that is wrong with the options, in one error. Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const pool_options& options);

/// What SQLite says of a connection.
struct connection_settings {
  std::string journal_mode;      ///< `"wal"`; `"memory"` without a file.
  std::int64_t synchronous = 0;  ///< 1 = NORMAL, 2 = FULL. That of the writer.
  std::int64_t cache_size = 0;   ///< Negative: KiB.
  std::int64_t temp_store = 0;   ///< 2 = MEMORY.
  std::int64_t foreign_keys = 0; ///< 1 = enforced.
  std::int64_t busy_timeout = 0; ///< In milliseconds.
  std::int64_t page_size = 0;
  std::string encoding;
  std::int64_t auto_vacuum = 0;

  friend bool operator==(const connection_settings&, const connection_settings&) = default;
};

/// Who has a connection.
struct pool_holder {
  std::uint32_t number = 0;
  std::chrono::nanoseconds age{0};
  bool writing = false; ///< Holds the writer.
};

/// A pool at one instant.
struct pool_stats {
  std::string path;
  std::size_t size = 0;
  std::size_t idle = 0;
  std::size_t lent = 0;
  std::size_t waiting = 0;            ///< Threads that wait for a connection.
  std::size_t waiting_writers = 0;    ///< Borrowers that wait for the file's writer.
  std::uint64_t borrowed = 0;         ///< Connections lent so far.
  std::uint64_t waits = 0;            ///< Borrowers that had to wait.
  std::chrono::nanoseconds waited{0}; ///< Their waiting times together.
  std::uint64_t timeouts = 0;         ///< Borrowers that gave up, for a connection or the writer.
  std::uint64_t rollbacks_on_return = 0; ///< Transactions that were open when they came back.
  std::uint64_t overdue_writes = 0;      ///< Transactions undone at `write_limit`.
  std::uint64_t replaced = 0;            ///< Readers opened anew after they had failed.
  std::uint64_t mismatched_requests = 0; ///< `shared` with other options than the pool's.
  std::vector<pool_holder> holders;      ///< By number.
};

/// What closing a pool did.
struct pool_closing {
  std::size_t closed = 0; ///< Idle connections that this call closed.
  std::size_t lent = 0;   ///< Still out when its patience ended: each is closed when it comes back.
};

namespace detail {

class connection;
class pool_core;
class reader;

/// A function that lives on the caller's stack.
class change_ref {
public:
  template <class F>
  explicit change_ref(F& f) noexcept
    : function_(&f), call_([](void* function, transaction& in) -> expected<changes> {
        return (*static_cast<F*>(function))(in);
      }) {}
  expected<changes> operator()(transaction& in) const { return call_(function_, in); }

private:
  void* function_;
  expected<changes> (*call_)(void*, transaction&);
};

/// What a read looks through: a reader of its own, or the transaction that its borrower holds.
struct pool_view {
  connection* on = nullptr;
  reader* leased = nullptr;
  bool in_transaction = false;
};

} // namespace detail

/// A connection on loan, with its number. It goes back with the object, however its scope ends;
/// what was not committed is rolled back then and counted. *Not thread-safe*; may be moved to
/// another thread. Nothing that a borrower does to it is left for the next one.
///
/// Reads see everything committed before, each on a reader that nobody else uses meanwhile. The
/// first change takes the writer and begins IMMEDIATE; from then on reads look through that
/// transaction. The writer is held until `commit`, `rollback` or the return: everybody else who
/// writes to the file waits in a queue, so be short. Nobody can hold it for ever: after
/// `write_limit` the transaction is undone and the borrower's next call is told (`timeout`). That
/// happens at once if the borrower is between two calls, whatever became of its thread; a statement
/// that runs is interrupted; COMMIT is not. Only a function given to `read` that does not return
/// cannot be stopped.
///
/// Errors of every operation beside its own: `timeout` (`timeout` of the options at stage `lane` or
/// `reader`; `write_limit` at stage `execute`); `closed`; `forked`; `would_deadlock` inside a
/// handler or a read function; `in_use` (another process writes); `io`; `corrupt`; `no_space`.
class pooled_connection {
public:
  pooled_connection(pooled_connection&& other) noexcept = default;
  pooled_connection& operator=(pooled_connection&& other) noexcept;
  pooled_connection(const pooled_connection&) = delete;
  pooled_connection& operator=(const pooled_connection&) = delete;
  ~pooled_connection() { give_back(); }

  /// 1 to the pool's size, in the order of creation; 0 once it was given back.
  [[nodiscard]] std::uint32_t number() const noexcept { return core_ != nullptr ? number_ : 0; }
  /// True from the first change until `commit`, `rollback` or the undoing at `write_limit`.
  [[nodiscard]] bool in_transaction() const noexcept;

  /// Runs one statement; rows it returns are dropped. A change begins a transaction, unless one is
  /// open; if it fails and changed nothing, that one is over again. A query begins none. A change
  /// of the schema outside a transaction is committed by itself. Errors: `invalid_argument` (text,
  /// transaction control, ATTACH, pragmas that set something); `unsupported` for temporary tables;
  /// `constraint`, ….
  template <class... Args>
  expected<changes> execute(std::string_view sql, const Args&... args) {
    auto work = [&](transaction& in) { return in.execute(sql, args...); };
    return change(sql, detail::change_ref{work});
  }

  /// Runs `work(snapshot&)`: several queries in one view. Errors: what it returns; `internal` if it
  /// throws.
  template <class F>
  auto read(F work) -> expected<detail::yield_t<F, snapshot>> {
    auto view = begin_read();
    if (!view)
      return unexpected{std::move(view).error()};
    auto result = [&] {
      const cortex::detail::no_blocking_scope inside{"a read function"};
      snapshot through{*view->on};
      return detail::run_read(work, through);
    }();
    if (auto ended = end_read(*view, result ? nullptr : &result.error()); !ended)
      return unexpected{std::move(ended).error()};
    return result;
  }

  /// The first row; see `snapshot::one`.
  template <class... Ts, class... Args>
    requires(sizeof...(Ts) > 0)
  [[nodiscard]] auto one(std::string_view sql, const Args&... args) {
    return read([&](snapshot& view) { return view.one<Ts...>(sql, args...); });
  }
  /// The first column of the first row. Errors: `not_found` if there is no row.
  template <class T, class... Args>
  [[nodiscard]] expected<T> value(std::string_view sql, const Args&... args) {
    return read([&](snapshot& view) { return view.value<T>(sql, args...); });
  }
  /// All rows; see `snapshot::all`.
  template <class... Ts, class... Args>
    requires(sizeof...(Ts) > 0)
  [[nodiscard]] auto all(std::string_view sql, const Args&... args) {
    return read([&](snapshot& view) { return view.all<Ts...>(sql, args...); });
  }

  /// Returns after COMMIT, at the database's level; at once if no transaction is open.
  /// Errors: `constraint` for a deferred foreign key (the transaction goes on); after any other
  /// error it is undone; `outcome_unknown` when flushing the log failed.
  expected<written<void>> commit();
  /// Undoes what was not committed. Errors: none of its own.
  expected<void> rollback();
  /// What SQLite says of the reader and of the writer, which it takes for a moment. Errors:
  /// `internal` if both differ where they should not.
  [[nodiscard]] expected<connection_settings> settings();

  /// Returns it before the end of the scope; all further operations are `closed`.
  void give_back() noexcept;

private:
  friend class connection_pool;
  pooled_connection(std::shared_ptr<detail::pool_core> core, std::uint32_t number) noexcept
    : core_(std::move(core)), number_(number) {}
  expected<changes> change(std::string_view sql, detail::change_ref work);
  [[nodiscard]] expected<detail::pool_view> begin_read();
  expected<void> end_read(const detail::pool_view& view, const error* problem);

  std::shared_ptr<detail::pool_core> core_;
  std::uint32_t number_;
};

/// A reference to one pool; copies share it. The last one closes it, unless the process holds it
/// (`shared`). *Thread-safe*.
///
/// Lending is first in, first out: 1, 2, 3, … at first, then whichever is idle for longest. Which
/// of several waiting threads gets a connection that comes back is not defined.
///
/// A pool of a file opens it as `database::open` does: whoever else opens it in this process shares
/// it, and needs the same options.
class connection_pool {
public:
  /// Makes a pool of its own, with all connections opened. `path` is a file in a folder that
  /// exists, or `":memory:"`: one database for all of its connections. Errors: `invalid_argument`
  /// naming every bad option; as `database::open` beside that, with "unable to open database file"
  /// in front where it cannot be reached.
  [[nodiscard]] static expected<connection_pool> open(const runtime& rt, const std::string& path,
                                                      pool_options options = {});
  /// The same with a runtime of its own.
  [[nodiscard]] static expected<connection_pool> open(const std::string& path,
                                                      pool_options options = {});

  /// The pool of that file which the process holds, whatever the spelling of the path; made at the
  /// first request, and again after it was closed. The first request decides about the options:
  /// later ones that ask for another size, timeout or limit get it as it is, which is logged and
  /// counted; those that name no options do not mind. Errors: as `open`; `forked` in a child whose
  /// parent holds it.
  [[nodiscard]] static expected<connection_pool> shared(const runtime& rt, const std::string& path,
                                                        std::optional<pool_options> options = {});
  [[nodiscard]] static expected<connection_pool> shared(const std::string& path,
                                                        std::optional<pool_options> options = {});

  /// Lends the connection that is idle for longest; waits for one for at most `timeout`.
  /// Errors: `timeout` at stage `reader`: "Could not acquire database connection …", with the time
  /// and the size; `closed` at once; `forked`; `would_deadlock` inside a handler, a read or a write
  /// function; `io`, `corrupt` if it failed before and still does.
  [[nodiscard]] expected<pooled_connection> borrow();

  /// Lends no more, closes what is idle and waits for the others within `close_patience`, then
  /// closes the file; borrowers may finish what they do. It leaves the process' registry. Further
  /// calls close nothing. Errors: `forked`; `would_deadlock`.
  expected<pool_closing> close();
  expected<pool_closing> close(std::chrono::nanoseconds within);

  [[nodiscard]] bool closed() const noexcept;
  /// True if the process holds it.
  [[nodiscard]] bool registered() const noexcept;
  [[nodiscard]] pool_stats stats() const;
  /// The same as `runtime::report` has it; without a kind once the pool is closed.
  [[nodiscard]] service_report describe() const;
  [[nodiscard]] const pool_options& options() const noexcept;
  /// The canonical path, or `":memory:"`.
  [[nodiscard]] const std::string& path() const noexcept;

  /// True if both refer to the same pool.
  friend bool operator==(const connection_pool& a, const connection_pool& b) noexcept {
    return a.core_ == b.core_;
  }

private:
  explicit connection_pool(std::shared_ptr<detail::pool_core> core) noexcept
    : core_(std::move(core)) {}

  std::shared_ptr<detail::pool_core> core_;
};

/// Closes a pool at the end of a scope, unless the process holds it. *Not thread-safe*.
class pool_scope {
public:
  explicit pool_scope(connection_pool pool) noexcept : pool_(std::move(pool)) {}
  pool_scope(const pool_scope&) = delete;
  pool_scope& operator=(const pool_scope&) = delete;
  ~pool_scope();

  [[nodiscard]] connection_pool& operator*() noexcept { return pool_; }
  [[nodiscard]] connection_pool* operator->() noexcept { return &pool_; }

private:
  connection_pool pool_;
};

/// Closes every pool that the process holds, each within its patience, and forgets them. What they
/// did together comes back. Errors: `would_deadlock` inside a handler.
expected<pool_closing> close_all_pools();

} // namespace cortex::storage
