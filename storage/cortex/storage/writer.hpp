/// The one writing connection of a database and the writes that wait for it.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/database.hpp"
#include "cortex/doorbell.hpp"
#include "cortex/metrics.hpp"
#include "cortex/storage/connection.hpp"
#include "cortex/storage/interruption.hpp"
#include "cortex/storage/log_governor.hpp"
#include "cortex/storage/readers.hpp"
#include "cortex/storage/write_lanes.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cortex::storage::detail {

/// Counters of a writer: written by the owner of the moment, read by anybody.
struct writer_counters {
  std::atomic<std::uint64_t> groups{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> slices{0};
  std::atomic<std::uint64_t> largest{0};
  std::atomic<std::uint64_t> reruns{0};
  std::atomic<std::uint64_t> checkpoints{0};
  std::atomic<std::uint64_t> log_resets{0};
  std::atomic<std::uint64_t> wal_pages{0};
  std::atomic<std::uint64_t> foreign_changes{0};
  std::array<std::atomic<std::uint64_t>, lane_count> acknowledged{}; // of `writes`, by lane
  std::atomic<std::uint64_t> readers_named{0};
  std::atomic<std::uint64_t> readers_interrupted{0};
  std::atomic<std::uint64_t> slowed_groups{0};
  std::atomic<std::uint64_t> slowed_nanoseconds{0};
  latency_histogram commit_time;
};

/// What a writer works with. Outlives it.
struct writer_surroundings {
  const database_options& options;
  connection_options connect;
  const monotonic_clock& clock;
  reader_pool* readers = nullptr; ///< Null for a private memory database.
  std::function<void(severity, std::string_view)> log;
  bool may_sleep = true; ///< False on a deterministic runtime.
};

/// Group commit by whoever owns the writer for the moment: a blocking caller that finds it free, or
/// storage's thread. The lanes are lock-free; ownership is one word. Every write that was submitted
/// is answered once. *Thread-safe* unless a member says "owner".
class writer {
public:
  writer(std::unique_ptr<connection> on, writer_surroundings around,
         std::atomic<std::uint64_t>& commits);
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;
  ~writer() = default;

  /// Takes over one reference. Queues the write, or refuses it with an answer. True if it waits
  /// now: then somebody must `combine` or serve.
  [[nodiscard]] bool enqueue(pending_write& what) noexcept;
  /// Takes over one reference and runs the write at once, if nobody owns the writer and nothing
  /// waits. Empty if not; else true if work is left that nobody owns.
  [[nodiscard]] std::optional<bool> run_alone(pending_write& what) noexcept;
  /// If nobody owns the writer: commits groups on this thread until `wanted` is answered. True if
  /// work is left that nobody owns.
  [[nodiscard]] bool combine(const cortex::detail::slot_base& wanted) noexcept;
  /// If nobody owns the writer: commits groups until nothing waits. True if it did anything.
  bool serve() noexcept;
  /// The same for one group.
  bool serve_one() noexcept;

  [[nodiscard]] bool has_work() const noexcept { return lanes_.any(); }
  /// True if work waits and nobody owns the writer or is about to.
  [[nodiscard]] bool needs_owner() const noexcept {
    return owner_.load(std::memory_order_seq_cst) == 0
           && claims_.load(std::memory_order_seq_cst) == 0 && has_work();
  }
  [[nodiscard]] const write_lanes& lanes() const noexcept { return lanes_; }

  /// Waits for ownership. False if `until` passes.
  [[nodiscard]] bool own(monotonic_time until) noexcept;
  /// The same, before the groups that wait: for what is short.
  [[nodiscard]] bool own_first(monotonic_time until) noexcept;
  /// The same for a turn on the only connection of a memory database. False, too, once the turns
  /// have ended.
  [[nodiscard]] bool own_turn(monotonic_time until) noexcept;
  /// Ends the turns: nobody waits in `own_turn` any more when this returns.
  void end_turns() noexcept;
  /// Gives ownership back. True if work waits that nobody owns.
  [[nodiscard]] bool disown() noexcept;
  /// Owner: what ends a use of the connection.
  [[nodiscard]] interruption& stop() noexcept { return stop_; }
  /// Owner: the connection.
  [[nodiscard]] connection& on() noexcept { return *on_; }
  /// Owner: copies the log back as far as readers allow, or all of it and empties it. Returns the
  /// pages that are left.
  expected<std::uint64_t> checkpoint(bool empty_log) noexcept;

  /// Later writes are `closed`.
  void refuse() noexcept { lanes_.refuse(); }
  /// Owner: closes the connection for good.
  void close() noexcept;
  /// Owner: whether there is a connection.
  [[nodiscard]] bool open() const noexcept { return on_ != nullptr; }
  /// Owner: whether it was closed.
  [[nodiscard]] bool closed() const noexcept { return closed_; }

  [[nodiscard]] const writer_counters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::string pinned_by() const;

private:
  friend class held_write; // owns the writer from one call to the next
  using members = std::vector<pending_write*>;
  enum class verdict : std::uint8_t { committed, answered, again, commit_failed };

  [[nodiscard]] bool try_own() noexcept;
  void let_in() const noexcept;
  void collect() noexcept;
  void screen() noexcept;
  void gather() noexcept;
  void run_group() noexcept;
  void commit_group() noexcept;
  [[nodiscard]] verdict attempt(members& group, durability level, bool savepoints) noexcept;
  void each_alone(members& group) noexcept;
  /// Runs one member. Empty if it went well; its error otherwise.
  [[nodiscard]] std::optional<error> run_member(pending_write& member) noexcept;
  [[nodiscard]] expected<void> run_slice(sliced_write& work, transaction& in) noexcept;
  [[nodiscard]] bool slice_is_over(const sliced_write& work, monotonic_time end) noexcept;
  void end_slice(sliced_write& work, std::uint64_t commit, durability level) noexcept;
  [[nodiscard]] verdict run_members(members& group, bool savepoints) noexcept;
  [[nodiscard]] verdict commit(members& group, durability level, monotonic_time begun) noexcept;
  [[nodiscard]] bool drop_late(members& group) noexcept;
  void carry_over(members& group, std::size_t from) noexcept;
  void succeed(members& group, durability level) noexcept;
  void note_way(cortex::detail::slot_base& slot, bool committed) const noexcept;
  void answer(pending_write& member, error problem) noexcept;
  void answer_all(members& group, const error& problem) noexcept;
  [[nodiscard]] expected<void> set_level(durability level) noexcept;
  void reopen() noexcept;
  void watch_transactions() noexcept;
  /// True if SQLite rolled the group back by itself.
  [[nodiscard]] bool broken() const noexcept;
  [[nodiscard]] expected<void> rewrite_log() noexcept;
  void notice_foreign_changes(monotonic_time now) noexcept;
  void maintain() noexcept;
  void empty_log() noexcept;
  // -- the governor: readers that keep the log over its budget, see governing.cpp
  [[nodiscard]] bool govern(std::uint64_t pages) noexcept;
  void name(const pinned_log& what) noexcept;
  void slow_down() noexcept;
  [[nodiscard]] std::optional<error> refuse_for_log() noexcept;
  void note_pinned() noexcept;
  void forget_pinned() noexcept;

  // Constant after construction.
  writer_surroundings around_;
  std::atomic<std::uint64_t>& commits_;

  // Shared.
  write_lanes lanes_;
  alignas(64) std::atomic<std::uint32_t> owner_{0}; // futex: 0 free, 1 owned, 2 owned and awaited
  std::atomic<std::uint32_t> claims_{0};  // threads that wait to hold it: groups make way for them
  std::atomic<std::uint32_t> awaited_{0}; // threads inside `own` and `own_turn`
  std::atomic<bool> turns_ended_{false};
  std::atomic<std::uint32_t> turns_awaited_{0}; // threads inside `own_turn`
  writer_counters counters_;
  mutable std::mutex pinned_mutex_;
  std::string pinned_by_; // guarded by pinned_mutex_

  // The owner's.
  interruption stop_; // of what the connection runs; outlives it
  std::unique_ptr<connection> on_;
  std::optional<durability> level_; // what `synchronous` says now
  bool committing_ = false;         // COMMIT is ours
  bool rolled_back_ = false;        // since BEGIN
  bool closed_ = false;
  bool log_doubtful_ = false; // a sync failed: parts of the log may not be on the disk
  members group_;
  std::uint64_t company_ = 0; // writes in the last group and behind it
  log_governor governor_;
  bool pinned_ = false; // by a reader of ours, over the budget, at the last commit
  std::uint64_t next_checkpoint_ = 0;
  std::uint64_t next_reset_ = 0;
  std::uint64_t last_pages_ = 0; // length of the log when it was last looked at
  std::int64_t seen_version_ = 0;
  monotonic_time version_checked_{};
  // The clock as it was last read at these points of a group's way: for slow requests.
  monotonic_time collected_at_{};
  monotonic_time executed_at_{};
  monotonic_time committed_at_{};
};

} // namespace cortex::storage::detail
