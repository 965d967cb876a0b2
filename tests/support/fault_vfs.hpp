/// A VFS for SQLite that counts calls, fails on demand, holds a thread in mid-commit and cuts the
/// power.
#pragma once

#include "support/fault_plan.hpp"
#include "support/power_model.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace cortex::testing {

class vfs_shim;

/// What a fault VFS does beyond counting and failing.
struct fault_vfs_options {
  /// Whether it remembers what is not synced, which `cut_power` needs. Costs a copy of each file.
  bool record_unsynced = false;
  /// Whether a sync that is made to fail drops what it covered, so that no later sync saves it.
  /// By default the next sync covers the same writes again.
  bool failed_sync_loses_writes = false;
};

/// A shim over the default VFS, registered with SQLite under a name of its own while it lives.
/// Thread-safe. What comes through a memory map (`PRAGMA mmap_size`) is not seen as a read.
/// @pre All connections that use it are closed before it ends.
class fault_vfs {
public:
  explicit fault_vfs(fault_vfs_options options = {});
  fault_vfs(const fault_vfs&) = delete;
  fault_vfs& operator=(const fault_vfs&) = delete;
  fault_vfs(fault_vfs&&) = delete;
  fault_vfs& operator=(fault_vfs&&) = delete;
  ~fault_vfs();

  /// The name to open databases with, unique in the process.
  const std::string& name() const noexcept;

  /// Calls so far, those included that failed or are held.
  std::uint64_t count(io_call call, std::optional<file_role> role = any_role) const;

  /// The `nth` such call from now on fails with an SQLite result code and does nothing; the ones
  /// after it are served again. Rules add up.
  /// @pre `code` is an error, `nth` > 0.
  void fail_once(io_call call, std::optional<file_role> role, int code, std::uint64_t nth = 1);

  /// As `fail_once`, but each call from the `nth` on fails, until `clear`.
  void fail_from(io_call call, std::optional<file_role> role, int code, std::uint64_t nth = 1);

  /// The disk takes `bytes` more. The write that meets its end is done in part, and that one and
  /// all later ones fail with `SQLITE_FULL` until `clear`. Overwriting takes room too.
  void disk_full_after(std::uint64_t bytes);

  /// Forgets all faults: there is room again and nothing fails. Counts and the gate stay.
  void clear();

  /// Calls that were made to fail, a full disk included. A test of a fault checks that it fired.
  std::uint64_t injected() const;
  std::uint64_t injected(io_call call, std::optional<file_role> role = any_role) const;

  /// Holds the thread that makes the next such call, before the call has done anything, until
  /// `release`, at the latest for `io_gate::hold_limit`. Faults set while it is held meet it too.
  void hold_next(io_call call, std::optional<file_role> role = any_role);
  void hold_next_sync(std::optional<file_role> role = any_role);
  void hold_next_write(std::optional<file_role> role = any_role);

  /// Returns false if no thread was held within `deadline`.
  [[nodiscard]] bool wait_until_held(std::chrono::milliseconds deadline = std::chrono::seconds{30});

  /// Lets a held thread go on, or drops a `hold_next` that nothing has met yet.
  void release();

  /// Writes into `directory` the files as a power cut at this instant leaves them, see
  /// `power_model`. Databases stay open and in use. The names of all files must differ.
  /// @pre `record_unsynced` is set, and was when the files were made.
  power_cut cut_power(const std::filesystem::path& directory, std::uint64_t seed) const;

private:
  std::unique_ptr<vfs_shim> shim_;
};

} // namespace cortex::testing
