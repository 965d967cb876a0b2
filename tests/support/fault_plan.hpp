/// What a fault VFS does with each call: it counts it, holds it at a gate, or makes it fail.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace cortex::testing {

/// The kinds of call that are counted and can be made to fail.
enum class io_call { open, read, write, sync, truncate, remove };

/// What a file is to its database. Super-journals count as journals; temporary files as other.
enum class file_role { main_db, wal, journal, other };

/// In place of a role: each of them.
inline constexpr std::optional<file_role> any_role;

/// Counts of calls by kind and role. Not thread-safe.
class call_counts {
public:
  void add(io_call call, file_role role) { ++at(call, role); }

  /// The calls of one kind on one role, or on all.
  std::uint64_t of(io_call call, std::optional<file_role> role) const;

  /// All calls.
  std::uint64_t total() const;

private:
  static constexpr std::size_t calls = 6;
  static constexpr std::size_t roles = 4;

  std::uint64_t& at(io_call call, file_role role) {
    return counts_[static_cast<std::size_t>(call)][static_cast<std::size_t>(role)];
  }

  std::array<std::array<std::uint64_t, roles>, calls> counts_{};
};

/// Counts calls and says which of them fail. Thread-safe. Allocates when programmed, never in a
/// call.
class fault_plan {
public:
  /// Counts a call.
  void count(io_call call, file_role role);

  /// The code a call has to return at once, or 0 if it may go on.
  int verdict(io_call call, file_role role);

  /// How many of the bytes a call wants to write have room on the disk.
  std::uint64_t admit_bytes(std::uint64_t wanted, file_role role);

  /// @pre `code` is not 0, `nth` > 0.
  void add(io_call call, std::optional<file_role> role, int code, std::uint64_t nth, bool lasting);
  void limit_bytes(std::uint64_t room);
  void clear();

  std::uint64_t counted(io_call call, std::optional<file_role> role) const;
  std::uint64_t injected(io_call call, std::optional<file_role> role) const;
  std::uint64_t injected() const;

private:
  struct rule {
    io_call call{};
    std::optional<file_role> role;
    int code = 0;
    std::uint64_t left = 0; // calls until the one that fails; 1: the next
    bool lasting = false;
  };

  mutable std::mutex mutex_;
  std::vector<rule> rules_;           // guarded by mutex_
  std::optional<std::uint64_t> room_; // guarded by mutex_
  call_counts counted_;               // guarded by mutex_
  call_counts injected_;              // guarded by mutex_
};

/// Holds one call inside the VFS until it is released. Thread-safe.
class io_gate {
public:
  /// A call held longer than this goes on by itself, so that a test that has failed still ends.
  static constexpr std::chrono::seconds hold_limit{60};

  /// Waits here if the gate is closed for this call.
  void pass(io_call call, file_role role);

  /// Closes the gate for the next such call; later ones pass.
  void hold_next(io_call call, std::optional<file_role> role);

  /// Returns false if no call was held within `deadline`.
  [[nodiscard]] bool wait_until_held(std::chrono::milliseconds deadline);

  /// Lets go what is held, and opens the gate if nothing has come yet.
  void release();

private:
  struct target {
    io_call call{};
    std::optional<file_role> role;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<target> next_; // guarded by mutex_
  // Tickets, not a flag: a held thread that wakes up late must not wait for the next release too.
  std::uint64_t held_ = 0;     // guarded by mutex_
  std::uint64_t released_ = 0; // guarded by mutex_
};

} // namespace cortex::testing
