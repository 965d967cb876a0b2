/// One opened database: its file, writer, readers and threads, and the order in which they end.
#pragma once

#include "cortex/database.hpp"
#include "cortex/request_trace.hpp"
#include "cortex/runtime.hpp"
#include "cortex/storage/open_file.hpp"
#include "cortex/storage/readers.hpp"
#include "cortex/storage/writer.hpp"

#include <concurrentqueue/concurrentqueue.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace cortex::storage::detail {

/// While it lives its thread is at work for a database: it can close none.
class at_work {
public:
  at_work() noexcept;
  at_work(const at_work&) = delete;
  at_work& operator=(const at_work&) = delete;
  ~at_work();

private:
  cortex::detail::work_scope work_;
};

/// Long work for a database's own thread.
class upkeep_task {
public:
  upkeep_task() = default;
  upkeep_task(const upkeep_task&) = delete;
  upkeep_task& operator=(const upkeep_task&) = delete;
  virtual ~upkeep_task() = default;
  /// Ends soon once the database is `closed`.
  virtual void run() noexcept = 0;
};

class work_limit;

/// *Thread-safe*.
class database_core final : public service,
                            public cortex::detail::lendable,
                            public std::enable_shared_from_this<database_core> {
public:
  /// Opens; the caller registers it. `file` is empty for a private memory database.
  [[nodiscard]] static expected<std::shared_ptr<database_core>>
  open(const runtime& rt, std::optional<prepared_file> file, database_options options);

  ~database_core() override;

  /// Takes over one reference; the write is answered when this returns, unless it says why not.
  [[nodiscard]] expected<void> submit_and_wait(pending_write& what) noexcept;
  /// Takes over one reference; the answer comes on any thread.
  void submit(pending_write& what) noexcept;
  void submit(pending_read& what) noexcept;
  /// A reader; null if reads take turns on the writer's connection (a memory database).
  [[nodiscard]] expected<reader*> take_reader(const read_options& options) noexcept;
  void give_back(reader* held) noexcept;
  [[nodiscard]] connection& connection_of(reader* held) noexcept {
    return held != nullptr ? held->on() : writer_->on();
  }
  [[nodiscard]] expected<std::uint64_t> checkpoint();
  /// Queues work that takes long; it is run in order, one at a time.
  /// Errors: `closed`; `forked`; `unavailable` if no thread can be started.
  [[nodiscard]] expected<void> submit(std::unique_ptr<upkeep_task> task);
  /// Takes a new snapshot with a reader. Returns the number of the newest commit that it shows, 0
  /// if the database is read-only. Errors: those of the limit; translated.
  [[nodiscard]] expected<std::uint64_t> fix_snapshot(reader* held, const work_limit& limit);
  /// Empties page caches that nobody uses, of those not used lately or of `all`.
  void drop_caches(bool all) noexcept;
  [[nodiscard]] database_stats stats() const;
  /// Errors: as `database::close`. What there was no time for is done by the next call, or by the
  /// destructor.
  expected<void> close(monotonic_time until) noexcept;
  /// Waits for what a `close` gave up on: none of the functions outlives the last reference.
  void await_functions() noexcept;

  // service
  [[nodiscard]] std::string name() const override { return "database '" + path_ + "'"; }
  bool stop(monotonic_time until) noexcept override { return close(until).has_value(); }
  bool run_one() noexcept override;
  [[nodiscard]] service_report describe() const override;

  // lendable
  void lend(cortex::detail::slot_base& wanted) noexcept override;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const database_options& options() const noexcept { return options_; }
  [[nodiscard]] std::uint64_t commit_number() const noexcept {
    return commits_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  /// True once its file is let go of, but for leases that are still out.
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  [[nodiscard]] const runtime& rt() const noexcept { return runtime_; }
  /// Errors: `forked`.
  [[nodiscard]] expected<void> check_process() const;
  /// True on a thread that is at work for a database, or must not block: it can close none.
  [[nodiscard]] static bool busy_here() noexcept;

private:
  friend class held_write;
  friend class pool_core;
  database_core(const runtime& rt, std::optional<prepared_file> file, database_options options);
  static void let_go(database_core* last) noexcept;
  expected<void> open_connections(bool created);
  [[nodiscard]] bool prepare(cortex::detail::slot_base& slot, std::chrono::nanoseconds deadline);
  [[nodiscard]] bool admit(pending_write& what);
  void follow(cortex::detail::slot_base& slot) const;
  void note_slow(std::string what, stage waits_in, const cortex::detail::moments& way) const;
  void note_slow_read(reader& back) const;
  [[nodiscard]] connection_options connect_options(bool read_only) const;
  [[nodiscard]] std::optional<bool> run_alone(pending_write& what) noexcept;
  bool serve_writes() noexcept;
  void wake_storage() noexcept;
  void disown() noexcept;
  [[nodiscard]] bool start_storage_thread() noexcept;
  void storage_thread() noexcept;
  void reader_thread() noexcept;
  [[nodiscard]] expected<reader*> take_any(std::string_view owner, std::chrono::nanoseconds within,
                                           const std::stop_token& stop) noexcept;
  [[nodiscard]] interruption& stop_of(reader* held) noexcept {
    return held != nullptr ? held->stop() : writer_->stop();
  }
  [[nodiscard]] use_limits limits_of(const read_options& options, monotonic_time begun) const;
  bool serve_reads() noexcept;
  bool serve_upkeep() noexcept;
  void upkeep_thread() noexcept;
  std::span<pending_read*> serve_with(reader* held, std::span<pending_read*> batch,
                                      monotonic_time began) noexcept;
  void serve_read(pending_read& what, reader* held, monotonic_time now) noexcept;
  std::span<pending_read*> serve_batch(std::span<pending_read*> batch) noexcept;
  [[nodiscard]] expected<void> start_reader_threads() noexcept;
  void leave() noexcept;
  [[nodiscard]] bool begin_closing(monotonic_time until) noexcept;
  void end_closing() noexcept;
  void drain(monotonic_time until) noexcept;
  bool end_threads(monotonic_time until) noexcept;
  void join_threads() noexcept;
  expected<void> finish(monotonic_time until) noexcept;
  [[nodiscard]] error still_at_work(bool writes) const;
  void leak() noexcept;

  // Constant after `open`.
  const runtime runtime_; // does not keep it running
  const database_options options_;
  const std::string path_;
  const file_identity identity_; // empty for memory
  const bool memory_;
  const bool deterministic_;
  const std::uint32_t generation_; // the fork generation this belongs to

  // Null if nobody looks for slow requests.
  const std::shared_ptr<cortex::detail::slow_request_sink> slow_;
  const std::shared_ptr<const std::string> shown_; // the path, for those that are slow
  std::uint64_t page_bytes_ = 0;

  std::optional<writer_lock> lock_;
  std::atomic<std::uint64_t> commits_{0};
  std::unique_ptr<reader_pool> readers_; // null for memory
  std::unique_ptr<writer> writer_;       // null when read-only

  alignas(64) std::atomic<std::uint64_t> callers_{0}; // threads inside a blocking write
  alignas(64) std::atomic<bool> closed_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint32_t> closing_{0}; // futex: 1 while a thread is at it
  std::atomic<bool> ended_{false};        // set by the thread that is at it
  std::atomic<std::uint32_t> threads_{0}; // futex: own threads that run
  std::mutex starting_;
  bool no_more_threads_ = false;                   // guarded by starting_
  std::thread storage_;                            // guarded by starting_ until no_more_threads_
  std::vector<std::thread> servers_;               // the same
  std::thread upkeep_;                             // the same
  std::deque<std::unique_ptr<upkeep_task>> tasks_; // guarded by starting_
  cortex::detail::doorbell upkeep_bell_;
  std::atomic<bool> storage_started_{false};
  std::atomic<bool> servers_started_{false};
  cortex::detail::doorbell storage_bell_;
  moodycamel::ConcurrentQueue<pending_read*> reads_;
  std::atomic<std::uint64_t> reads_waiting_{0};
  std::atomic<std::uint32_t> serving_{0};    // threads that have taken reads out of the queue
  std::atomic<std::uint32_t> reading_{0};    // those of them that have a reader for them
  std::atomic<std::uint32_t> reads_turn_{0}; // futex: changes with each queued read
  std::atomic<std::uint32_t> servers_asleep_{0};
};

/// A reader on loan, or the turn on the only connection of a memory database.
class reader_loan {
public:
  /// `owner` outlives it. Errors: as `database_core::take_reader`.
  [[nodiscard]] static expected<reader_loan> take(database_core& of, std::string_view owner,
                                                  std::chrono::nanoseconds deadline);
  reader_loan(reader_loan&& other) noexcept;
  reader_loan(const reader_loan&) = delete;
  reader_loan& operator=(const reader_loan&) = delete;
  reader_loan& operator=(reader_loan&&) = delete;
  ~reader_loan();

  /// Null for a memory database.
  [[nodiscard]] reader* held() const noexcept { return held_; }
  [[nodiscard]] connection& on() const noexcept { return of_->connection_of(held_); }

private:
  reader_loan(database_core& of, reader* held) noexcept : of_(&of), held_(held) {}

  database_core* of_;
  reader* held_;
};

} // namespace cortex::storage::detail
