/// The reader connections of a database: leased to callers, each with a snapshot that it keeps
/// while nothing was committed.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/database.hpp"
#include "cortex/storage/connection.hpp"
#include "cortex/storage/interruption.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::storage::detail {

/// One reader connection and the snapshot that it holds.
class alignas(64) reader {
public:
  reader(std::unique_ptr<connection> on, std::size_t place) noexcept
    : on_(std::move(on)), place_(place) {
    on_->obey(stop_);
  }

  [[nodiscard]] connection& on() const noexcept { return *on_; }
  /// What ends the use of the holder, who begins it; `give_back` ends it.
  [[nodiscard]] interruption& stop() noexcept { return stop_; }
  [[nodiscard]] std::size_t place() const noexcept { return place_; }

  /// Makes sure that an open snapshot is not older than `commit`; without `keep` takes a new one
  /// that nobody uses again. Errors: translated.
  expected<void> refresh(std::uint64_t commit, bool keep, monotonic_time now) noexcept;
  /// Ends the snapshot, if there is one.
  void end_snapshot() noexcept;
  /// Takes another connection in place of one that failed. By the holder.
  void replace(std::unique_ptr<connection> on) noexcept {
    stop_.end();
    end_snapshot();
    on_ = std::move(on);
    on_->obey(stop_);
  }
  /// Closes the connection; the object stays for statistics.
  void close() noexcept { on_.reset(); }

  // Who has it: written by the holder, read by statistics.
  void hold(std::string_view owner, monotonic_time since) noexcept;
  void pass_on(std::string_view owner) noexcept; ///< Held as before, for somebody else.
  void put_down() noexcept;
  [[nodiscard]] bool describe(reader_info& out, monotonic_time now) const;
  /// By the holder: when it was asked for, if slow reads are looked for; its zero if not.
  monotonic_time asked{};
  [[nodiscard]] monotonic_time since() const noexcept {
    return monotonic_time{monotonic_time::duration{since_.load(std::memory_order_acquire)}};
  }
  /// The length of the log when it was taken, and how long it may keep it from being emptied (zero:
  /// as usual).
  std::atomic<std::uint64_t> log_before{0};
  std::atomic<std::chrono::nanoseconds::rep> pin_for{0};
  [[nodiscard]] std::uint64_t uses() const noexcept {
    return uses_.load(std::memory_order_relaxed);
  }

private:
  friend class reader_pool;

  interruption stop_; // outlives the connection
  std::unique_ptr<connection> on_;
  std::size_t place_;
  bool open_ = false;
  bool used_ = false;        // since caches were last emptied; of whoever has it out of `idle_`
  std::uint64_t commit_ = 0; // the newest commit known when the snapshot was taken
  monotonic_time taken_at_{};
  std::atomic<std::uint64_t> uses_{0};
  // A name of up to 31 bytes in words, so that statistics may read it while it changes.
  std::array<std::atomic<std::uint64_t>, 4> owner_{};
  std::atomic<monotonic_time::rep> since_{0}; // 0 = idle
};

/// A reader at work that has a snapshot.
struct pinning_reader {
  std::size_t place = 0;
  std::uint64_t number = 0; ///< Of its use; 0 while that begins or ends.
  monotonic_time since{};
  std::chrono::nanoseconds pin_for{0};
  pinned_log what;
};

/// The set of readers. *Thread-safe*.
class reader_pool {
public:
  /// With `keep_snapshots`, who comes next may use the snapshot of the one before it; the writer
  /// must be in this process then, to end those that stand in its way.
  reader_pool(const std::atomic<std::uint64_t>& commits, bool keep_snapshots) noexcept
    : commits_(commits), keep_snapshots_(keep_snapshots) {}

  /// Before the first `take`.
  void add(std::unique_ptr<connection> on);

  /// A reader with a snapshot of everything committed so far; waits for at most `patience`, or
  /// until it is to stop. Errors: `timeout`, `cancelled`, `closed`, `io`, `corrupt`.
  [[nodiscard]] expected<reader*> take(std::string_view owner, std::chrono::nanoseconds patience,
                                       const std::stop_token& stop,
                                       const monotonic_clock& clock) noexcept;
  void give_back(reader& held) noexcept;

  /// For the writer: ends the snapshots of idle readers, so that the log can be copied back.
  void end_idle_snapshots() noexcept;
  /// For the writer: lets no new reader in, ends all snapshots and waits for running reads until
  /// `until`. True if none is left. `open_gate` must follow.
  [[nodiscard]] bool close_gate(monotonic_time until) noexcept;
  void open_gate() noexcept;
  /// Empties caches of idle readers for the memory budget: of those that were not used since the
  /// last time, or of `all`.
  void drop_caches(bool all) noexcept;
  /// For the writer: the log's length.
  void note_log(std::uint64_t pages) noexcept {
    log_pages_.store(pages, std::memory_order_relaxed);
  }
  /// For the writer: the readers whose snapshots pin the log, oldest first.
  [[nodiscard]] std::vector<pinning_reader> pinning(monotonic_time now) const;
  /// For the writer: tells a reader to end, and ends its snapshot if its holder is outside.
  struct interrupted {
    bool told = false;  ///< For the first time.
    bool ended = false; ///< The snapshot was.
  };
  [[nodiscard]] interrupted interrupt(const pinning_reader& which) noexcept;

  /// For the writer, around COMMIT and the commit number's step: snapshots are not kept meanwhile,
  /// so that no thread sees a commit through one connection and misses it through the next.
  void commit_running(bool running) noexcept {
    commit_running_.store(running, std::memory_order_seq_cst);
  }

  /// Lets nobody in any more and waits for readers at work. True if all came back.
  [[nodiscard]] bool shut(monotonic_time until) noexcept;
  /// Closes the connections that are back. Call after `shut`.
  void destroy_idle() noexcept;

  [[nodiscard]] std::vector<reader_info> at_work(monotonic_time now) const;
  /// How often readers were taken.
  [[nodiscard]] std::uint64_t taken() const noexcept;
  [[nodiscard]] std::uint64_t waits() const noexcept {
    return waits_.load(std::memory_order_relaxed);
  }

private:
  [[nodiscard]] reader* try_take() noexcept;
  [[nodiscard]] bool await_back(bool returned, monotonic_time until) noexcept;
  [[nodiscard]] reader* wait_for_one(std::chrono::nanoseconds patience,
                                     const std::stop_token& stop) noexcept;
  /// Before a thread looks whether it must sleep: the turn to sleep on if it must.
  [[nodiscard]] std::uint32_t join_waiters() noexcept;
  void leave_waiters() noexcept;
  void wake_one() noexcept;
  void wake_all() noexcept;

  const std::atomic<std::uint64_t>& commits_;
  const bool keep_snapshots_;
  std::vector<std::unique_ptr<reader>> readers_; // constant after the last `add`
  std::uint64_t all_ = 0;

  alignas(64) std::atomic<std::uint64_t> idle_{0}; // a bit for each reader
  std::atomic<std::uint64_t> ended_{0}; // on loan, without a snapshot until they come back
  std::atomic<std::uint64_t> log_pages_{0};
  std::atomic<bool> gate_closed_{false};
  std::atomic<bool> commit_running_{false};
  std::atomic<bool> shut_{false};
  std::atomic<std::uint32_t> dropping_{0}; // threads inside `drop_caches`
  alignas(64) std::atomic<std::uint32_t> waiters_{0};
  std::atomic<std::uint32_t> turn_{0};         // futex: changes when a reader may be free
  std::atomic<std::uint32_t> wake_pending_{0}; // one wake in flight: newcomers may barge
  std::atomic<std::uint64_t> waits_{0};
};

} // namespace cortex::storage::detail
