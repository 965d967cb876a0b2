#include "cortex/accelerator_limits.hpp"
#include "cortex/accelerator_limits/checks.hpp"
#include "cortex/accelerator_limits/files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace cortex::accelerator_limits {
namespace {

constexpr std::int64_t period_us = 100'000; // the kernel's default, cgroup-v2.rst
constexpr std::size_t longest_group = 200;

bool allowed_in_group(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
         || c == '-' || c == '.';
}

bool good_group(const std::string& name) {
  return !name.empty() && name.size() <= longest_group && name.front() != '.'
         && std::ranges::all_of(name, allowed_in_group);
}

std::string group_of(const profile& what, const target& to) {
  if (!to.group.empty())
    return to.group;
  const auto suffix = "." + std::to_string(to.process_id);
  auto name = what.name.substr(0, longest_group - suffix.size());
  std::ranges::replace_if(
    name, [](char c) { return !allowed_in_group(c); }, '_');
  if (name.front() == '.')
    name.front() = '_';
  return name + suffix;
}

bool is_folder(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

bool contains(const std::vector<std::string>& words, std::string_view wanted) {
  return std::ranges::find(words, wanted) != words.end();
}

expected<void> check(const profile& what, const target& to) {
  if (auto refused = cortex::detail::blocking_refused("applying a profile"))
    return unexpected{*std::move(refused)};
  if (auto good = validate_values(what); !good)
    return good;
  if (to.process_id <= 0)
    return fail(errc::invalid_argument, "process_id: more than 0");
  if (!good_group(to.parent) || !good_group(group_of(what, to)))
    return fail(errc::invalid_argument,
                "parent, group: 1 to 200 of A-Z a-z 0-9 _ - ., not beginning with a dot");
  const auto process = to.proc_root + "/" + std::to_string(to.process_id);
  if (!is_folder(process))
    return fail(errc::not_found, "no process " + std::to_string(to.process_id));
  return {};
}

/// Lists what has to be done, in the order in which it has to be done. Only reads. *Not
/// thread-safe*.
class planner {
public:
  planner(const profile& what, const target& to) : what_(what), to_(to) {}

  applied run() {
    plan_group();
    add(resource::oom_score, process() + "/oom_score_adj", std::to_string(what_.oom_score_adj));
    plan_gpus();
    out_.variables = environment_of(what_, true);
    return std::move(out_);
  }

private:
  void plan_group() {
    const auto parent = to_.cgroup_root + "/" + to_.parent;
    const auto group = parent + "/" + group_of(what_, to_);
    const auto offered = read_words(to_.cgroup_root + "/cgroup.controllers");
    if (!offered)
      no_cgroup_ = error{errc::unsupported, "'" + to_.cgroup_root + "' is no folder of cgroup v2"};
    const bool has_cpu = offered && contains(*offered, "cpu");
    const bool has_memory = offered && contains(*offered, "memory");

    add(resource::folder, parent, {}, no_cgroup_);
    for (const auto& folder : {to_.cgroup_root, parent}) {
      if (has_cpu)
        enable(folder, "cpu");
      if (has_memory)
        enable(folder, "memory");
    }
    add(resource::folder, group, {}, no_cgroup_);
    add(resource::cpu, group + "/cpu.max", quota(), without(has_cpu, "cpu"));
    add(resource::memory, group + "/memory.max", std::to_string(what_.memory_max),
        without(has_memory, "memory"));
    if (what_.memory_high)
      add(resource::memory_high, group + "/memory.high", std::to_string(*what_.memory_high),
          without(has_memory, "memory"));
    add(resource::group, group + "/cgroup.procs", std::to_string(to_.process_id), no_cgroup_);
  }

  void enable(const std::string& folder, const std::string& controller) {
    const auto file = folder + "/cgroup.subtree_control";
    const auto enabled = read_words(file);
    if (!enabled || !contains(*enabled, controller))
      add(resource::controller, file, "+" + controller);
  }

  [[nodiscard]] std::optional<error> without(bool there, const char* controller) const {
    if (no_cgroup_)
      return no_cgroup_;
    if (there)
      return std::nullopt;
    return error{errc::unsupported,
                 "'" + to_.cgroup_root + "' has no controller '" + controller + "'"};
  }

  [[nodiscard]] std::string quota() const {
    const auto micros = std::llround(value_of(what_.cpu_quota) * period_us / 100);
    return std::to_string(micros) + " " + std::to_string(period_us);
  }

  void plan_gpus() {
    if (what_.gpu_ids.empty())
      return;
    const auto folder = to_.proc_root + "/driver/nvidia/gpus";
    const auto count = count_folders(folder);
    std::optional<error> problem;
    if (!count)
      problem = error{errc::unsupported, "no NVIDIA driver: no folder '" + folder + "'"};
    else
      problem = missing_gpus(*count);
    const auto selected = environment_of(what_).variables.front().second;
    add(resource::gpus, folder, selected, std::move(problem));
    if (!what_.gpu_share)
      return;
    const auto control = to_.mps_root + "/control";
    problem.reset();
    if (!exists(control))
      problem = error{errc::unsupported, "no Multi-Process Service: no '" + control + "'"};
    add(resource::gpu_share, control, std::to_string(*what_.gpu_share), std::move(problem));
  }

  [[nodiscard]] std::optional<error> missing_gpus(std::size_t count) const {
    std::string missing;
    for (const auto id : what_.gpu_ids)
      if (static_cast<std::uint64_t>(id) >= count)
        missing += (missing.empty() ? "" : ",") + std::to_string(id);
    if (missing.empty())
      return std::nullopt;
    return error{errc::not_found, "no GPU " + missing + ": there are " + std::to_string(count)};
  }

  [[nodiscard]] std::string process() const {
    return to_.proc_root + "/" + std::to_string(to_.process_id);
  }
  void add(resource what, std::string file, std::string value,
           std::optional<error> problem = std::nullopt) {
    out_.steps.push_back({what, std::move(file), std::move(value), std::move(problem)});
  }

  const profile& what_;
  const target& to_;
  std::optional<error> no_cgroup_;
  applied out_;
};

/// Does what a plan says. *Not thread-safe*.
class executor {
public:
  explicit executor(applied plan) : out_(std::move(plan)) {}

  applied run() {
    for (auto& each : out_.steps)
      if (!each.problem)
        each.problem = perform(each);
    if (outside_)
      forget_group();
    return std::move(out_);
  }

private:
  std::optional<error> perform(const step& each) {
    switch (each.what) {
      case resource::folder: return make(each.file);
      case resource::controller: return enable(each);
      case resource::cpu:
      case resource::memory:
      case resource::memory_high: return limit(each);
      case resource::group: return enter(each);
      case resource::oom_score: return problem_of(write_value(each.file, each.value));
      case resource::gpus:
      case resource::gpu_share: break; // looked at already
    }
    return std::nullopt;
  }

  static std::optional<error> problem_of(expected<void> done) {
    return done ? std::nullopt : std::optional{std::move(done).error()};
  }

  std::optional<error> make(const std::string& folder) {
    if (blocked_)
      return blocked_;
    const auto made = make_folder(folder);
    if (!made)
      return blocked_ = made.error();
    if (*made)
      new_folder_ = folder;
    return std::nullopt;
  }

  std::optional<error> enable(const step& each) {
    if (blocked_)
      return blocked_;
    auto problem = problem_of(write_value(each.file, each.value));
    if (problem && !not_enabled_)
      not_enabled_ = problem;
    return problem;
  }

  std::optional<error> limit(const step& each) const {
    if (blocked_)
      return blocked_;
    auto problem = problem_of(write_value(each.file, each.value));
    if (problem && problem->code == errc::not_found) // the kernel makes it with the controller
      problem = not_enabled_ ? *not_enabled_
                             : error{errc::unsupported, "no '" + each.file + "': not enabled"};
    return problem;
  }

  std::optional<error> enter(const step& each) {
    auto problem = blocked_ ? blocked_ : problem_of(write_value(each.file, each.value));
    outside_ = problem;
    return problem;
  }

  /// Limits of a group that the process is not in are none.
  void forget_group() {
    for (auto& each : out_.steps)
      if (!each.problem
          && (each.what == resource::cpu || each.what == resource::memory
              || each.what == resource::memory_high))
        each.problem
          = error{outside_->code, "the process is not in the group: " + outside_->detail};
    if (!new_folder_.empty())
      ::rmdir(new_folder_.c_str()); // empty, so it goes; if not, others use it
  }

  applied out_;
  std::optional<error> blocked_;     // there is no group
  std::optional<error> not_enabled_; // of the controllers
  std::optional<error> outside_;     // the process is not in its group
  std::string new_folder_;
};

} // namespace

std::string_view to_string(resource what) noexcept {
  switch (what) {
    case resource::folder: return "folder";
    case resource::controller: return "controller";
    case resource::cpu: return "cpu";
    case resource::memory: return "memory";
    case resource::memory_high: return "memory_high";
    case resource::group: return "group";
    case resource::oom_score: return "oom_score";
    case resource::gpus: return "gpus";
    case resource::gpu_share: return "gpu_share";
  }
  return "nothing";
}

bool applied::complete() const noexcept {
  return std::ranges::none_of(steps, [](const step& each) { return each.problem.has_value(); });
}

expected<applied> plan(const profile& what, const target& to) {
  if (auto good = check(what, to); !good)
    return unexpected{std::move(good).error()};
  return planner{what, to}.run();
}

expected<applied> apply(const profile& what, const target& to) {
  auto planned = plan(what, to);
  if (!planned)
    return planned;
  return executor{*std::move(planned)}.run();
}

} // namespace cortex::accelerator_limits
