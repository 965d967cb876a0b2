// The part of the writer that keeps the log short: it alone checkpoints.

#include "cortex/storage/sqlite_error.hpp"
#include "cortex/storage/writer.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>

namespace cortex::storage::detail {

void writer::maintain() noexcept {
  if (around_.readers == nullptr || on_ == nullptr)
    return;
  on_->count_cache_at_times();
  if (over_memory_budget()) {
    around_.readers->drop_caches(true);
    if (above_memory_goal())
      on_->drop_cache();
  }
  const auto pages = static_cast<std::uint64_t>(on_->wal_pages());
  if (pages < last_pages_) { // the log began anew
    add_relaxed(counters_.log_resets);
    next_checkpoint_ = around_.options.checkpoint_pages;
    next_reset_ = 0;
  }
  last_pages_ = pages;
  if (govern(pages)) { // somebody who was in the way ends now
    next_checkpoint_ = 0;
    next_reset_ = 0;
  }
  if (pages < next_checkpoint_)
    return;
  // An open snapshot keeps the log from being used from its beginning again.
  around_.readers->end_idle_snapshots();
  const auto left = checkpoint(false);
  // Reads that overlap would do the same for ever. Those that are quick are waited for; who begins
  // after that sees the file alone, and the next write begins the log anew.
  constexpr std::chrono::microseconds quick{200};
  const bool alone = around_.readers->close_gate(std::chrono::steady_clock::now() + quick);
  if (alone && !(left && *left == 0))
    static_cast<void>(checkpoint(false));
  around_.readers->open_gate();
  const auto budget = around_.options.wal_budget_bytes / log_page_bytes;
  if (pages >= std::max(budget, next_reset_))
    empty_log();
}

expected<std::uint64_t> writer::checkpoint(bool empty_log) noexcept {
  if (on_ == nullptr)
    reopen();
  if (on_ == nullptr)
    return fail(errc::io, "the database could not be opened again after a failed sync");
  // What is copied back must be on the disk in the log first, or a power cut leaves a mixture.
  if (log_doubtful_) {
    if (auto whole = rewrite_log(); !whole) {
      next_checkpoint_ = static_cast<std::uint64_t>(on_->wal_pages())
                         + around_.options.checkpoint_pages;
      return unexpected{std::move(whole).error()};
    }
  }
  int in_log = 0;
  int copied = 0;
  // Our own readers are out; those of another process get no longer than ours did.
  if (empty_log)
    on_->set_busy_timeout(around_.options.reader_patience);
  const int code = sqlite3_wal_checkpoint_v2(
    on_->raw(), nullptr, empty_log ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
    &in_log, &copied);
  if (empty_log)
    on_->set_busy_timeout(around_.options.busy_timeout);
  const auto step = around_.options.checkpoint_pages;
  const bool whole = code == SQLITE_OK && in_log == copied;
  if (whole) {
    add_relaxed(counters_.checkpoints);
    forget_pinned();
    next_checkpoint_ = step;
    if (in_log > 0 && static_cast<std::uint64_t>(on_->wal_pages()) >= step)
      // Copied, but the log goes on growing from here if a reader still looks at it.
      next_checkpoint_ = static_cast<std::uint64_t>(on_->wal_pages()) + step;
  } else {
    note_pinned();
    next_checkpoint_ = static_cast<std::uint64_t>(on_->wal_pages()) + step;
  }
  if (empty_log && code == SQLITE_OK) {
    on_->set_wal_pages(0);
    last_pages_ = 0;
    next_reset_ = 0;
    add_relaxed(counters_.log_resets);
    counters_.wal_pages.store(0, std::memory_order_relaxed);
    if (around_.readers != nullptr)
      static_cast<void>(govern(0));
    next_checkpoint_ = step;
  }
  if (code != SQLITE_OK && code != SQLITE_BUSY) {
    log_doubtful_ = log_doubtful_ || is_sync_failure(code);
    auto problem = translate(code, "checkpoint", on_->raw());
    around_.log(severity::warning, to_string(problem));
    return fail(std::move(problem));
  }
  return static_cast<std::uint64_t>(std::max(in_log - copied, 0));
}

// After a failed sync Linux may drop the pages that it could not write while it still shows them to
// readers: a second sync that says 0 proves nothing (Rebello et al., "Can Applications Recover from
// fsync Failures?", 2020). Commits that come after such a gap in the log would be lost with it. So
// the log is written again as it reads, and synced, before anything is promised.
expected<void> writer::rewrite_log() noexcept {
  if (const int code = on_->run(connection::fixed::begin_write); code != SQLITE_OK)
    return fail(translate(code, "cannot begin to repair the log", on_->raw()));
  const int code = [this] {
    sqlite3_file* log = nullptr;
    sqlite3_file_control(on_->raw(), "main", SQLITE_FCNTL_JOURNAL_POINTER,
                         static_cast<void*>(&log));
    if (log == nullptr || log->pMethods == nullptr)
      return SQLITE_OK;
    sqlite3_int64 size = 0;
    int result = log->pMethods->xFileSize(log, &size);
    std::array<char, 32'768> part{};
    for (sqlite3_int64 at = 0; result == SQLITE_OK && at < size;) {
      const auto length
        = static_cast<int>(std::min(size - at, static_cast<sqlite3_int64>(part.size())));
      result = log->pMethods->xRead(log, part.data(), length, at);
      if (result == SQLITE_OK)
        result = log->pMethods->xWrite(log, part.data(), length, at);
      at += length;
    }
    return result == SQLITE_OK ? log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) : result;
  }();
  on_->run(connection::fixed::rollback);
  if (code != SQLITE_OK)
    return fail(translate(code, "cannot repair the log after a failed sync"));
  log_doubtful_ = false;
  return {};
}

// Short reads that always overlap keep the log growing without any of them being old. So the door
// is shut for a moment: nobody comes in, those inside are awaited.
void writer::empty_log() noexcept {
  auto& readers = *around_.readers;
  const bool alone = readers.close_gate(
    deadline_after(std::chrono::steady_clock::now(), around_.options.reader_patience));
  if (!alone)
    note_pinned();
  const bool emptied = alone && checkpoint(true) && on_->wal_pages() == 0;
  if (!emptied && on_ != nullptr) {
    const auto pages = static_cast<std::uint64_t>(on_->wal_pages());
    next_reset_ = pages + std::max<std::uint64_t>(around_.options.checkpoint_pages, pages / 4);
    around_.log(severity::warning,
                "the log is over its budget, kept by " + (alone ? "another process" : pinned_by()));
  }
  readers.open_gate();
}

void writer::note_pinned() noexcept {
  std::string names;
  for (const auto& each : around_.readers->pinning(around_.clock.now()))
    names += (names.empty() ? "" : ", ") + each.what.owner;
  const std::lock_guard guard{pinned_mutex_};
  pinned_by_ = std::move(names);
}

void writer::forget_pinned() noexcept {
  const std::lock_guard guard{pinned_mutex_};
  pinned_by_.clear();
}

std::string writer::pinned_by() const {
  const std::lock_guard guard{pinned_mutex_};
  return pinned_by_;
}

// SQLite counts commits by other connections; ours are this one's, so any other is a foreign one.
void writer::notice_foreign_changes(monotonic_time now) noexcept {
  constexpr std::chrono::milliseconds pause{100};
  if (on_ == nullptr || now - version_checked_ < pause)
    return;
  version_checked_ = now;
  const auto version = on_->data_version();
  if (version == seen_version_)
    return;
  seen_version_ = version;
  add_relaxed(counters_.foreign_changes);
  commits_.fetch_add(1, std::memory_order_seq_cst); // kept snapshots are out of date
}

} // namespace cortex::storage::detail
