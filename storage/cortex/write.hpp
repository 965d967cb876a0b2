/// How writes are done: levels, lanes, slices, and what waits in the lanes.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/reply_slot.hpp"
#include "cortex/statement.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace cortex::storage {

/// What a write's reply promises. Both are said after COMMIT returned.
enum class durability : std::uint8_t {
  committed, ///< Survives the end of the process, kill -9 included; a power cut may take it.
  synced,    ///< Survives a power cut: the log was flushed to the disk.
};

/// Which queue a write waits in. Writes of one lane commit in the order in which they entered it.
/// While all lanes wait, their shares of the places in groups are 8, 4, 2 and 1 of 15; what a lane
/// does not use goes to the more urgent ones first. None is ever starved, whatever the size of the
/// groups.
enum class lane : std::uint8_t {
  interactive, ///< Somebody sits and waits for it.
  normal,      ///< The default.
  bulk,        ///< Imports and other loads; see `database::write_slices`.
  maintenance, ///< Nobody waits for it: clearing up, statistics.
};
inline constexpr std::size_t lane_count = 4;

/// How one write is done.
struct write_options {
  durability level = durability::committed;
  storage::lane lane = storage::lane::normal;
  /// Time from the call to BEGIN of its group; zero = the database's default. A write whose time is
  /// up before COMMIT is undone; a statement that runs then ends within some thousand steps of
  /// SQLite's.
  std::chrono::nanoseconds deadline{0};
  /// Withdraws the write, or ends it in the same way if it runs: `cancelled`. It comes too late
  /// once COMMIT has begun; the answer says what became of the write. A queued write whose caller
  /// blocks is answered at once, others when their turn comes; `future::cancel` does not wait for
  /// that.
  std::stop_token stop{};
};

/// What a step of sliced work says: is there more to do?
enum class step : std::uint8_t { more, done };

/// How work in slices is done.
struct slice_options {
  storage::lane lane = storage::lane::bulk;
  /// Of each slice; empty = the database's default.
  std::optional<durability> level{};
  /// Time from the call to the end of all slices; zero = no end.
  std::chrono::nanoseconds deadline{0};
  /// Ends the work before its next step; the slice that runs is undone: `cancelled`.
  std::stop_token stop{};
  /// A slice ends with the first step after this time, or earlier, see `database::write_slices`.
  /// Range >= 0; zero = a slice for each step. By default some 500 rows: half of what a commit of
  /// any size reaches (storage/pipelined rows of bench/run).
  std::chrono::nanoseconds slice = std::chrono::milliseconds{2};
};

/// The reply to a write: what the function returned, and what was reached.
template <class T>
struct written {
  T value;
  std::uint64_t commit = 0; ///< Counts the commits of this database since it was opened.
  durability level = durability::committed;
};
template <>
struct written<void> {
  std::uint64_t commit = 0;
  durability level = durability::committed;
};

/// The reply to work in slices, after COMMIT of the last one.
struct written_slices {
  std::uint64_t steps = 0;
  std::uint64_t slices = 0;
  std::uint64_t commit = 0; ///< Of the last slice.
  durability level = durability::committed;
};

namespace detail {

/// What a queue of writes links.
struct mpsc_node {
  std::atomic<mpsc_node*> next{nullptr};
};

/// A place in a group, see `lane_turns`: who got it, which lanes waited, what it cost.
struct lane_turn {
  lane of = lane::normal;
  std::uint8_t waiting = 0;
  std::int8_t paid = 0;
};

class sliced_write;

/// A write that waits for its group.
class pending_write : public mpsc_node {
public:
  pending_write() = default;
  pending_write(const pending_write&) = delete;
  pending_write& operator=(const pending_write&) = delete;

  /// Runs the function and keeps its value. May be called again after a rollback.
  virtual expected<void> run(transaction& in) noexcept = 0;
  /// Answers with the value that `run` kept.
  virtual void succeed(std::uint64_t commit, durability reached) noexcept = 0;
  [[nodiscard]] virtual cortex::detail::slot_base& slot() noexcept = 0;

  write_options options;
  lane_turn turn;                 ///< The writer's.
  sliced_write* sliced = nullptr; ///< This, if it is done in slices.

protected:
  ~pending_write() = default;
};

/// A write whose function is called again and again, in one transaction after the other.
class sliced_write : public pending_write {
public:
  sliced_write() { sliced = this; }

  std::chrono::nanoseconds slice{0};
  // The writer's.
  bool finished = false;       ///< The last step said so.
  std::uint64_t steps_now = 0; ///< Of the slice that is under way.
  std::uint64_t steps = 0;     ///< Of committed slices.
  std::uint64_t slices = 0;    ///< Committed.

protected:
  ~sliced_write() = default;
};

/// Runs what may throw. Errors: what it returns; `internal` if it throws.
template <class F>
auto run_guarded(F&& work) noexcept -> expected<void> {
  try {
    return work();
  } catch (const std::exception& bug) {
    return fail(errc::internal, std::string{"a write function threw: "} + bug.what());
  } catch (...) {
    return fail(errc::internal, "a write function threw");
  }
}

/// The type that a write or read function yields: `T` for `T` and `expected<T>`.
template <class F, class View>
using yield_t = cortex::detail::unwrapped_t<std::invoke_result_t<F&, View&>>;

template <class F>
class write_slot final : public cortex::detail::reply_slot<written<yield_t<F, transaction>>>,
                         public pending_write {
public:
  using value = yield_t<F, transaction>;

  explicit write_slot(F&& work) : work_(std::move(work)) {}

  expected<void> run(transaction& in) noexcept override {
    return run_guarded([&]() -> expected<void> {
      if constexpr (std::is_void_v<std::invoke_result_t<F&, transaction&>>) {
        work_(in);
      } else if constexpr (std::is_void_v<value>) {
        return work_(in);
      } else {
        expected<value> result{work_(in)};
        if (!result)
          return unexpected{std::move(result).error()};
        kept_.emplace(*std::move(result));
      }
      return {};
    });
  }

  void succeed(std::uint64_t commit, durability reached) noexcept override {
    if constexpr (std::is_void_v<value>)
      this->complete(written<void>{commit, reached});
    else
      this->complete(written<value>{*std::move(kept_), commit, reached});
  }

  [[nodiscard]] cortex::detail::slot_base& slot() noexcept override { return *this; }

private:
  F work_;
  std::conditional_t<std::is_void_v<value>, std::monostate, std::optional<value>> kept_;
};

template <class F>
class slice_slot final : public cortex::detail::reply_slot<written_slices>, public sliced_write {
public:
  static_assert(std::is_same_v<yield_t<F, transaction>, step>,
                "a step returns storage::step or expected<storage::step>");

  explicit slice_slot(F&& work) : work_(std::move(work)) {}

  expected<void> run(transaction& in) noexcept override {
    return run_guarded([&]() -> expected<void> {
      expected<step> said{work_(in)};
      if (!said)
        return unexpected{std::move(said).error()};
      finished = *said == step::done;
      return {};
    });
  }

  void succeed(std::uint64_t commit, durability reached) noexcept override {
    if (finished)
      this->complete(written_slices{steps, slices, commit, reached});
  }

  [[nodiscard]] cortex::detail::slot_base& slot() noexcept override { return *this; }

private:
  F work_;
};

} // namespace detail

} // namespace cortex::storage
