#include "cortex/storage/readers.hpp"

#include "cortex/doorbell.hpp"
#include "cortex/metrics.hpp"
#include "cortex/storage/sqlite_error.hpp"

#include <sched.h>
#include <sqlite3.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>

namespace cortex::storage::detail {

using cortex::detail::futex_wait;
using cortex::detail::futex_wake_all;
using cortex::detail::futex_wake_one;

namespace {

// A foreign program may commit without our noticing; a snapshot is not kept longer than this.
constexpr std::chrono::milliseconds longest_kept{50};

} // namespace

// -- reader ---------------------------------------------------------------------------------------

expected<void> reader::refresh(std::uint64_t commit, bool keep, monotonic_time now) noexcept {
  if (keep && open_ && commit_ == commit && now - taken_at_ <= longest_kept)
    return {};
  end_snapshot();
  if (const int code = on_->run(connection::fixed::begin_read); code != SQLITE_OK)
    return fail(translate(code, "cannot begin to read", on_->raw()));
  static_cast<void>(on_->data_version()); // the first statement takes the snapshot: now, not later
  open_ = true;
  commit_ = keep ? commit : ~std::uint64_t{0};
  taken_at_ = now;
  return {};
}

void reader::end_snapshot() noexcept {
  if (!open_)
    return;
  open_ = false;
  if (on_->run(connection::fixed::commit) != SQLITE_OK && on_->in_transaction())
    on_->run(connection::fixed::rollback);
}

void reader::hold(std::string_view owner, monotonic_time since) noexcept {
  pass_on(owner);
  since_.store(since.time_since_epoch().count(), std::memory_order_release);
  add_relaxed(uses_);
}

void reader::pass_on(std::string_view owner) noexcept {
  std::array<char, 32> text{};
  owner.copy(text.data(), text.size() - 1);
  for (std::size_t i = 0; i < owner_.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i * sizeof word, sizeof word);
    owner_[i].store(word, std::memory_order_relaxed);
  }
}

void reader::put_down() noexcept {
  since_.store(0, std::memory_order_release);
}

bool reader::describe(reader_info& out, monotonic_time now) const {
  const auto since = since_.load(std::memory_order_acquire);
  if (since == 0)
    return false;
  std::array<char, 33> text{};
  for (std::size_t i = 0; i < owner_.size(); ++i) {
    const auto word = owner_[i].load(std::memory_order_relaxed);
    std::memcpy(text.data() + i * sizeof word, &word, sizeof word);
  }
  out.owner = text.data();
  out.age = now - monotonic_time{monotonic_time::duration{since}};
  return true;
}

// -- reader_pool ----------------------------------------------------------------------------------

void reader_pool::add(std::unique_ptr<connection> on) {
  const auto place = readers_.size();
  readers_.push_back(std::make_unique<reader>(std::move(on), place));
  all_ |= std::uint64_t{1} << place;
  idle_.store(all_, std::memory_order_release);
}

reader* reader_pool::try_take() noexcept {
  // Each thread begins its search at a place of its own: it finds its connection's cache warm.
  thread_local const auto hint = std::hash<std::thread::id>{}(std::this_thread::get_id());
  auto mask = gate_closed_.load(std::memory_order_seq_cst) ? 0
                                                           : idle_.load(std::memory_order_seq_cst);
  while (mask != 0) {
    const auto preferred = mask & (~std::uint64_t{0} << (hint % readers_.size()));
    const auto from = preferred != 0 ? preferred : mask;
    const auto bit = from & (~from + 1);
    if (!idle_.compare_exchange_weak(mask, mask & ~bit, std::memory_order_seq_cst))
      continue;
    // Whoever shuts the gate sees either this reader at work, or is seen here.
    if (!gate_closed_.load(std::memory_order_seq_cst))
      return readers_[static_cast<std::size_t>(std::countr_zero(bit))].get();
    idle_.fetch_or(bit, std::memory_order_seq_cst);
    wake_one();
    return nullptr;
  }
  return nullptr;
}

reader* reader_pool::wait_for_one(std::chrono::nanoseconds patience,
                                  const std::stop_token& stop) noexcept {
  const std::stop_callback told{stop, [this] { wake_all(); }};
  auto ends = [&] { return shut_.load() || stop.stop_requested(); };
  waits_.fetch_add(1, std::memory_order_relaxed);
  const auto began = std::chrono::steady_clock::now();
  const auto until = patience < monotonic_time::max() - began ? began + patience
                                                              : monotonic_time::max();
  for (;;) {
    const auto turn = join_waiters();
    auto* found = ends() ? nullptr : try_take();
    const bool in_time = found != nullptr || ends() || futex_wait(turn_, turn, until);
    leave_waiters();
    if (found == nullptr && !ends())
      found = try_take();
    if (found != nullptr || ends()) {
      if (idle_.load(std::memory_order_seq_cst) != 0)
        wake_one(); // a reader came back while our wake was in flight
      return found;
    }
    if (!in_time) {
      wake_one(); // the wake meant for us may have come too late to be used
      return nullptr;
    }
  }
}

std::uint32_t reader_pool::join_waiters() noexcept {
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  const auto turn = turn_.load(std::memory_order_seq_cst);
  // A wake may still count as in flight though its sleeper left before it came: nobody is going to
  // answer it. One that is announced from here on changes the turn that was just read.
  wake_pending_.store(0, std::memory_order_seq_cst);
  return turn;
}

void reader_pool::leave_waiters() noexcept {
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
  wake_pending_.store(0, std::memory_order_seq_cst);
}

void reader_pool::wake_one() noexcept {
  if (waiters_.load(std::memory_order_seq_cst) == 0
      || wake_pending_.exchange(1, std::memory_order_seq_cst) != 0)
    return;
  turn_.fetch_add(1, std::memory_order_seq_cst);
  // Behind a shut gate the writer waits among those who cannot come in.
  if (gate_closed_.load(std::memory_order_seq_cst))
    futex_wake_all(turn_);
  else
    futex_wake_one(turn_);
}

void reader_pool::wake_all() noexcept {
  turn_.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_all(turn_);
}

expected<reader*> reader_pool::take(std::string_view owner, std::chrono::nanoseconds patience,
                                    const std::stop_token& stop,
                                    const monotonic_clock& clock) noexcept {
  auto* found = shut_.load(std::memory_order_acquire) ? nullptr : try_take();
  if (found == nullptr && !shut_.load(std::memory_order_acquire))
    found = wait_for_one(patience, stop);
  if (found == nullptr) {
    if (shut_.load(std::memory_order_acquire))
      return fail(errc::closed, "the database is closed");
    if (stop.stop_requested())
      return fail(errc::cancelled, "its asker withdrew it while it waited for a reader");
    std::string names;
    for (const auto& info : at_work(clock.now()))
      names += (names.empty() ? "" : ", ") + info.owner;
    return fail(error{errc::timeout, "no reader came free; held by: " + names, stage::reader});
  }
  const auto now = clock.now();
  found->log_before.store(log_pages_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  found->pin_for.store(0, std::memory_order_relaxed);
  found->hold(owner, now);
  const bool keep = !commit_running_.load(std::memory_order_seq_cst);
  if (auto fresh = found->refresh(commits_.load(std::memory_order_acquire), keep, now); !fresh) {
    give_back(*found);
    return unexpected{std::move(fresh).error()};
  }
  return found;
}

void reader_pool::give_back(reader& held) noexcept {
  held.on().reset_all();
  held.stop().end();
  if (!keep_snapshots_)
    held.end_snapshot(); // or it would keep another process's log from beginning anew
  held.on().count_cache_at_times();
  held.used_ = true;
  held.put_down();
  if (const auto bit = std::uint64_t{1} << held.place();
      (ended_.load(std::memory_order_relaxed) & bit) != 0)
    ended_.fetch_and(~bit, std::memory_order_seq_cst);
  idle_.fetch_or(std::uint64_t{1} << held.place(), std::memory_order_seq_cst);
  wake_one();
}

void reader_pool::end_idle_snapshots() noexcept {
  for (const auto& each : readers_) {
    const auto bit = std::uint64_t{1} << each->place();
    if ((idle_.fetch_and(~bit, std::memory_order_acquire) & bit) == 0)
      continue;
    each->end_snapshot();
    idle_.fetch_or(bit, std::memory_order_seq_cst);
    wake_one();
  }
}

void reader_pool::drop_caches(bool all) noexcept {
  dropping_.fetch_add(1, std::memory_order_seq_cst);
  for (const auto& each : readers_) {
    const auto bit = std::uint64_t{1} << each->place();
    if (!above_memory_goal() || shut_.load(std::memory_order_seq_cst))
      break;
    if ((idle_.fetch_and(~bit, std::memory_order_seq_cst) & bit) == 0)
      continue;
    if (!std::exchange(each->used_, false) || all)
      each->on().drop_cache();
    idle_.fetch_or(bit, std::memory_order_seq_cst);
    wake_one();
  }
  dropping_.fetch_sub(1, std::memory_order_seq_cst);
}

bool reader_pool::close_gate(monotonic_time until) noexcept {
  gate_closed_.store(true, std::memory_order_seq_cst);
  return await_back(false, until);
}

// Those whose snapshots were ended stand in nobody's way, but they are not `returned`.
bool reader_pool::await_back(bool returned, monotonic_time until) noexcept {
  for (;;) {
    const auto turn = join_waiters();
    auto all_back = [&] {
      const auto ended = returned ? 0 : ended_.load(std::memory_order_seq_cst);
      return (idle_.load(std::memory_order_seq_cst) | ended) == all_;
    };
    const bool in_time = all_back() || futex_wait(turn_, turn, until);
    leave_waiters();
    if (const bool alone = all_back(); alone || !in_time) {
      end_idle_snapshots();
      return alone;
    }
  }
}

void reader_pool::open_gate() noexcept {
  gate_closed_.store(false, std::memory_order_seq_cst);
  wake_all();
}

bool reader_pool::shut(monotonic_time until) noexcept {
  shut_.store(true, std::memory_order_seq_cst);
  gate_closed_.store(true, std::memory_order_seq_cst);
  wake_all();
  return await_back(true, until);
}

void reader_pool::destroy_idle() noexcept {
  while (dropping_.load(std::memory_order_seq_cst) != 0)
    sched_yield(); // who came before the end has one of them for a moment
  for (auto& each : readers_) {
    const auto bit = std::uint64_t{1} << each->place();
    if ((idle_.fetch_and(~bit, std::memory_order_acquire) & bit) != 0) {
      each->end_snapshot();
      each->close();
    }
  }
}

std::uint64_t reader_pool::taken() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : readers_)
    sum += each->uses();
  return sum;
}

std::vector<reader_info> reader_pool::at_work(monotonic_time now) const {
  std::vector<reader_info> out;
  for (const auto& each : readers_) {
    reader_info info;
    if (each->describe(info, now))
      out.push_back(std::move(info));
  }
  std::ranges::sort(out, std::ranges::greater{}, &reader_info::age);
  return out;
}

std::vector<pinning_reader> reader_pool::pinning(monotonic_time now) const {
  std::vector<pinning_reader> out;
  const auto ended = ended_.load(std::memory_order_seq_cst);
  const auto pages = log_pages_.load(std::memory_order_relaxed);
  for (const auto& each : readers_) {
    reader_info info;
    const auto number = each->stop().number(); // first: what is told of it is of this use or later
    if ((ended >> each->place() & 1U) != 0 || !each->describe(info, now))
      continue;
    const auto before = each->log_before.load(std::memory_order_relaxed);
    out.push_back({each->place(), number, each->since(),
                   std::chrono::nanoseconds{each->pin_for.load(std::memory_order_relaxed)},
                   pinned_log{std::move(info.owner), info.age, pages - std::min(pages, before)}});
  }
  std::ranges::sort(out, std::ranges::less{}, &pinning_reader::since);
  return out;
}

reader_pool::interrupted reader_pool::interrupt(const pinning_reader& which) noexcept {
  auto& held = *readers_[which.place];
  const bool told = held.stop().request(which.number, stop_reason::pinned);
  const bool ended = held.stop().while_outside(which.number, [&] {
    held.end_snapshot();
    ended_.fetch_or(std::uint64_t{1} << which.place, std::memory_order_seq_cst);
  });
  return {told, ended};
}

} // namespace cortex::storage::detail
