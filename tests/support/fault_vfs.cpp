#include "support/fault_vfs.hpp"

#include "support/vfs_shim.hpp"

#include <cstdio>
#include <stdexcept>

namespace cortex::testing {

fault_vfs::fault_vfs(fault_vfs_options options) : shim_{std::make_unique<vfs_shim>(options)} {}

fault_vfs::~fault_vfs() {
  shim_->gate.release();
  if (shim_->open_files.load(std::memory_order_relaxed) == 0)
    return;
  // SQLite will come back to the files: a leak that is told is better than a use after free.
  (void)std::fprintf(stderr, "fault_vfs: %s ends with files still open\n", shim_->name.c_str());
  (void)shim_.release();
}

const std::string& fault_vfs::name() const noexcept {
  return shim_->name;
}

// -- counts and faults ----------------------------------------------------------------------------

std::uint64_t fault_vfs::count(io_call call, std::optional<file_role> role) const {
  return shim_->plan.counted(call, role);
}

void fault_vfs::fail_once(io_call call, std::optional<file_role> role, int code,
                          std::uint64_t nth) {
  shim_->plan.add(call, role, code, nth, false);
}

void fault_vfs::fail_from(io_call call, std::optional<file_role> role, int code,
                          std::uint64_t nth) {
  shim_->plan.add(call, role, code, nth, true);
}

void fault_vfs::disk_full_after(std::uint64_t bytes) {
  shim_->plan.limit_bytes(bytes);
}

void fault_vfs::clear() {
  shim_->plan.clear();
}

std::uint64_t fault_vfs::injected() const {
  return shim_->plan.injected();
}

std::uint64_t fault_vfs::injected(io_call call, std::optional<file_role> role) const {
  return shim_->plan.injected(call, role);
}

// -- the gate -------------------------------------------------------------------------------------

void fault_vfs::hold_next(io_call call, std::optional<file_role> role) {
  shim_->gate.hold_next(call, role);
}

void fault_vfs::hold_next_sync(std::optional<file_role> role) {
  hold_next(io_call::sync, role);
}

void fault_vfs::hold_next_write(std::optional<file_role> role) {
  hold_next(io_call::write, role);
}

bool fault_vfs::wait_until_held(std::chrono::milliseconds deadline) {
  return shim_->gate.wait_until_held(deadline);
}

void fault_vfs::release() {
  shim_->gate.release();
}

// -- power ----------------------------------------------------------------------------------------

power_cut fault_vfs::cut_power(const std::filesystem::path& directory, std::uint64_t seed) const {
  if (!shim_->options.record_unsynced)
    throw std::logic_error{"cut_power needs a fault_vfs that records what is not synced"};
  return shim_->power.cut(directory, seed);
}

} // namespace cortex::testing
