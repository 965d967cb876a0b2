/// A transaction on the writer's connection that its owner keeps from one call to the next.
#pragma once

#include "cortex/database.hpp"
#include "cortex/request_trace.hpp"
#include "cortex/storage/patience.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace cortex::storage::detail {

class connection;
class database_core;
class writer;

/// While it lasts, the writer is owned as by a thread that commits a group; other writes wait in
/// their lanes. Between two calls nobody is inside: then another thread may undo a transaction that
/// has lasted too long. Whoever is inside is interrupted instead and undoes it itself.
///
/// Owned by one thread at a time, but for `active_since` and `undo_if_older`.
class held_write {
public:
  held_write() = default;
  held_write(const held_write&) = delete;
  held_write& operator=(const held_write&) = delete;
  ~held_write() = default;

  [[nodiscard]] bool active() const noexcept {
    return phase_of(word_.load(std::memory_order_acquire)) != phase::none;
  }

  /// The same, but for one that others have undone.
  [[nodiscard]] bool lasts() const noexcept {
    const auto now = phase_of(word_.load(std::memory_order_acquire));
    return now != phase::none && now != phase::undoing && now != phase::undone;
  }

  /// Waits for the writer and begins IMMEDIATE; the caller is inside then. `leave` must follow.
  /// Errors: `timeout` at stage `lane`; `closed`; `in_use` (another process writes); `io`, ….
  [[nodiscard]] expected<void> begin(database_core& of, durability level, const patience& wait);
  /// Goes inside. Errors: `timeout` if it was undone because it lasted too long; it is over then.
  /// @pre `active()`
  [[nodiscard]] expected<void> enter();
  /// Goes outside. Errors: `timeout` as `enter`; `internal` if SQLite rolled it back by itself.
  /// @pre the caller is inside
  [[nodiscard]] expected<void> leave();
  /// Commits and gives the writer back. Returns the commit's number; the caller is outside then.
  /// Errors: `constraint` (a foreign key is violated: the transaction goes on); `timeout` as
  /// `enter`; `no_space`, `io`, … (it is undone); `outcome_unknown`. @pre the caller is inside
  [[nodiscard]] expected<std::uint64_t> commit();
  /// Rolls back and gives the writer back. @pre the caller is inside
  void undo() noexcept;

  /// The writer's connection. @pre the caller is inside
  [[nodiscard]] connection& on() const noexcept;

  /// How many threads wait to begin one.
  [[nodiscard]] static std::size_t waiting(const database_core& of) noexcept;

  /// From any thread: ends it if it began before `then`. True if this call decided that. Who is
  /// inside may need further calls.
  [[nodiscard]] bool undo_if_older(monotonic_time then) noexcept;

  /// For a moment, without a transaction: the writer's connection, for `look`.
  template <class F>
  [[nodiscard]] static auto with_writer(database_core& of, durability level, const patience& wait,
                                        F look) -> std::invoke_result_t<F&, connection&> {
    if (auto taken = take(of, level, wait); !taken)
      return unexpected{std::move(taken).error()};
    auto result = look(connection_of(of));
    give_back(of, true);
    return result;
  }

private:
  enum class phase : std::uint8_t {
    none,
    outside,      // may be undone by anybody
    inside,       // its owner is at work
    interrupting, // the same, while another thread interrupts it
    overdue,      // the same, to be undone when it goes outside
    ending,       // out of reach for others
    undoing,      // another thread rolls back
    undone,       // nothing is left but to tell the owner
  };
  static constexpr std::uint64_t phase_bits = 3;
  static phase phase_of(std::uint64_t word) noexcept {
    return static_cast<phase>(word & ((1U << phase_bits) - 1));
  }
  // Each transaction has a number of its own, so that none is taken for the one before it.
  static std::uint64_t with(std::uint64_t word, phase next) noexcept {
    return (word >> phase_bits << phase_bits) | static_cast<std::uint64_t>(next);
  }

  [[nodiscard]] static expected<void> take(database_core& of, durability level,
                                           const patience& wait);
  static void give_back(database_core& of, bool work_for_others) noexcept;
  [[nodiscard]] static connection& connection_of(database_core& of) noexcept;
  [[nodiscard]] static expected<void> begin_on(writer& w, const patience& wait);
  [[nodiscard]] bool move(phase from, phase to) noexcept;
  [[nodiscard]] static expected<std::uint64_t> commit_on(writer& w);
  void take_out_of_reach() noexcept;
  void finish() noexcept;
  void note(cortex::detail::moment which) noexcept;
  [[nodiscard]] static unexpected too_long();

  database_core* of_ = nullptr;   // while active
  cortex::detail::moments way_{}; // if slow requests are looked for
  std::atomic<std::uint64_t> word_{0};
  std::atomic<monotonic_time::rep> began_{0}; // constant while the word's number is
};

} // namespace cortex::storage::detail
