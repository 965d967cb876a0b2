#include "support/fault_plan.hpp"

#include <algorithm>
#include <cstdio>

namespace cortex::testing {
namespace {

bool matches(std::optional<file_role> wanted, file_role role) {
  return !wanted || *wanted == role;
}

} // namespace

// -- call_counts ----------------------------------------------------------------------------------

std::uint64_t call_counts::of(io_call call, std::optional<file_role> role) const {
  const auto& by_role = counts_[static_cast<std::size_t>(call)];
  if (role)
    return by_role[static_cast<std::size_t>(*role)];
  std::uint64_t sum = 0;
  for (auto n : by_role)
    sum += n;
  return sum;
}

std::uint64_t call_counts::total() const {
  std::uint64_t sum = 0;
  for (const auto& by_role : counts_)
    for (auto n : by_role)
      sum += n;
  return sum;
}

// -- fault_plan -----------------------------------------------------------------------------------

void fault_plan::count(io_call call, file_role role) {
  std::lock_guard lock{mutex_};
  counted_.add(call, role);
}

int fault_plan::verdict(io_call call, file_role role) {
  std::lock_guard lock{mutex_};
  int code = 0;
  for (auto& r : rules_) {
    if (r.call != call || !matches(r.role, role) || r.left == 0)
      continue;
    if (r.left > 1) {
      --r.left;
      continue;
    }
    if (!r.lasting)
      r.left = 0;
    if (code == 0)
      code = r.code;
  }
  if (code != 0)
    injected_.add(call, role);
  return code;
}

std::uint64_t fault_plan::admit_bytes(std::uint64_t wanted, file_role role) {
  std::lock_guard lock{mutex_};
  if (!room_)
    return wanted;
  const auto admitted = std::min(wanted, *room_);
  *room_ -= admitted;
  if (admitted < wanted)
    injected_.add(io_call::write, role);
  return admitted;
}

void fault_plan::add(io_call call, std::optional<file_role> role, int code, std::uint64_t nth,
                     bool lasting) {
  std::lock_guard lock{mutex_};
  rules_.push_back({call, role, code, nth, lasting});
}

void fault_plan::limit_bytes(std::uint64_t room) {
  std::lock_guard lock{mutex_};
  room_ = room;
}

void fault_plan::clear() {
  std::lock_guard lock{mutex_};
  rules_.clear();
  room_.reset();
}

std::uint64_t fault_plan::counted(io_call call, std::optional<file_role> role) const {
  std::lock_guard lock{mutex_};
  return counted_.of(call, role);
}

std::uint64_t fault_plan::injected(io_call call, std::optional<file_role> role) const {
  std::lock_guard lock{mutex_};
  return injected_.of(call, role);
}

std::uint64_t fault_plan::injected() const {
  std::lock_guard lock{mutex_};
  return injected_.total();
}

// -- io_gate --------------------------------------------------------------------------------------

void io_gate::pass(io_call call, file_role role) {
  std::unique_lock lock{mutex_};
  if (!next_ || next_->call != call || !matches(next_->role, role))
    return;
  next_.reset();
  const auto ticket = ++held_;
  changed_.notify_all();
  if (changed_.wait_for(lock, hold_limit, [&] { return released_ >= ticket; }))
    return;
  released_ = std::max(released_, ticket);
  (void)std::fputs("fault_vfs: a held call was never released, it goes on now\n", stderr);
}

void io_gate::hold_next(io_call call, std::optional<file_role> role) {
  std::lock_guard lock{mutex_};
  next_ = target{call, role};
}

bool io_gate::wait_until_held(std::chrono::milliseconds deadline) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, [this] { return held_ > released_; });
}

void io_gate::release() {
  {
    std::lock_guard lock{mutex_};
    next_.reset();
    released_ = held_;
  }
  changed_.notify_all();
}

} // namespace cortex::testing
