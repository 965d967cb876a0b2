/// The inside of a connection pool: who has which number, who waits, who holds the writer too long.
#pragma once

#include "cortex/connection_pool.hpp"
#include "cortex/doorbell.hpp"
#include "cortex/storage/core.hpp"
#include "cortex/storage/held_write.hpp"
#include "cortex/storage/number_ring.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace cortex::storage::detail {

/// One of a pool's connections. Its borrower's, but for the atomics and `write`'s own.
struct alignas(64) pooled {
  explicit pooled(std::uint32_t index)
    : number(index + 1), owner("pool connection " + std::to_string(number)) {}

  const std::uint32_t number;
  const std::string owner; // whom statistics of readers name
  held_write write;
  std::chrono::nanoseconds left{0};          // of the time to wait
  bool suspect = false;                      // failed; to be tested before it is lent again
  std::atomic<monotonic_time::rep> since{0}; // 0 = idle
};

/// *Thread-safe* but for what works on a lent connection: its borrower calls that.
class pool_core {
public:
  /// `options` are valid.
  [[nodiscard]] static expected<std::shared_ptr<pool_core>>
  open(const runtime* rt, const std::string& path, pool_options options);
  pool_core(database file, pool_options options);
  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;
  ~pool_core();

  /// The number of a connection. Errors: as `connection_pool::borrow`.
  [[nodiscard]] expected<std::uint32_t> borrow();
  void give_back(std::uint32_t number) noexcept;
  expected<pool_closing> close(std::chrono::nanoseconds within);

  // -- a lent connection
  [[nodiscard]] pooled& at(std::uint32_t number) const noexcept { return *all_[number - 1]; }
  expected<changes> change(pooled& lent, std::string_view sql, change_ref work);
  expected<written<void>> commit(pooled& lent);
  expected<void> rollback(pooled& lent);
  [[nodiscard]] expected<pool_view> begin_read(pooled& lent);
  expected<void> end_read(pooled& lent, const pool_view& view, const error* problem);
  [[nodiscard]] expected<connection_settings> settings(pooled& lent);

  [[nodiscard]] bool closed() const noexcept {
    return closed_.load(std::memory_order_acquire) || core_->closed();
  }
  /// Errors: `forked`.
  [[nodiscard]] expected<void> check_process() const { return core_->check_process(); }
  [[nodiscard]] pool_stats stats() const;
  [[nodiscard]] service_report describe() const;
  [[nodiscard]] const pool_options& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& path() const noexcept { return core_->path(); }
  void note_mismatch(const pool_options& asked) noexcept;

  std::atomic<bool> registered{false};

private:
  [[nodiscard]] const monotonic_clock& clock() const noexcept { return core_->rt().monotonic(); }
  [[nodiscard]] expected<void> may_borrow() const;
  [[nodiscard]] std::optional<std::uint32_t> wait_for_one(const patience& wait) noexcept;
  [[nodiscard]] unexpected too_late(std::string why, stage where) noexcept;
  void wake_waiters(bool all) noexcept;
  [[nodiscard]] expected<void> test(pooled& lent);
  void put_back(std::uint32_t index) noexcept;
  void shut_one() noexcept;
  std::size_t shut_idle() noexcept;
  void log(severity level, const std::string& text) const noexcept;

  [[nodiscard]] expected<void> begin_write(pooled& lent);
  [[nodiscard]] expected<changes> query(pooled& lent, change_ref work);
  [[nodiscard]] expected<changes> change_schema(pooled& lent, change_ref work, bool alone);
  void renew(reader& failed) noexcept;
  void note(pooled& lent, const error& problem) noexcept;
  void new_unit(pooled& lent) noexcept { lent.left = options_.timeout; }

  void note_write() noexcept;
  void watch() noexcept;
  void stop_watching() noexcept;

  // Constant after construction.
  const pool_options options_;
  const std::shared_ptr<database_core> core_;
  std::vector<std::unique_ptr<pooled>> all_;

  std::shared_ptr<service> reporter_; // in the runtime's list; null if that stops
  std::optional<database> file_;      // until the last connection is closed, by whoever does that
  number_ring idle_;                  // numbers less 1
  alignas(64) std::atomic<std::uint32_t> waiters_{0};
  std::atomic<std::uint32_t> turn_{0}; // futex: changes when a connection may be idle
  alignas(64) std::atomic<std::uint64_t> lent_{0};
  std::atomic<bool> closed_{false};
  std::atomic<std::size_t> left_;   // not closed yet
  std::atomic<std::uint32_t> open_; // the same, the file included; futex

  std::atomic<std::uint64_t> borrowed_{0};
  std::atomic<std::uint64_t> waits_{0};
  std::atomic<std::uint64_t> waited_{0}; // nanoseconds
  std::atomic<std::uint64_t> timeouts_{0};
  std::atomic<std::uint64_t> rollbacks_{0};
  std::atomic<std::uint64_t> overdue_{0};
  std::atomic<std::uint64_t> replaced_{0};
  std::atomic<std::uint64_t> mismatched_{0};

  std::mutex starting_;
  std::thread watcher_;               // guarded by starting_ until stopping_
  std::atomic<bool> watching_{false}; // started
  std::atomic<bool> stopping_{false};
  std::atomic<bool> drowsy_{false}; // the watcher sleeps until a write begins
  cortex::detail::doorbell bell_;
};

} // namespace cortex::storage::detail
