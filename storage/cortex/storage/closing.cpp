// The end of a database: what is accepted is answered, threads end, the file is closed.

#include "cortex/doorbell.hpp"
#include "cortex/storage/core.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace cortex::storage::detail {

using cortex::detail::futex_wait;
using cortex::detail::futex_wake_all;

// False if `until` passes: a function that goes on keeps its thread.
bool database_core::end_threads(monotonic_time until) noexcept {
  {
    const std::lock_guard guard{starting_};
    no_more_threads_ = true;
  }
  stopping_.store(true, std::memory_order_seq_cst);
  storage_bell_.ring();
  upkeep_bell_.ring();
  reads_turn_.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_all(reads_turn_);
  if (memory_)
    writer_->end_turns();
  // Reads for which no reader came free, or that came last, are refused before anybody is told that
  // this is closed. Those inside a function are not waited for.
  while (reads_waiting_.load() != 0 || serving_.load() > reading_.load())
    if (!serve_reads())
      std::this_thread::yield();
  for (auto left = threads_.load(); left != 0; left = threads_.load())
    if (!futex_wait(threads_, left, until))
      return false;
  join_threads();
  return true;
}

void database_core::join_threads() noexcept {
  if (storage_.joinable())
    storage_.join();
  for (auto& server : servers_)
    if (server.joinable())
      server.join();
  if (upkeep_.joinable())
    upkeep_.join();
}

expected<void> database_core::close(monotonic_time until) noexcept {
  if (auto good = check_process(); !good)
    return good;
  if (auto refused = cortex::detail::blocking_refused("closing a database"))
    return unexpected{*std::move(refused)};
  if (busy_here()) // a continuation that runs within a reply
    return fail(errc::would_deadlock, "closing '" + path_ + "' would wait for this very thread");
  closed_.store(true, std::memory_order_seq_cst);
  if (!begin_closing(until))
    return fail(errc::timeout, "'" + path_ + "' is being closed by another thread");
  auto done = ended_ ? expected<void>{} : finish(until);
  end_closing();
  return done;
}

void database_core::await_functions() noexcept {
  if (busy_here() || !check_process())
    return;
  static_cast<void>(begin_closing(monotonic_time::max()));
  static_cast<void>(end_threads(monotonic_time::max()));
  end_closing();
}

// One thread closes at a time; the next goes on where it gave up. False if `until` passes.
bool database_core::begin_closing(monotonic_time until) noexcept {
  for (std::uint32_t before = 0; !closing_.compare_exchange_strong(before, 1); before = 0)
    if (!futex_wait(closing_, 1, until))
      return false;
  return true;
}

void database_core::end_closing() noexcept {
  closing_.store(0);
  futex_wake_all(closing_);
}

// What is accepted is answered. Not by the closing thread: a function may go on for longer than it
// may wait.
void database_core::drain(monotonic_time until) noexcept {
  auto in_time = [until] { return std::chrono::steady_clock::now() < until; };
  if (writer_ != nullptr) {
    writer_->refuse();
    while (writer_->has_work() && in_time()) {
      if (deterministic_)
        static_cast<void>(serve_writes());
      else if (writer_->needs_owner())
        wake_storage();
      std::this_thread::yield();
    }
  }
  while ((reads_waiting_.load() != 0 || serving_.load() != 0) && in_time())
    if (!deterministic_ || !serve_reads())
      std::this_thread::yield();
}

expected<void> database_core::finish(monotonic_time until) noexcept {
  drain(until);
  bool all_back = readers_ == nullptr || readers_->shut(until);
  static_cast<void>(end_threads(until)); // else the last reference awaits them
  bool owned = writer_ == nullptr || writer_->own(until);
  while (writer_ != nullptr && owned && writer_->has_work()) { // left to us at the last moment
    static_cast<void>(writer_->disown());
    static_cast<void>(serve_writes());
    owned = writer_->own(until);
  }
  all_back = all_back || readers_->shut(monotonic_time{});
  if (!owned) // nobody else may open the file for writing yet
    return unexpected{still_at_work(true)};
  auto left = all_back ? expected<void>{} : unexpected{still_at_work(false)};
  if (readers_ != nullptr)
    readers_->destroy_idle(); // readers close before the writer
  if (writer_ != nullptr) {
    if (!memory_)
      static_cast<void>(writer_->checkpoint(all_back));
    writer_->close();
    disown(); // those who still wait for it see that it is closed
  }
  lock_.reset();
  ended_ = true;
  return left;
}

error database_core::still_at_work(bool writes) const {
  std::string what;
  if (writes)
    what = memory_ ? "a write or a read" : "a write";
  std::string names;
  if (readers_ != nullptr)
    for (const auto& info : readers_->at_work(runtime_.monotonic().now()))
      names += (names.empty() ? "" : ", ") + info.owner;
  if (!names.empty())
    what += (what.empty() ? "leases: " : " and leases: ") + names;
  else if (what.empty())
    what = "a lease";
  return {errc::timeout, "closing '" + path_ + "': still under way: " + what};
}

} // namespace cortex::storage::detail
