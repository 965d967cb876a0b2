// The reads of a database: readers on loan, and threads that serve queued reads with them.

#include "cortex/doorbell.hpp"
#include "cortex/request_trace.hpp"
#include "cortex/storage/core.hpp"
#include "cortex/storage/registry.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <stop_token>
#include <system_error>

namespace cortex::storage::detail {

using cortex::detail::futex_wait;
using cortex::detail::futex_wake_all;
using cortex::detail::futex_wake_one;

expected<reader*> database_core::take_reader(const read_options& options) noexcept {
  if (auto good = check_process(); !good)
    return unexpected{std::move(good).error()};
  if (closed())
    return fail(errc::closed, "'" + path_ + "' is closed");
  const auto within = options.deadline.count() != 0 ? options.deadline : options_.default_deadline;
  if (within.count() < 0)
    return fail(error{errc::timeout, "no time was given", stage::admission});
  if (options.stop.stop_requested())
    return fail(errc::cancelled, "its asker withdrew it before it began");
  const auto asked = slow_ != nullptr ? runtime_.monotonic().now() : monotonic_time{};
  auto taken = take_any(options.owner, within, options.stop);
  if (slow_ != nullptr && !taken)
    note_slow(std::string{options.owner}, stage::reader, {asked});
  else if (slow_ != nullptr && *taken != nullptr)
    (*taken)->asked = asked;
  if (taken && *taken == nullptr && closed()) {
    disown();
    return fail(errc::closed, "'" + path_ + "' is closed");
  }
  if (taken && *taken != nullptr)
    (*taken)->pin_for.store(options.pin_for.count(), std::memory_order_relaxed);
  if (taken)
    stop_of(*taken).begin(limits_of(options, runtime_.monotonic().now()));
  return taken;
}

use_limits database_core::limits_of(const read_options& options, monotonic_time begun) const {
  const auto within = options.run_for.count() != 0 ? options.run_for : options_.default_run_for;
  return {&runtime_.monotonic(), deadline_after(begun, within), options.stop};
}

// What was queued before the end is still served, so this one does not ask whether it has come.
expected<reader*> database_core::take_any(std::string_view owner, std::chrono::nanoseconds within,
                                          const std::stop_token& stop) noexcept {
  if (!memory_)
    return readers_->take(owner, within, stop, runtime_.monotonic());
  // One connection for all: reads take turns with the writer.
  const bool taken = writer_->own_turn(deadline_after(std::chrono::steady_clock::now(), within));
  if (!taken && !stopping_.load(std::memory_order_acquire))
    return fail(error{errc::timeout, "the only connection stayed busy", stage::reader});
  if (taken && !writer_->closed())
    return nullptr;
  if (taken)
    disown();
  return fail(errc::closed, "'" + path_ + "' is closed");
}

void database_core::give_back(reader* held) noexcept {
  if (held != nullptr) {
    if (slow_ != nullptr && held->asked != monotonic_time{})
      note_slow_read(*held);
    readers_->give_back(*held);
    if (over_memory_budget())
      drop_caches_of_all();
    return;
  }
  writer_->on().reset_all();
  writer_->stop().end();
  disown();
}

void database_core::submit(pending_read& what) noexcept {
  auto& slot = what.slot();
  slot.waits_in = stage::reader;
  if (!prepare(slot, what.options.deadline)) {
    slot.unref();
    return;
  }
  if (auto started = start_reader_threads(); !started) {
    slot.fail(std::move(started).error());
    slot.unref();
    return;
  }
  reads_waiting_.fetch_add(1, std::memory_order_seq_cst);
  if (stopping_.load(std::memory_order_seq_cst) || !reads_.enqueue(&what)) {
    reads_waiting_.fetch_sub(1, std::memory_order_seq_cst);
    slot.fail({errc::closed, "'" + path_ + "' is closed"});
    slot.unref();
    return;
  }
  if (deterministic_)
    return;
  reads_turn_.fetch_add(1, std::memory_order_seq_cst);
  if (servers_asleep_.load(std::memory_order_seq_cst) != 0)
    futex_wake_one(reads_turn_);
}

// Goes on with fewer if the system gives no more. Errors: `unavailable` if it gives none.
expected<void> database_core::start_reader_threads() noexcept {
  if (deterministic_ || servers_started_.load(std::memory_order_acquire))
    return {};
  const std::lock_guard guard{starting_};
  if (servers_started_.load(std::memory_order_relaxed) || no_more_threads_)
    return {};
  try {
    while (servers_.size() < options_.reader_threads) {
      threads_.fetch_add(1, std::memory_order_seq_cst);
      servers_.emplace_back([this] { reader_thread(); });
    }
  } catch (const std::system_error& refused) {
    leave();
    if (servers_.empty())
      return fail(errc::unavailable, "no thread for the queued reads of '" + path_
                                       + "' could be started: " + refused.what());
  }
  servers_started_.store(true, std::memory_order_release);
  return {};
}

// One snapshot serves all reads that wait: each was queued before it is taken.
bool database_core::serve_reads() noexcept {
  constexpr std::size_t most = 32;
  std::array<pending_read*, most> batch{};
  const at_work now;
  serving_.fetch_add(1, std::memory_order_seq_cst); // before they are no longer counted as waiting
  auto left = std::span{batch}.first(reads_.try_dequeue_bulk(batch.data(), most));
  const bool any = !left.empty();
  reads_waiting_.fetch_sub(left.size(), std::memory_order_seq_cst);
  while (!left.empty())
    left = serve_batch(left);
  serving_.fetch_sub(1, std::memory_order_seq_cst);
  return any;
}

// Answers all of them or, if no reader comes free, those whose time is up. Returns the others.
std::span<pending_read*> database_core::serve_batch(std::span<pending_read*> batch) noexcept {
  const auto began = runtime_.monotonic().now();
  auto first_end = monotonic_time::max();
  for (auto* each : batch)
    first_end = std::min(first_end, each->slot().deadline);
  auto held
    = take_any("queued reads", std::max(first_end - began, monotonic_time::duration{0}), {});
  if (held) {
    reading_.fetch_add(1, std::memory_order_seq_cst);
    stop_of(*held).begin({});
  }
  const bool late = !held && held.error().code == errc::timeout;
  const auto now = late ? first_end : runtime_.monotonic().now();
  const auto others = std::partition(batch.begin(), batch.end(), [&](pending_read* each) {
    return late && each->slot().deadline > now;
  });
  if (held)
    return serve_with(*held, batch, now);
  const auto kept = batch.first(static_cast<std::size_t>(others - batch.begin()));
  for (auto* each : batch.subspan(kept.size())) {
    each->slot().fail(held.error());
    each->slot().unref();
  }
  return kept;
}

// Returns those that are left for another snapshot: none answers for the time that the others took.
std::span<pending_read*> database_core::serve_with(reader* held, std::span<pending_read*> batch,
                                                   monotonic_time began) noexcept {
  constexpr std::chrono::milliseconds long_enough{50};
  auto& stop = stop_of(held);
  auto now = began;
  while (!batch.empty() && !stop.asked() && now - began <= long_enough) {
    serve_read(*batch.front(), held, now);
    batch = batch.subspan(1);
    now = runtime_.monotonic().now();
  }
  reading_.fetch_sub(1, std::memory_order_seq_cst);
  give_back(held);
  return batch;
}

void database_core::serve_read(pending_read& what, reader* held, monotonic_time now) noexcept {
  auto& slot = what.slot();
  if (slot.deadline <= now) {
    slot.fail({errc::timeout, "the readers of '" + path_ + "' were busy", stage::reader});
  } else if (what.options.stop.stop_requested()) {
    slot.fail({errc::cancelled, "its asker withdrew it while it waited for a reader"});
  } else if (slot.begin()) {
    auto limits = limits_of(what.options, now);
    limits.slot = &slot;
    stop_of(held).go_on(std::move(limits));
    if (held != nullptr) {
      held->pass_on(what.options.owner);
      held->pin_for.store(what.options.pin_for.count(), std::memory_order_relaxed);
    }
    if (auto* trace = slot.trace())
      trace->note_now(cortex::detail::moment::reading);
    const cortex::detail::no_blocking_scope inside{"a read function"};
    snapshot view{connection_of(held)};
    what.run(view);
    stop_of(held).go_on({});
  }
  slot.unref();
}

void database_core::reader_thread() noexcept {
  for (;;) {
    if (serve_reads())
      continue;
    servers_asleep_.fetch_add(1, std::memory_order_seq_cst);
    const auto turn = reads_turn_.load(std::memory_order_seq_cst);
    if (reads_waiting_.load(std::memory_order_seq_cst) == 0) {
      if (stopping_.load(std::memory_order_seq_cst)) {
        servers_asleep_.fetch_sub(1);
        leave();
        return;
      }
      futex_wait(reads_turn_, turn);
    }
    servers_asleep_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

} // namespace cortex::storage::detail
