#include "cortex/storage/held_write.hpp"

#include "cortex/storage/core.hpp"
#include "cortex/storage/sqlite_error.hpp"

#include <sched.h>
#include <sqlite3.h>

#include <algorithm>

namespace cortex::storage::detail {

using cortex::detail::moment;

// -- the writer -----------------------------------------------------------------------------------

// Claims keep the other ways to own the writer from going on for ever, see `writer::try_own`.
expected<void> held_write::take(database_core& of, durability level, const patience& wait) {
  if (auto good = of.check_process(); !good)
    return good;
  auto& w = *of.writer_;
  bool owned = w.try_own();
  if (!owned) {
    w.claims_.fetch_add(1, std::memory_order_seq_cst);
    do
      owned = w.own(wait.look_again());
    while (!owned && !wait.over());
    w.claims_.fetch_sub(1, std::memory_order_seq_cst);
  }
  if (!owned) {
    if (w.needs_owner()) // what came meanwhile was left to us
      of.wake_storage();
    return fail(error{errc::timeout, "the writer of '" + of.path() + "' was busy", stage::lane});
  }
  auto ready = [&]() -> expected<void> {
    if (of.closed() || w.closed())
      return fail(errc::closed, "'" + of.path() + "' is closed");
    w.notice_foreign_changes(of.rt().monotonic().now());
    if (w.on_ == nullptr)
      w.reopen();
    if (w.on_ == nullptr)
      return fail(errc::io, "the database could not be opened again after a failed sync");
    w.slow_down();
    if (auto full = w.refuse_for_log())
      return unexpected{*std::move(full)};
    if (auto set = w.set_level(level); !set)
      return set;
    return w.log_doubtful_ && level == durability::synced ? w.rewrite_log() : expected<void>{};
  }();
  if (!ready)
    give_back(of, true);
  return ready;
}

// Those who hold transactions one after the other would keep the lanes waiting for ever: between
// two of them a group has its turn, on the thread that gives the writer back.
void held_write::give_back(database_core& of, bool work_for_others) noexcept {
  auto& w = *of.writer_;
  if (work_for_others && w.claims_.load(std::memory_order_seq_cst) != 0 && w.has_work()) {
    const cortex::detail::no_blocking_scope inside{"a write of another caller"};
    w.run_group();
  }
  if (w.disown())
    of.wake_storage();
}

std::size_t held_write::waiting(const database_core& of) noexcept {
  return of.writer_->claims_.load(std::memory_order_relaxed);
}

connection& held_write::connection_of(database_core& of) noexcept {
  return of.writer_->on();
}

connection& held_write::on() const noexcept {
  return connection_of(*of_);
}

// -- the word -------------------------------------------------------------------------------------

bool held_write::move(phase from, phase to) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  return phase_of(word) == from
         && word_.compare_exchange_strong(word, with(word, to), std::memory_order_seq_cst);
}

// Who interrupts must be through before the connection is given back, or it would hit the next one.
void held_write::take_out_of_reach() noexcept {
  for (auto word = word_.load(std::memory_order_acquire);;) {
    if (phase_of(word) == phase::interrupting) {
      sched_yield();
      word = word_.load(std::memory_order_acquire);
    } else if (word_.compare_exchange_weak(word, with(word, phase::ending))) {
      return;
    }
  }
}

unexpected held_write::too_long() {
  return fail(error{errc::timeout, "the transaction held the writer for too long and was undone",
                    stage::execute});
}

// -- its owner ------------------------------------------------------------------------------------

expected<void> held_write::begin_on(writer& w, const patience& wait) {
  auto& on = *w.on_;
  on.clear_marks();
  w.rolled_back_ = false;
  // A lock of another process gets what is left of the caller's time, not a time of its own.
  const auto usual = w.around_.options.busy_timeout;
  on.set_busy_timeout(std::min(usual, std::chrono::ceil<std::chrono::milliseconds>(wait.left())));
  const int code = on.run(connection::fixed::begin_write);
  on.set_busy_timeout(usual);
  if (code != SQLITE_OK)
    return fail(translate(code, "cannot begin to write", on.raw()));
  return {};
}

expected<void> held_write::begin(database_core& of, durability level, const patience& wait) {
  if (of.slow_ != nullptr)
    way_ = {of.slow_->now()};
  if (auto taken = take(of, level, wait); !taken)
    return taken;
  if (auto begun = begin_on(*of.writer_, wait); !begun) {
    give_back(of, true);
    return begun;
  }
  of_ = &of;
  note(moment::run);
  began_.store(of.rt().monotonic().now().time_since_epoch().count(), std::memory_order_relaxed);
  const auto number = (word_.load(std::memory_order_relaxed) >> phase_bits) + 1;
  word_.store(with(number << phase_bits, phase::inside), std::memory_order_seq_cst);
  return {};
}

expected<void> held_write::enter() {
  while (!move(phase::outside, phase::inside)) {
    switch (phase_of(word_.load(std::memory_order_acquire))) {
      case phase::undone: static_cast<void>(move(phase::undone, phase::none)); return too_long();
      case phase::undoing: sched_yield(); break;
      case phase::outside: break;
      default: return {}; // an exception has left it inside
    }
  }
  return {};
}

expected<void> held_write::leave() {
  on().reset_all();
  const bool gone = of_->writer_->broken();
  if (!gone && move(phase::inside, phase::outside))
    return {};
  const bool late = phase_of(word_.load(std::memory_order_acquire)) != phase::inside;
  undo();
  if (late)
    return too_long();
  return fail(errc::internal, "a statement rolled the transaction back");
}

void held_write::undo() noexcept {
  take_out_of_reach();
  on().reset_all();
  if (on().in_transaction())
    on().run(connection::fixed::rollback);
  finish();
}

void held_write::note(moment which) noexcept {
  if (of_->slow_ != nullptr)
    way_[static_cast<std::size_t>(which)] = of_->slow_->now();
}

void held_write::finish() noexcept {
  auto& of = *std::exchange(of_, nullptr);
  if (of.slow_ != nullptr)
    of.note_slow("transaction", stage::lane, way_);
  word_.store(with(word_.load(std::memory_order_relaxed), phase::none), std::memory_order_release);
  give_back(of, true);
}

expected<std::uint64_t> held_write::commit() {
  on().reset_all();
  if (of_->writer_->broken() || !move(phase::inside, phase::ending)) {
    auto why = leave();
    return why ? fail(errc::internal, "it cannot be committed") : unexpected{why.error()};
  }
  if (on().deferred_violation()) {
    static_cast<void>(move(phase::ending, phase::outside));
    return fail(errc::constraint, "FOREIGN KEY constraint failed at COMMIT");
  }
  auto& w = *of_->writer_;
  note(moment::commit);
  auto number = commit_on(w);
  note(moment::committed);
  if (number)
    w.maintain();
  finish();
  return number;
}

expected<std::uint64_t> held_write::commit_on(writer& w) {
  auto& on = *w.on_;
  auto* readers = w.around_.readers;
  w.committing_ = true;
  if (readers != nullptr)
    readers->commit_running(true);
  const int code = on.run(connection::fixed::commit);
  w.committing_ = false;
  if (code == SQLITE_OK)
    w.commits_.fetch_add(1, std::memory_order_seq_cst); // before anybody is told
  if (readers != nullptr)
    readers->commit_running(false);
  auto& counters = w.counters_;
  if (code == SQLITE_OK) {
    add_relaxed(counters.groups);
    add_relaxed(counters.writes);
    counters.wal_pages.store(static_cast<std::uint64_t>(on.wal_pages()), std::memory_order_relaxed);
    return w.commits_.load(std::memory_order_relaxed);
  }
  add_relaxed(counters.failed);
  auto problem = translate(code, "COMMIT", on.raw());
  if (on.in_transaction())
    on.run(connection::fixed::rollback);
  if (is_sync_failure(code)) { // the log may or may not hold it
    problem.code = errc::outcome_unknown;
    w.log_doubtful_ = true;
    w.on_.reset();
    w.reopen();
  }
  return fail(std::move(problem));
}

// -- others ---------------------------------------------------------------------------------------

bool held_write::undo_if_older(monotonic_time then) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  const auto now = phase_of(word);
  if ((now != phase::outside && now != phase::inside && now != phase::overdue)
      || monotonic_time{monotonic_time::duration{began_.load(std::memory_order_relaxed)}} >= then)
    return false;
  if (now != phase::outside) {
    if (!word_.compare_exchange_strong(word, with(word, phase::interrupting)))
      return false;
    sqlite3_interrupt(on().raw()); // in vain if its statement has yet to start: so more than once
    word_.store(with(word, phase::overdue), std::memory_order_release);
    return now == phase::inside;
  }
  if (!word_.compare_exchange_strong(word, with(word, phase::undoing)))
    return false;
  auto& of = *std::exchange(of_, nullptr);
  auto& on = connection_of(of);
  if (on.in_transaction())
    on.run(connection::fixed::rollback);
  word_.store(with(word, phase::undone), std::memory_order_release);
  give_back(of, false); // this thread runs no functions of callers
  return true;
}

} // namespace cortex::storage::detail
