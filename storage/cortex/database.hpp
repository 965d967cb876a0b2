/// A SQLite database with one writer, group commit and leased readers.
#pragma once

#include "cortex/backup.hpp"
#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/metrics.hpp"
#include "cortex/runtime.hpp"
#include "cortex/schema.hpp"
#include "cortex/statement.hpp"
#include "cortex/write.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortex::storage {

/// How one read is done.
struct read_options {
  /// Shown by `stats` while the read holds a connection. Must outlive the read.
  std::string_view owner = "read";
  /// Time to get a connection; zero = the database's default.
  std::chrono::nanoseconds deadline{0};
  /// Time from then on; zero = the database's default. A statement that runs when it is up ends
  /// within some thousand steps of SQLite's, at its next row at the latest, and no further one
  /// begins.
  std::chrono::nanoseconds run_for{0};
  /// Ends the read in the same way, and its wait for a connection: `cancelled`.
  std::stop_token stop{};
  /// Replaces `governor_options::interrupt_after` for this one; zero = as it says there,
  /// `nanoseconds::max()` = never. For a backup or a check that must see one state to its end.
  std::chrono::nanoseconds pin_for{0};
};

/// A reader that keeps a log that is over its budget from being emptied.
struct pinned_log {
  std::string owner;
  std::chrono::nanoseconds age{0}; ///< Of its snapshot.
  std::uint64_t pages = 0;         ///< Written to the log since.
  bool ended = false;              ///< It was told to end; before that it is named once.
};

/// What is done about readers that keep the log over `wal_budget_bytes`. Times count from when the
/// log passed the budget, or from when the reader took its snapshot if that was later; they are
/// looked at after each commit, for without commits the log does not grow.
struct governor_options {
  /// From then on the reader is named: one line for the log sink, one call of `on_pinned`. Range
  /// >= 0.
  std::chrono::nanoseconds warn_after = std::chrono::seconds{1};
  /// From then on it is interrupted, see `read_lease`. Range >= 0; `nanoseconds::max()` = never.
  /// The default is that of `default_deadline`: who asked for a read has given it up by then.
  std::chrono::nanoseconds interrupt_after = std::chrono::seconds{30};
  /// Called by the thread that commits: be quick, and use no database. What it throws is dropped.
  std::function<void(const pinned_log&)> on_pinned{};
  /// When even that has not emptied the log (another process reads, a function keeps a row and does
  /// not ask for the next one), from `interrupt_after` on, or `warn_after` if that is never, each
  /// group waits before it begins: not at all at the budget, half of this at twice the budget.
  /// Range
  /// >= 0; 0 = writes are never slowed. The default keeps a write far below its own deadline.
  std::chrono::nanoseconds longest_delay = std::chrono::milliseconds{100};
  /// At this size of the log writes are `no_space`, until a reader lets it be emptied. 0 = no limit
  /// but that of the disk; else at least `wal_budget_bytes`.
  std::size_t wal_limit_bytes = 0;
};

/// Whether a database is opened for changes.
enum class access : std::uint8_t {
  read_write,
  read_only, ///< Beside a writer, in this process or another one; the file must exist.
};

/// How a database is opened. All openers of one file in a process share the options of the first.
struct database_options {
  storage::access access = access::read_write;
  storage::schema schema{};
  /// Level of writes that name none.
  durability level = durability::committed;
  /// Read connections. Range 1 to 64.
  std::size_t readers = 4;
  /// Threads that serve queued reads; they start with the first one. Range 1 to 16.
  std::size_t reader_threads = 2;
  /// Writes that may wait in one lane; further ones are `overloaded`. Range >= 1.
  std::size_t lane_bound = 262'144;
  /// Most writes in one commit. Range >= 1. 1,024 rows reach nine tenths of what a commit of any
  /// size does (storage/pipelined rows of bench/run).
  std::size_t max_group = 1024;
  /// A group ends when its statements have bound this much. Range >= 1.
  std::size_t max_group_bytes = std::size_t{8} << 20U;
  /// Time for reads and writes that name none. Range > 0.
  std::chrono::nanoseconds default_deadline = std::chrono::seconds{30};
  /// `read_options::run_for` of reads that name none. Range > 0. No bound unless asked: a read that
  /// nobody waits for and that is in nobody's way may take its time.
  std::chrono::nanoseconds default_run_for = std::chrono::nanoseconds::max();
  /// How long another process may hold the file's lock. Range 0 to 24 days.
  std::chrono::milliseconds busy_timeout{5000};
  /// A checkpoint is tried when the log has grown by this much. Range >= 1.
  std::size_t checkpoint_pages = 1000;
  /// Over this size of the log new readers wait until it was emptied. Range >= 1 MiB.
  std::size_t wal_budget_bytes = std::size_t{64} << 20U;
  /// Longest wait for running reads before the log is emptied. Range > 0.
  std::chrono::milliseconds reader_patience{100};
  governor_options governor{};
  /// Page cache of each connection. Range 1 to 2^31 - 1.
  std::size_t cache_kib = 64'000;
  /// Name of a registered SQLite VFS; empty = the default one.
  std::string vfs{};
  /// Keeps all other processes out, readers and those that do not know the writer's lock too, and
  /// so needs no system calls for locks: see storage/README.md for what it brings. Danger: code in
  /// this process that opens the file with an SQLite connection of its own is not noticed, and can
  /// destroy it. Not together with `vfs` or `read_only`.
  bool exclusive = false;
  /// Opens files on network file systems, where locks of other machines may not be seen.
  bool allow_network_file_system = false;
};

/// All that is wrong with the options, in one error. Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const database_options& options);

/// One lane at one instant.
struct lane_stats {
  std::uint64_t waiting = 0;      ///< Writes in it now.
  std::uint64_t acknowledged = 0; ///< Writes acknowledged.
  std::uint64_t refused = 0;      ///< Writes that were `overloaded`: over the lane's bound.
};

/// A reader at work.
struct reader_info {
  std::string owner;
  std::chrono::nanoseconds age{0};
};

/// A database at one instant.
struct database_stats {
  std::string path;
  std::uint64_t commits = 0;       ///< Groups committed.
  std::uint64_t writes = 0;        ///< Writes acknowledged.
  std::uint64_t failed_writes = 0; ///< Writes answered with an error.
  std::uint64_t slices = 0;        ///< Slices committed, see `write_slices`.
  std::uint64_t largest_group = 0;
  std::uint64_t reruns = 0;                   ///< Groups run again because a member failed.
  std::uint64_t waiting_writes = 0;           ///< In the lanes now.
  std::array<lane_stats, lane_count> lanes{}; ///< By `lane`. Borrowed connections use none.
  std::uint64_t reads = 0;                    ///< Leases given.
  std::uint64_t reader_waits = 0;             ///< Leases that had to wait.
  std::uint64_t queued_reads = 0;             ///< Reads that wait for a reader thread now.
  std::uint64_t checkpoints = 0;              ///< Times that the log was copied back in full.
  std::uint64_t log_resets = 0;               ///< Times that the log began anew.
  std::uint64_t wal_pages = 0;                ///< Length of the log after the last commit.
  std::uint64_t wal_bytes = 0;                ///< The same in bytes; the file may be longer.
  std::uint64_t foreign_changes = 0;          ///< Changes by other programs that were noticed.
  std::vector<reader_info> readers;           ///< Connections at work, oldest first.
  std::string pinned_by;                  ///< Who kept the log from being emptied, at the last try.
  latency_summary commit_time;            ///< BEGIN to COMMIT of each group.
  std::uint64_t readers_named = 0;        ///< Warned of, for the log that they pinned.
  std::uint64_t readers_interrupted = 0;  ///< Told to end for it.
  std::uint64_t slowed_groups = 0;        ///< Groups that had to wait for it,
  std::chrono::nanoseconds slowed_for{0}; ///< and for how long.
};

namespace detail {

class database_core;
class pool_core;
class reader;

/// Runs a read function and turns what it throws into an error.
template <class F>
expected<yield_t<F, snapshot>> call_read(F& work, snapshot& view) noexcept {
  using value = yield_t<F, snapshot>;
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, snapshot&>>) {
      work(view);
      return {};
    } else {
      return expected<value>{work(view)};
    }
  } catch (const std::exception& bug) {
    return fail(errc::internal, std::string{"a read function threw: "} + bug.what());
  } catch (...) {
    return fail(errc::internal, "a read function threw");
  }
}

/// The same; what a function makes of the rows that it got before it was told to stop is no result.
template <class F>
expected<yield_t<F, snapshot>> run_read(F& work, snapshot& view) noexcept {
  auto result = call_read(work, view);
  if (auto told = told_to_stop(view))
    return unexpected{*std::move(told)};
  return result;
}

/// A read that waits for a reader thread.
class pending_read {
public:
  pending_read() = default;
  pending_read(const pending_read&) = delete;
  pending_read& operator=(const pending_read&) = delete;
  virtual void run(snapshot& view) noexcept = 0;
  [[nodiscard]] virtual cortex::detail::slot_base& slot() noexcept = 0;

  read_options options;

protected:
  ~pending_read() = default;
};

template <class F>
class read_slot final : public cortex::detail::reply_slot<yield_t<F, snapshot>>,
                        public pending_read {
public:
  explicit read_slot(F&& work) : work_(std::move(work)) {}
  void run(snapshot& view) noexcept override { this->complete(run_read(work_, view)); }
  [[nodiscard]] cortex::detail::slot_base& slot() noexcept override { return *this; }

private:
  F work_;
};

} // namespace detail

/// A reader connection on loan: one snapshot, on the caller's own thread, for as long as it is
/// held. Give it back soon: while it is held the log cannot be emptied. *Not thread-safe*.
///
/// Errors of its statements beside their own, once its use is to end: `cancelled`; `timeout` at
/// stage `execute` (`run_for` is over); `timeout` at stage `reader` if it has pinned the log for
/// too long (`governor_options`): then the state that it saw is given up as soon as no cursor is
/// open, and reading on takes another lease.
class read_lease {
public:
  read_lease(read_lease&& other) noexcept;
  read_lease& operator=(read_lease&& other) noexcept;
  read_lease(const read_lease&) = delete;
  read_lease& operator=(const read_lease&) = delete;
  ~read_lease();

  [[nodiscard]] snapshot& operator*() noexcept { return view_; }
  [[nodiscard]] snapshot* operator->() noexcept { return &view_; }

private:
  friend class database;
  read_lease(std::shared_ptr<detail::database_core> core, detail::reader* held,
             detail::connection& on) noexcept;

  std::shared_ptr<detail::database_core> core_;
  detail::reader* held_; // null: the turn on the only connection of a memory database
  snapshot view_;
};

/// A reference to one database; copies share it, the last one closes it. It may go anywhere, inside
/// a write function too: the runtime's continuations close the database then. *Thread-safe*.
///
/// Errors of every operation beside its own: `closed`; `forked`; `would_deadlock` for the blocking
/// forms inside a handler or a write or read function; `timeout`, at stage `admission`, `lane`,
/// `execute` (also a read's `run_for`), `commit` (it may still take effect) or `reader`, or
/// `handler` for a queued read that had begun; `cancelled`; `overloaded`; `unavailable` for a
/// queued read if no thread can be started for it; `read_only`; `no_space`; `io`; `corrupt`;
/// `outcome_unknown` when flushing the log failed; what the function returns; `internal` if it
/// throws.
class database {
public:
  /// Opens or makes a database that belongs to a runtime and is closed with it at the latest.
  /// `path` is a file or `":memory:"`, which is private to this reference and its copies and cannot
  /// be read-only.
  /// Missing folders are made with mode 0700, the file with 0600. Opening a file blocks: it is
  /// refused with `would_deadlock` inside a handler or a write or read function.
  ///
  /// Errors: `invalid_argument` (options, path, or options that differ from an earlier open);
  /// `in_use` naming the process that has it open for writing; `timeout` naming what keeps a
  /// database of the same file, closed earlier, from its end; `not_found` (read-only);
  /// `permission`; `read_only`; `corrupt`; `newer_format`; `unsupported` (file system); `io`.
  [[nodiscard]] static expected<database> open(const runtime& rt, const std::string& path,
                                               database_options options = {});
  /// The same with a runtime of its own.
  [[nodiscard]] static expected<database> open(const std::string& path,
                                               database_options options = {});

  /// Runs `work(transaction&)` and commits. Returns once the level is reached. What `work` returns
  /// (`T`, `expected<T>` or nothing) comes back in `written`; an error undoes the whole write.
  ///
  /// `work` may run on another thread and more than once, as other callers' writes share the commit
  /// and one of them may fail: it must change nothing outside the transaction.
  template <class F>
  auto write(F work, std::optional<write_options> options = {})
    -> expected<written<detail::yield_t<F, transaction>>> {
    if (auto refused = cortex::detail::blocking_refused("a write"))
      return unexpected{*std::move(refused)};
    auto sealed = seal_write(std::move(work), options);
    sealed->ref();
    if (auto arrived = submit_and_wait(*sealed); !arrived)
      return unexpected{std::move(arrived).error()};
    return sealed->take();
  }

  /// The same; the reply comes in a future.
  template <class F>
  auto write_async(F work, std::optional<write_options> options = {})
    -> future<written<detail::yield_t<F, transaction>>> {
    using value = written<detail::yield_t<F, transaction>>;
    auto sealed = seal_write(std::move(work), options);
    sealed->ref();
    submit(*sealed);
    return cortex::detail::make_future<value>(
      cortex::detail::slot_ptr<cortex::detail::reply_slot<value>>{std::move(sealed)});
  }

  /// Does a long piece of work in slices, so that other writes commit in between.
  /// `work(transaction&)` does one step, for example 50 rows, and returns `step::more` or
  /// `step::done`, or an `expected<step>`. It is called again and again, each time once, on any
  /// thread, one call after the other: it may remember where it is.
  ///
  /// Each slice is a transaction of its own. It ends with the first step after
  /// `slice_options::slice`, after which more urgent writes wait, or after which it has bound
  /// `max_group_bytes`; then it commits and the work goes to the end of its lane. Between two
  /// slices, of whatever work, a group of other writes commits if any wait: those wait for one
  /// slice at most.
  ///
  /// An error undoes its own slice and ends the work; **slices before it stay committed**, and the
  /// detail says how many. So do a cancel, a deadline that passes, and closing the database, which
  /// ends the work after its slice with `closed`.
  template <class F>
  expected<written_slices> write_slices(F work, slice_options options = {}) {
    if (auto refused = cortex::detail::blocking_refused("a write"))
      return unexpected{*std::move(refused)};
    auto sealed = seal_slices(std::move(work), options);
    sealed->ref();
    if (auto arrived = submit_and_wait(*sealed); !arrived)
      return unexpected{std::move(arrived).error()};
    return sealed->take();
  }

  /// The same; the reply comes in a future.
  template <class F>
  future<written_slices> write_slices_async(F work, slice_options options = {}) {
    auto sealed = seal_slices(std::move(work), options);
    sealed->ref();
    submit(*sealed);
    return cortex::detail::make_future<written_slices>(
      cortex::detail::slot_ptr<cortex::detail::reply_slot<written_slices>>{std::move(sealed)});
  }

  /// Runs `work(snapshot&)` on the calling thread with a leased connection. It sees every write
  /// that was acknowledged before.
  template <class F>
  auto read(F work, const read_options& options = {}) -> expected<detail::yield_t<F, snapshot>> {
    auto held = lease(options);
    if (!held)
      return unexpected{std::move(held).error()};
    const cortex::detail::no_blocking_scope inside{"a read function"};
    return detail::run_read(work, **held);
  }

  /// Runs `work(snapshot&)` on a reader thread; the answer comes in a future.
  template <class F>
  auto read_async(F work, const read_options& options = {})
    -> future<detail::yield_t<F, snapshot>> {
    using value = detail::yield_t<F, snapshot>;
    auto sealed
      = cortex::detail::slot_ptr<detail::read_slot<F>>{new detail::read_slot<F>(std::move(work))};
    sealed->options = options;
    sealed->ref();
    submit(*sealed);
    return cortex::detail::make_future<value>(
      cortex::detail::slot_ptr<cortex::detail::reply_slot<value>>{std::move(sealed)});
  }

  /// Takes a reader connection with a fresh snapshot. Errors: `timeout` naming the holders.
  [[nodiscard]] expected<read_lease> lease(const read_options& options = {});

  /// Copies the log back into the file as far as readers allow. Returns the pages left in the log.
  expected<std::uint64_t> checkpoint();
  /// SQLite's `quick_check`: empty if the file is sound, else what is wrong. Reads the whole file.
  [[nodiscard]] expected<std::vector<std::string>> quick_check();
  /// SQLite's `integrity_check` and `foreign_key_check`, on a reader: empty if all is well, else
  /// what is wrong, a line each. Errors: `invalid_argument` (options); `cancelled`; `timeout`.
  [[nodiscard]] expected<std::vector<std::string>> integrity_check(const check_options& options
                                                                   = {});
  /// Brings the statistics of the query planner up to date, in the lane for maintenance. Looks at
  /// 400 rows of each index, so it takes milliseconds for each.
  expected<void> optimize(std::chrono::nanoseconds deadline = std::chrono::nanoseconds{0});

  /// Copies the database, as it is at one commit, into one file while reads and writes go on. The
  /// file has no log, mode 0600, and appears under its name when it is complete, checked and
  /// flushed; until then it is `<target>.partial`, which a killed process leaves behind and the
  /// next backup to the same place removes.
  ///
  /// One reader is in use while pages are copied, and the log cannot be emptied: it grows by what
  /// is written meanwhile, over its budget if need be, and then costs writers `reader_patience`
  /// now and then, as any long lease does. The governor names it, but never ends it. Writes to a
  /// memory database wait until the end.
  ///
  /// Errors: `invalid_argument` (options, path, no regular file); `not_found` (the folder);
  /// `already_exists` (without `overwrite`); `in_use`: the target is open in this process, this
  /// database itself included, or has a log of its own, or is being written by another backup;
  /// `cancelled`; `timeout`; `corrupt` if the copy does not pass its check; `closed` if the
  /// database is closed meanwhile; `permission`, `no_space`, `io`; `internal` if the progress
  /// function throws; `outcome_unknown` if the file is in place and its folder could not be
  /// flushed. In every case but the last the target stays as it was.
  [[nodiscard]] expected<backup_report> backup(const std::string& target,
                                               const backup_options& options = {});
  /// The same on a thread of the database's own; one after the other, if there are several. Closing
  /// the database ends it, so keep a reference until the answer is there.
  [[nodiscard]] future<backup_report> backup_async(std::string target, backup_options options = {});
  [[nodiscard]] database_stats stats() const;
  /// The same as `runtime::report` has it; without a kind once the database is closed.
  [[nodiscard]] service_report describe() const;
  /// The number of the newest commit.
  [[nodiscard]] std::uint64_t commit_number() const noexcept;
  /// The canonical path, or `":memory:"`.
  [[nodiscard]] const std::string& path() const noexcept;

  /// Refuses new work, finishes what waits, empties the log and closes the file. All copies of the
  /// reference are `closed` then. A write or read function that goes on is awaited for as long as
  /// `within` says, as are leases. What there was no time for is done by the next call, or with the
  /// last reference, which waits for such functions to return. While a write goes on the file
  /// cannot be opened again. Errors: `timeout` naming what was still under way.
  expected<void> close(std::chrono::nanoseconds within);

private:
  friend class detail::pool_core;
  database(std::shared_ptr<detail::database_core> core, std::shared_ptr<void> lifetime,
           storage::access access) noexcept;

  template <class F>
  auto seal_write(F&& work, const std::optional<write_options>& options)
    -> cortex::detail::slot_ptr<detail::write_slot<F>> {
    auto sealed
      = cortex::detail::slot_ptr<detail::write_slot<F>>{new detail::write_slot<F>(std::move(work))};
    sealed->options = options.value_or(default_write());
    return sealed;
  }
  template <class F>
  auto seal_slices(F&& work, const slice_options& options)
    -> cortex::detail::slot_ptr<detail::slice_slot<F>> {
    auto sealed
      = cortex::detail::slot_ptr<detail::slice_slot<F>>{new detail::slice_slot<F>(std::move(work))};
    set_up(*sealed, options);
    return sealed;
  }
  void set_up(detail::sliced_write& what, const slice_options& options) const noexcept;
  [[nodiscard]] write_options default_write() const noexcept;
  [[nodiscard]] bool refuse_write(cortex::detail::slot_base& slot) const noexcept;
  [[nodiscard]] expected<void> submit_and_wait(detail::pending_write& what);
  void submit(detail::pending_write& what);
  void submit(detail::pending_read& what);

  std::shared_ptr<detail::database_core> core_;
  std::shared_ptr<void> lifetime_; // the last copy closes the database
  storage::access access_ = access::read_write;
};

} // namespace cortex::storage
