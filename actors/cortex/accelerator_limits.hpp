/// Limits for accelerator work: named profiles of CPU, memory, GPUs and out-of-memory score, and
/// how they are applied to a process.
#pragma once

#include "cortex/database.hpp"
#include "cortex/handle.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cortex::accelerator_limits {

/// Percent of one CPU: 400 are four. Whether it was given as an integer or as a real number is kept
/// in the file.
using cpu_percent = std::variant<std::int64_t, double>;

/// The number, whatever its kind.
[[nodiscard]] double value_of(const cpu_percent& percent) noexcept;

/// A profile.
struct profile {
  std::string name; ///< UTF-8, 1 to 1,024 bytes, no U+0000.
  std::string preset = "inference";
  cpu_percent cpu_quota = 400.0;             ///< Range 1 to 1,000,000.
  std::int64_t memory_max = 34'359'738'368;  ///< Bytes: 32 GiB. Range 1 to 2^60.
  std::vector<std::int64_t> gpu_ids{};       ///< Distinct, 0 to 2^31 - 1, at most 1,024.
  std::int64_t oom_score_adj = 0;            ///< Range -1000 to 1000.
  std::optional<std::int64_t> gpu_share{};   ///< Percent of each GPU; empty = all. Range 1 to 100.
  std::optional<std::int64_t> memory_high{}; ///< Bytes from which on the process is slowed down;
                                             ///< empty = none. Range 1 to `memory_max`.

  friend bool operator==(const profile& left, const profile& right) = default;
};

/// The numbers of a preset.
struct preset {
  std::string_view name;
  std::int64_t cpu_quota = 0;  ///< Percent of one CPU.
  std::int64_t memory_max = 0; ///< Bytes; the presets count in GB of 10^9.
  std::int64_t oom_score_adj = 0;
  std::int64_t gpu_share = 100; ///< Percent.
};

/// `inference`, `training`, `batch` and `interactive`.
[[nodiscard]] const std::vector<preset>& presets();

/// A profile with the numbers of a preset, for the GPUs 0 to `gpus - 1`. A share of 100 percent is
/// left empty. Errors: `invalid_argument` if there is no such preset (case matters), `gpus` is not
/// 0 to 1,024, or the name is not allowed.
[[nodiscard]] expected<profile> from_preset(std::string name, std::string_view preset,
                                            std::int64_t gpus = 0);

/// All that is wrong with a profile, in one error; whether its GPUs exist is not looked at.
/// Errors: `invalid_argument`.
[[nodiscard]] expected<void> validate(const profile& what);

/// Bytes from a text: digits, then nothing or `B`, or one of `kB`, `MB`, `GB`, `TB` (powers of
/// 1,000), `KiB`, `MiB`, `GiB`, `TiB` (powers of 1,024), case ignored. A bare `G` is refused: some
/// mean the one, some the other. Errors: `invalid_argument`, also beyond 2^63 - 1.
[[nodiscard]] expected<std::int64_t> parse_bytes(std::string_view text);

/// The reply to a change.
struct saved {
  bool replaced = false;    ///< There was a profile of that name.
  std::uint64_t commit = 0; ///< The commit that holds the change.
};

/// Saves a profile, in place of an earlier one of the same name; it then comes last in lists. The
/// reply comes after COMMIT. Errors: `invalid_argument`, see `validate`, also for a preset that
/// does not exist; those of a database write.
struct create {
  using reply = saved;
  profile what;
};

/// Finds a profile. Errors: `not_found`; `corrupt` if its row cannot be read.
struct get {
  using reply = profile;
  std::string name;
};

/// What `list` says.
struct listing {
  std::vector<profile> profiles; ///< In the order of their creation.
  std::vector<std::string>
    unreadable; ///< Names of rows that cannot be read; they stay as they are.
};

/// Tells every profile.
struct list {
  using reply = listing;
};

/// What an update changes: what is empty stays.
struct changes {
  std::optional<std::string> preset{}; ///< The name alone, not its numbers.
  std::optional<cpu_percent> cpu_quota{};
  std::optional<std::int64_t> memory_max{};
  std::optional<std::vector<std::int64_t>> gpu_ids{};
  std::optional<std::int64_t> oom_score_adj{};
  std::optional<std::optional<std::int64_t>> gpu_share{};
  std::optional<std::optional<std::int64_t>> memory_high{};
};

/// Changes a profile in its place; keys of its row that are unknown here stay. The reply comes
/// after COMMIT. Errors: `not_found`; `corrupt` if its row cannot be read; `invalid_argument` if
/// the profile were not valid then; those of a database write.
struct update {
  using reply = saved;
  std::string name;
  changes what;
};

/// Removes a profile. The reply comes after COMMIT. Errors: `not_found`; those of a database write.
struct remove {
  using reply = saved;
  std::string name;
};

/// A variable for the environment of a process, and its value.
using variable = std::pair<std::string, std::string>;

/// The environment that selects the GPUs of a profile.
struct environment {
  std::vector<variable> variables;
  /// The profile names no GPU, so that an empty `CUDA_VISIBLE_DEVICES` hides every one. Who wants
  /// "whatever there is" instead leaves the variable unset.
  bool hides_all_gpus = false;
};

/// Tells the environment of a profile: `CUDA_VISIBLE_DEVICES`, the ids in their order, separated by
/// commas. Errors: as `get`.
struct get_environment {
  using reply = environment;
  std::string name;
  /// Adds `CUDA_MPS_ACTIVE_THREAD_PERCENTAGE` if the profile has a share and GPUs: it limits
  /// processes that reach the GPU through NVIDIA's Multi-Process Service, and no others.
  bool with_share = false;
};

using protocol = cortex::protocol<create, get, list, update, remove, get_environment>;
using handle = cortex::handle<protocol>;

/// The environment of a profile, as `get_environment` gives it.
[[nodiscard]] environment environment_of(const profile& what, bool with_share = false);

/// A line `export KEY=VALUE` for each variable, quoted for a POSIX shell where that is needed.
[[nodiscard]] std::string export_text(const environment& what);

/// A table for people: name, preset, CPUs with one decimal if needed, memory in GB of 10^9 bytes
/// without decimals, GPUs. Control characters of names are shown as `?`.
[[nodiscard]] std::string status_text(const std::vector<profile>& profiles);

// -- applying -------------------------------------------------------------------------------------

/// Where and to what a profile is applied.
struct target {
  std::int64_t process_id = 0; ///< > 0.
  /// A folder of cgroup v2 that this process may change: the root, or one that was delegated.
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string proc_root = "/proc";
  /// Below `cgroup_root`; made if missing. One part, as `group`.
  std::string parent = "cortex";
  /// The group of the process in it, 1 to 200 of `A-Z a-z 0-9 _ - .`, not beginning with a dot.
  /// Empty = the profile's name, with `_` for what is not allowed, a dot, and the process id.
  /// Processes in one group share its limits. It stays when they end, until somebody removes it.
  std::string group{};
  /// Where NVIDIA's Multi-Process Service listens, as in CUDA_MPS_PIPE_DIRECTORY.
  std::string mps_root = "/tmp/nvidia-mps";
};

/// What a step of applying a profile is about.
enum class resource : std::uint8_t {
  folder,      ///< A folder of cgroup v2 is made, if it is not there.
  controller,  ///< A controller is enabled for the groups in a folder.
  cpu,         ///< cpu.max: quota and period of 100,000 microseconds.
  memory,      ///< memory.max
  memory_high, ///< memory.high; only if the profile has one.
  group,       ///< The process enters the group; else the limits before have no effect.
  oom_score,   ///< oom_score_adj of the process.
  gpus,        ///< That they exist. Only the environment of a new process can select them.
  gpu_share,   ///< That the service is there; only if the profile has a share.
};
[[nodiscard]] std::string_view to_string(resource what) noexcept;

/// One file that is written, or one thing that is looked for, and what came of it.
struct step {
  resource what = resource::group;
  std::string file;  ///< Written; for GPUs, looked at.
  std::string value; ///< Written; for GPUs, looked for.
  /// Empty = done. `unsupported`: no cgroup v2, no such controller, no NVIDIA driver or service;
  /// `permission`; `not_found`: no such GPU, or the process has ended; `in_use`: the folder has
  /// processes of its own, so it can have no groups with limits; `read_only`, `io`, …
  std::optional<error> problem{};
};

/// What was done of a profile, in this order.
struct applied {
  std::vector<step> steps;
  /// For a new process: with the share, as far as the profile has one.
  environment variables;

  /// True if there is no problem.
  [[nodiscard]] bool complete() const noexcept;
};

/// Applies a profile to a running process, as far as that is possible: what is not is said in the
/// steps, and the rest is done. The limits are set before the process enters its group. Blocks on
/// files, on the calling thread. Errors, with nothing changed: `invalid_argument` (profile,
/// target); `not_found` if there is no such process; `would_deadlock` inside a handler.
[[nodiscard]] expected<applied> apply(const profile& what, const target& to);

/// The files and values that `apply` would write, with the problems that can be seen without
/// writing: none that only the kernel knows. Changes nothing. Errors: as `apply`.
[[nodiscard]] expected<applied> plan(const profile& what, const target& to);

// -- opening --------------------------------------------------------------------------------------

/// How the profiles are opened.
struct options {
  std::string path{}; ///< The file; empty = `~/.cortex/limits.db`. `~/` is the home folder.
  /// What the reply to a change promises. Profiles are few, and made by hand.
  storage::durability level = storage::durability::synced;
  /// A change by another program is noticed after two of these at the latest. Range > 0.
  std::chrono::milliseconds poll_interval{1000};
  /// Of the actor and the database. The schema is the subsystem's own.
  actor_options actor{};
  storage::database_options database{};
};

/// Open profiles: a handle, with what was worth telling when they were opened. Copies name the same
/// profiles; they end with the last one or with the runtime. *Thread-safe*.
class limits : public handle {
public:
  /// Rows that cannot be read.
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept { return *notices_; }
  /// The database behind it, for backup and statistics.
  [[nodiscard]] const storage::database& database() const noexcept { return *database_; }

  /// Applies a saved profile, see `accelerator_limits::apply`. Errors also: as `get`.
  [[nodiscard]] expected<applied> apply(const std::string& name, const target& to) const;
  /// The same for `plan`.
  [[nodiscard]] expected<applied> plan(const std::string& name, const target& to) const;

private:
  friend expected<limits> open(const runtime& rt, options wanted);
  limits(const handle& actor, storage::database database, std::vector<std::string> notices);

  std::shared_ptr<const storage::database> database_;
  std::shared_ptr<const std::vector<std::string>> notices_;
};

/// Opens or makes the profiles of a file. Files of the original open as they are and stay readable
/// by it. Errors: `invalid_argument` (options, path); `not_found` if there is neither a path nor a
/// home folder; those of `storage::database::open`; `already_exists` if this runtime has the same
/// file open as profiles.
[[nodiscard]] expected<limits> open(const runtime& rt, options wanted = {});

} // namespace cortex::accelerator_limits
