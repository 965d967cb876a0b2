/// The SQLite side of the fault VFS: the table of functions that SQLite calls.
#pragma once

#include "support/fault_vfs.hpp"

#include <sqlite3.h>

#include <atomic>
#include <string>

namespace cortex::testing {

/// A registered VFS that forwards to the default one. Thread-safe.
class vfs_shim {
public:
  explicit vfs_shim(fault_vfs_options o);
  vfs_shim(const vfs_shim&) = delete;
  vfs_shim& operator=(const vfs_shim&) = delete;
  vfs_shim(vfs_shim&&) = delete;
  vfs_shim& operator=(vfs_shim&&) = delete;
  ~vfs_shim();

  const fault_vfs_options options;
  const std::string name;
  sqlite3_vfs* const real;
  fault_plan plan;
  io_gate gate;
  power_model power;
  std::atomic<int> open_files = 0; // relaxed: read when no other thread is left

  /// Counts a call, holds it if the gate says so, and returns the code it must fail with, or 0.
  int enter(io_call call, file_role role);

private:
  sqlite3_vfs vfs_;
};

} // namespace cortex::testing
