// The part of the writer that keeps the log short: it alone checkpoints.

#include "cortex/storage/sqlite_error.hpp"
#include "cortex/storage/writer.hpp"

#include <sqlite3.h>

namespace cortex::storage::detail {
namespace {

constexpr std::uint64_t page_bytes = 4096; // SQLite's default; a budget need not be exact

} // namespace

void writer::maintain() noexcept {
  if (around_.readers == nullptr || on_ == nullptr)
    return;
  const auto pages = static_cast<std::uint64_t>(on_->wal_pages());
  if (pages < last_pages_)
    next_checkpoint_ = around_.options.checkpoint_pages; // the log began anew
  last_pages_ = pages;
  if (pages < next_checkpoint_)
    return;
  // An open snapshot keeps the log from being used from its beginning again.
  around_.readers->end_idle_snapshots();
  const bool whole = checkpoint(false) == 0;
  // Reads that overlap would do the same for ever. Those that are quick are waited for; who begins
  // after that sees the file alone, and the next write begins the log anew.
  constexpr std::chrono::microseconds quick{200};
  const bool alone = around_.readers->close_gate(std::chrono::steady_clock::now() + quick);
  if (alone && !whole)
    static_cast<void>(checkpoint(false));
  around_.readers->open_gate();
  if (alone) {
    add_relaxed(counters_.log_resets);
    return;
  }
  const auto budget = around_.options.wal_budget_bytes / page_bytes;
  if (pages >= std::max(budget, next_reset_))
    empty_log();
}

int writer::checkpoint(bool empty_log) noexcept {
  int in_log = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(
    on_->raw(), nullptr, empty_log ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
    &in_log, &copied);
  const auto step = around_.options.checkpoint_pages;
  const bool whole = code == SQLITE_OK && in_log == copied;
  if (whole) {
    add_relaxed(counters_.checkpoints);
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
    counters_.wal_pages.store(0, std::memory_order_relaxed);
    next_checkpoint_ = step;
  }
  if (code != SQLITE_OK && code != SQLITE_BUSY)
    around_.log(severity::warning, to_string(translate(code, "checkpoint", on_->raw())));
  return in_log - copied;
}

// Short reads that always overlap keep the log growing without any of them being old. So the door
// is shut for a moment: nobody comes in, those inside are awaited.
void writer::empty_log() noexcept {
  auto& readers = *around_.readers;
  const auto patience = std::chrono::steady_clock::now() + around_.options.reader_patience;
  if (readers.close_gate(patience)) {
    static_cast<void>(checkpoint(true));
    add_relaxed(counters_.log_resets);
    next_reset_ = 0;
  } else {
    note_pinned();
    const auto pages = static_cast<std::uint64_t>(on_->wal_pages());
    next_reset_ = pages + std::max<std::uint64_t>(around_.options.checkpoint_pages, pages / 4);
    around_.log(severity::warning, "the log is over its budget, kept by " + pinned_by());
  }
  readers.open_gate();
}

void writer::note_pinned() noexcept {
  std::string names;
  for (const auto& info : around_.readers->at_work(around_.clock.now()))
    names += (names.empty() ? "" : ", ") + info.owner;
  const std::lock_guard guard{pinned_mutex_};
  pinned_by_ = std::move(names);
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
