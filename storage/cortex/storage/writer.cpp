#include "cortex/storage/writer.hpp"

#include "cortex/request_trace.hpp"
#include "cortex/storage/slices.hpp"
#include "cortex/storage/sqlite_error.hpp"

#include <sched.h>
#include <sqlite3.h>

#include <chrono>

namespace cortex::storage::detail {

using cortex::detail::moment;

writer::writer(std::unique_ptr<connection> on, writer_surroundings around,
               std::atomic<std::uint64_t>& commits)
  : around_(std::move(around)),
    commits_(commits),
    lanes_(around_.options, around_.connect.path),
    on_(std::move(on)),
    governor_(around_.options.governor, around_.options.wal_budget_bytes / log_page_bytes),
    next_checkpoint_(around_.options.checkpoint_pages) {
  group_.reserve(around_.options.max_group);
  watch_transactions();
  seen_version_ = on_->data_version();
}

// -- groups ---------------------------------------------------------------------------------------

void writer::collect() noexcept {
  lanes_.take(group_);
  if (group_.empty())
    sched_yield(); // counted, but its enqueue has not returned yet
  else
    screen();
}

namespace {

// Whether the asker of a write that can no longer be withdrawn wants it no more.
bool asked_to_stop(pending_write& what) noexcept {
  return what.slot().asked_to_stop() || what.options.stop.stop_requested();
}

} // namespace

// Answers those whose time is up, and drops those that were withdrawn.
void writer::screen() noexcept {
  const auto now = around_.clock.now();
  collected_at_ = now;
  std::erase_if(group_, [&](pending_write* member) {
    auto& slot = member->slot();
    if (slot.deadline <= now) {
      answer(*member,
             {errc::timeout, "the writer of '" + around_.connect.path + "' was busy", stage::lane});
      return true;
    }
    if (asked_to_stop(*member)) {
      answer(*member, {errc::cancelled, "withdrawn by the asker"});
      return true;
    }
    if (member->sliced != nullptr && lanes_.refusing()) { // it could go on for ever
      answer(*member, {errc::closed, "'" + around_.connect.path + "' was closed"});
      return true;
    }
    if (slot.begin())
      return false;
    slot.unref(); // withdrawn, and answered by whoever did it
    return true;
  });
}

// A flush takes as long as many writes: whoever was just answered gets the time to come back, or
// callers would take turns in two half groups (write_synced/8 of bench/run: 1.8 times the writes).
// Not for longer than about a flush: where other programs keep the processors busy, each yield
// costs a time slice.
void writer::gather() noexcept {
  constexpr int patience = 64;
  constexpr std::chrono::microseconds longest{200};
  if (level_ != durability::synced || lanes_.waiting() >= company_)
    return;
  const auto until = std::chrono::steady_clock::now() + longest;
  for (int i = 0; i < patience && lanes_.waiting() < company_; ++i) {
    sched_yield();
    if (std::chrono::steady_clock::now() >= until)
      return;
  }
}

void writer::run_group() noexcept {
  slow_down();
  collect();
  commit_group();
}

void writer::commit_group() noexcept {
  if (group_.empty())
    return;
  const auto members_now = group_.size();
  notice_foreign_changes(group_.front()->slot().enqueued);
  auto level = durability::committed;
  for (const auto* member : group_)
    level = std::max(level, member->options.level);
  // First as if all will go well; if one member fails, with a savepoint around each; if that breaks
  // down as well, everyone in a transaction of its own.
  auto ended = attempt(group_, level, false);
  if (ended == verdict::again && !group_.empty()) {
    add_relaxed(counters_.reruns);
    ended = attempt(group_, level, true);
  }
  if (ended == verdict::again || ended == verdict::commit_failed)
    each_alone(group_);
  company_ = members_now + lanes_.waiting();
  maintain();
}

writer::verdict writer::attempt(members& group, durability level, bool savepoints) noexcept {
  if (group.empty())
    return verdict::answered;
  if (on_ == nullptr)
    reopen();
  if (on_ == nullptr) {
    answer_all(group, {errc::io, "the database could not be opened again after a failed sync"});
    return verdict::answered;
  }
  if (auto full = refuse_for_log()) {
    answer_all(group, *full);
    return verdict::answered;
  }
  if (auto set = set_level(level); !set) {
    answer_all(group, set.error());
    return verdict::answered;
  }
  if (log_doubtful_ && level == durability::synced) {
    if (auto whole = rewrite_log(); !whole) {
      answer_all(group, whole.error());
      return verdict::answered;
    }
  }
  const auto begun = around_.clock.now();
  on_->clear_marks();
  rolled_back_ = false;
  if (const int code = on_->run(connection::fixed::begin_write); code != 0) {
    answer_all(group, on_->failure(code, "cannot begin to write"));
    return verdict::answered;
  }
  if (const auto ran = run_members(group, savepoints); ran != verdict::committed)
    return ran;
  if (savepoints) {
    executed_at_ = around_.clock.now();
  } else if (drop_late(group)) {
    on_->run(connection::fixed::rollback);
    return verdict::again;
  }
  return commit(group, level, begun);
}

// What ends a member in the middle of a statement makes SQLite roll the whole group back: it counts
// as a failure that broke the group, and the others run again.
std::optional<error> writer::run_member(pending_write& member) noexcept {
  const cortex::detail::no_blocking_scope inside{"a write function"};
  on_->forget_changes();
  stop_.begin({&around_.clock, member.slot().deadline, member.options.stop, &member.slot()});
  transaction view{*on_};
  auto* trace = member.slot().trace();
  if (trace != nullptr)
    trace->note_now(moment::run);
  auto result = member.sliced != nullptr ? run_slice(*member.sliced, view) : member.run(view);
  if (trace != nullptr)
    trace->note_now(moment::ran);
  on_->reset_all();
  // Whatever the function made of it.
  auto told = stop_.stops() ? stop_.told() : std::nullopt;
  stop_.end();
  if (told)
    return told;
  if (!result)
    return std::move(result).error();
  if (broken())
    return error{errc::internal, "a statement rolled the transaction back"};
  if (on_->deferred_violation())
    return error{errc::constraint, "FOREIGN KEY constraint failed at the end of the write"};
  return std::nullopt;
}

writer::verdict writer::run_members(members& group, bool savepoints) noexcept {
  std::size_t i = 0;
  while (i < group.size()) {
    auto& member = *group[i];
    if (savepoints)
      on_->run(connection::fixed::savepoint);
    auto problem = run_member(member);
    if (!problem) {
      if (savepoints)
        on_->run(connection::fixed::release);
      ++i;
      if (on_->bound_bytes() >= around_.options.max_group_bytes)
        carry_over(group, i);
      continue;
    }
    const bool all_undone = broken();
    const bool clean = !on_->changed();
    group.erase(group.begin() + static_cast<std::ptrdiff_t>(i));
    if (!all_undone && savepoints) {
      on_->run(connection::fixed::rollback_to);
      on_->run(connection::fixed::release);
    } else if (on_->in_transaction() && (all_undone || !clean)) {
      on_->run(connection::fixed::rollback);
    }
    answer(member, *std::move(problem));
    if (all_undone || (!savepoints && !clean))
      return verdict::again;
  }
  if (!group.empty())
    return verdict::committed; // as far as the members go
  on_->run(connection::fixed::rollback);
  return verdict::answered;
}

// Those that have run, but whose time or asker went while others ran.
bool writer::drop_late(members& group) noexcept {
  const auto now = around_.clock.now();
  executed_at_ = now;
  return std::erase_if(
           group,
           [&](pending_write* member) {
             const bool expired = member->slot().deadline <= now;
             if (!expired && !asked_to_stop(*member))
               return false;
             answer(*member,
                    expired ? error{errc::timeout, "its time was up before COMMIT; it was undone",
                                    stage::execute}
                            : error{errc::cancelled, "its asker withdrew it before COMMIT"});
             return true;
           })
         != 0;
}

writer::verdict writer::commit(members& group, durability level, monotonic_time begun) noexcept {
  committing_ = true;
  if (around_.readers != nullptr)
    around_.readers->commit_running(true);
  const int code = on_->run(connection::fixed::commit);
  committing_ = false;
  if (code == 0)
    commits_.fetch_add(1, std::memory_order_seq_cst); // before anybody is told
  if (around_.readers != nullptr)
    around_.readers->commit_running(false);
  if (code == 0) {
    committed_at_ = around_.clock.now();
    counters_.commit_time.record(committed_at_ - begun);
    succeed(group, level);
    return verdict::committed;
  }
  auto problem = translate(code, "COMMIT", on_->raw());
  if (on_->in_transaction())
    on_->run(connection::fixed::rollback);
  if (is_sync_failure(code)) {
    // The log may or may not hold the group: nobody can say before the next recovery.
    problem.code = errc::outcome_unknown;
    answer_all(group, problem);
    log_doubtful_ = true;
    on_.reset();
    reopen();
    return verdict::answered;
  }
  if (group.size() > 1)
    return verdict::commit_failed;
  answer_all(group, problem);
  return verdict::answered;
}

void writer::each_alone(members& group) noexcept {
  members one;
  for (auto* member : members{std::exchange(group, {})}) {
    one.assign(1, member);
    static_cast<void>(attempt(one, member->options.level, false));
  }
  group.reserve(around_.options.max_group);
}

void writer::carry_over(members& group, std::size_t from) noexcept {
  while (group.size() > from) {
    auto* later = group.back();
    group.pop_back();
    later->slot().postpone();
    lanes_.put_back(*later);
  }
}

void writer::succeed(members& group, durability level) noexcept {
  const auto number = commits_.load(std::memory_order_relaxed);
  add_relaxed(counters_.groups);
  counters_.wal_pages.store(static_cast<std::uint64_t>(on_->wal_pages()),
                            std::memory_order_relaxed);
  if (auto* work = group.front()->sliced; work != nullptr) {
    group.clear();
    end_slice(*work, number, level);
    return;
  }
  add_relaxed(counters_.writes, group.size());
  if (group.size() > counters_.largest.load(std::memory_order_relaxed))
    counters_.largest.store(group.size(), std::memory_order_relaxed);
  std::array<std::uint64_t, lane_count> by_lane{};
  for (const auto* member : group)
    ++by_lane[static_cast<std::size_t>(member->options.lane)];
  for (std::size_t i = 0; i < lane_count; ++i)
    if (by_lane[i] != 0)
      add_relaxed(counters_.acknowledged[i], by_lane[i]);
  for (auto* member : group) {
    auto& slot = member->slot();
    note_way(slot, true);
    member->succeed(number, level);
    slot.unref();
  }
  group.clear();
}

void writer::note_way(cortex::detail::slot_base& slot, bool committed) const noexcept {
  auto* trace = slot.trace();
  if (trace == nullptr)
    return;
  trace->note(moment::collected, collected_at_);
  if (committed) {
    trace->note(moment::commit, executed_at_);
    trace->note(moment::committed, committed_at_);
  }
}

void writer::answer(pending_write& member, error problem) noexcept {
  add_relaxed(counters_.failed);
  if (member.sliced != nullptr)
    problem.detail += what_stays(*member.sliced);
  auto& slot = member.slot();
  note_way(slot, false);
  slot.fail(std::move(problem));
  slot.unref();
}

void writer::answer_all(members& group, const error& problem) noexcept {
  for (auto* member : group)
    answer(*member, problem);
  group.clear();
}

// `PRAGMA synchronous` takes effect when it is prepared, so it is never cached, and read back.
expected<void> writer::set_level(durability level) noexcept {
  if (level_ == level)
    return {};
  level_.reset();
  const bool synced = level == durability::synced;
  if (auto set = on_->exec(synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"); !set)
    return set;
  auto now = on_->query_text("PRAGMA synchronous");
  if (!now)
    return unexpected{std::move(now).error()};
  if (*now != (synced ? "2" : "1"))
    return fail(errc::internal, "PRAGMA synchronous is " + *now + " after it was set");
  level_ = level;
  return {};
}

void writer::reopen() noexcept {
  level_.reset();
  if (closed_)
    return;
  auto opened = connection::open(around_.connect);
  if (!opened) {
    around_.log(severity::error, "cannot open again: " + to_string(opened.error()));
    return;
  }
  on_ = *std::move(opened);
  watch_transactions();
  seen_version_ = on_->data_version();
  around_.log(severity::warning, "opened again after a failed sync");
}

// A statement that rolls the group back (INSERT OR ROLLBACK, a full disk) leaves the connection
// without a transaction, in the middle of a function that may go on: what it does then would be
// committed statement by statement. So only our own COMMIT commits.
void writer::watch_transactions() noexcept {
  on_->obey(stop_);
  sqlite3_commit_hook(
    on_->raw(), [](void* self) { return static_cast<writer*>(self)->committing_ ? 0 : 1; }, this);
  sqlite3_rollback_hook(
    on_->raw(), [](void* self) { static_cast<writer*>(self)->rolled_back_ = true; }, this);
}

bool writer::broken() const noexcept {
  return rolled_back_ || !on_->in_transaction();
}

void writer::close() noexcept {
  if (on_ != nullptr && log_doubtful_) // the next opener's recovery decides what the log is worth
    sqlite3_db_config(on_->raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  on_.reset();
  closed_ = true;
}

} // namespace cortex::storage::detail
