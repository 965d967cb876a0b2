/// Configuration: exports the state of a machine to a YAML file, compares and imports such a file,
/// and owns the preferences file with the layers above and below it.
#pragma once

#include "cortex/handle.hpp"
#include "cortex/process.hpp"
#include "cortex/runtime.hpp"
#include "cortex/yaml.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cortex::config_manager {

/// The version that exported files have and are checked against.
inline constexpr std::string_view own_version = "0.2.0";

// -- the machine ----------------------------------------------------------------------------------

/// An installed package.
struct package {
  std::string name;
  std::string version;
  std::string source; ///< `apt`, `pip` or `npm`.

  friend bool operator==(const package& left, const package& right) = default;
};

/// What is installed, by name.
struct detection {
  std::vector<package> packages;
  std::vector<std::string> notices; ///< Why a source gave nothing.
};

/// Asks the package managers, all at the same time. Unknown names of sources are ignored; empty =
/// all. A source that cannot answer gives nothing.
struct detect {
  using reply = detection;
  std::optional<std::vector<std::string>> sources{};
};

/// What an export says.
struct exported {
  std::string message;
  std::vector<std::string> notices;
};

/// Writes the state of the machine to a file, mode 0600, whole or not at all. Missing folders above
/// it are made. Errors: those of the operating system; `corrupt` (the preferences are damaged);
/// `outcome_unknown` if the file is in place and its folder could not be flushed.
struct export_to {
  using reply = exported;
  std::string path;
  bool include_hardware = true;
  bool include_preferences = true;
  std::optional<std::vector<std::string>> sources{}; ///< Empty = all.
  /// Environment variables that are written down, as far as they are set. They may tell names of
  /// users and folders.
  std::vector<std::string> variables{"LANG", "LANGUAGE", "LC_ALL", "PATH", "SHELL"};
  /// Without it two exports of one state are the same file.
  bool with_time = true;
};

/// Reads an exported file. Errors: `not_found`, …; `corrupt` with line and column.
struct read_configuration {
  using reply = yaml_document;
  std::string path;
};

/// Whether a configuration may be imported.
struct validation {
  bool ok = false;
  std::optional<std::string> reason{}; ///< Why not, or a warning.
  std::vector<std::string> warnings{}; ///< Unknown keys, with the ones that may be meant.
};
struct validate {
  using reply = validation;
  yaml configuration;
};

/// A package that a configuration asks for.
struct package_change {
  package wanted;              ///< The version as it stands in the file; empty = any.
  std::string current_version; ///< Empty if it is not installed.
  yaml entry;                  ///< As it stands in the file.
};
/// A preference that a configuration would change.
struct preference_change {
  yaml key;
  yaml current; ///< null also if there is none.
  yaml wanted;
};
/// What an import would do.
struct difference {
  std::vector<package_change> to_install;
  std::vector<package_change> to_upgrade;
  std::vector<package_change> to_downgrade;
  std::vector<package_change> already_installed;
  std::vector<preference_change> preferences_changed;
  std::vector<std::string> warnings;
  std::vector<std::string> notices; ///< Why a source gave nothing.
};
/// The members `packages_to_install`, …, `preferences_changed`, `warnings`.
[[nodiscard]] yaml to_yaml(const difference& what);

/// Compares a configuration with the machine. Versions are compared by the rules of their source.
/// Errors: `invalid_argument` if it is no mapping.
struct diff {
  using reply = difference;
  yaml configuration;
};
/// The same for a file. Errors also: as `read_configuration`.
struct diff_file {
  using reply = difference;
  std::string path;
};

/// Why a package was not installed, or the preferences not saved.
struct failure {
  std::string name;
  std::string source;
  error why; ///< With what the program said.
};
/// What an import did.
struct imported {
  bool dry_run = false;
  std::optional<difference> diff{}; ///< Of a dry run.
  std::string message{};            ///< Of a dry run.
  std::vector<std::string> installed{};
  std::vector<std::string> upgraded{};
  std::vector<std::string> downgraded{};
  std::vector<std::string> failed{};
  std::vector<std::string> skipped{}; ///< After a stop; else empty.
  bool preferences_updated = false;
  std::vector<failure> failures{};
  std::vector<std::string> warnings{};
};
/// The members of the original's summary.
[[nodiscard]] yaml to_yaml(const imported& what);

/// Makes the machine what a file says: installs, upgrades and downgrades packages, then merges the
/// preferences by key. What fails is said in the reply, and the rest is done. It may take long:
/// give it a deadline of its own, which ends the waiting, not the import.
/// Errors, with nothing done: as `read_configuration`; `invalid_argument` (an unknown section, a
/// configuration that may not be imported), `newer_format`; `in_use` while another import of this
/// manager runs.
struct import_from {
  using reply = imported;
  std::string path;
  bool dry_run = false;
  std::optional<std::vector<std::string>> sections{}; ///< `packages`, `preferences`; empty = both.
  bool force = false;                                 ///< Does not validate.
  bool replace_preferences = false;                   ///< Instead of merging them.
  bool batches = false; ///< One command for each source and list instead of each package.
  /// `--` before the names of packages; and apt takes none of them for a regular expression, as it
  /// otherwise does with a dot in a name that no package has.
  bool end_of_options = false;
  /// Nothing more is begun once this says so, nor once the runtime stops; what is left is skipped.
  std::stop_token stop{};
};

// -- preferences ----------------------------------------------------------------------------------

/// The way to a value through mappings.
using key_path = std::vector<std::string>;
/// Parts at its dots: `llm.provider`.
[[nodiscard]] key_path parse_key(std::string_view dotted);

/// Reads the file: whatever the document is, a mapping without members if it is missing or holds
/// null, zero, false or nothing. Errors: `corrupt` with line and column, after a copy of the
/// damaged file was kept beside it (`.broken`, `.broken.1`, …).
struct load_preferences {
  using reply = yaml;
};

/// The reply to a change of the file.
struct saved {
  std::vector<std::string> changed; ///< Keys whose values are others now, dotted.
};

/// Replaces the content of the file. The reply comes when it is on the disk. Saves that wait at the
/// same time become one write. Errors: `invalid_argument` if it could not be read again;
/// `corrupt` if the file is damaged and `replace_damaged` is not set; `in_use` naming the process
/// that holds the lock; `no_space`, `permission`, `read_only`, `io`; `outcome_unknown` if the file
/// is in place and its folder could not be flushed.
struct save_preferences {
  using reply = saved;
  yaml preferences;
  bool replace_damaged = false;
};

/// One change of an update.
struct preference_update {
  key_path key;
  std::optional<yaml> value{}; ///< Empty = the key is removed.
};

/// Changes keys of the file as it is then, all of them or none. Mappings on the way are made.
/// Errors: as `save_preferences`; `constraint` if a key leads through something that is no mapping.
struct update_preferences {
  using reply = saved;
  std::vector<preference_update> changes;
  bool replace_damaged = false;
};

/// Where a value comes from; what comes later here goes before.
enum class origin : std::uint8_t { defaults, system, user, environment, argument };
[[nodiscard]] std::string_view to_string(origin what) noexcept;

/// A value with its origin.
struct value {
  yaml content;
  config_manager::origin origin = origin::defaults; ///< Of a mapping: of its uppermost part.
  std::string source;                               ///< The file, or the variable.
  yaml_mark mark{};                                 ///< In the file.
};

/// What has become different.
struct change {
  std::uint64_t version = 0;       ///< Of the values, ascending.
  std::vector<std::string> keys{}; ///< Dotted, at most 1,000.
  bool foreign = false;            ///< By another process, or another manager.
  bool incomplete = false;         ///< There are more keys, or changes that were not told.
  std::optional<error> problem{};  ///< The file cannot be read; the values stay as they were.
};
using change_listener = std::function<void(const change&)>;

using protocol
  = cortex::protocol<detect, export_to, read_configuration, validate, diff, diff_file, import_from,
                     load_preferences, save_preferences, update_preferences>;
using handle = cortex::handle<protocol>;

// -- opening --------------------------------------------------------------------------------------

/// What the sandbox says of a command.
struct sandbox_result {
  bool success = false;
  std::string errors{};
};
/// Runs a command that is given as one text, in place of the process runner.
using sandbox_executor = std::function<expected<sandbox_result>(const std::string& command)>;
/// Tells the hardware as a mapping.
using hardware_profiler = std::function<expected<yaml>()>;

enum class install_action : std::uint8_t { install, upgrade, downgrade };
[[nodiscard]] std::string_view to_string(install_action what) noexcept;
/// A command of an import that has ended, for a history.
struct install_record {
  install_action action = install_action::install;
  std::vector<package_change> packages;
  std::vector<std::string> arguments;
  bool succeeded = false;
  std::string errors{}; ///< What it said last, at most 4,096 bytes, without secrets.
  wall_time begun{};
  wall_time ended{};
};

/// How a manager is opened. Functions are called on threads of the manager's own; those that say
/// nothing else may block.
struct options {
  std::string path{}; ///< Of the preferences; empty = `preferences.yaml` in `directory`.
  /// Made private to the user: owner, group and mode 0700. Empty = `~/.cortex`, or, with a `path`,
  /// none: then the path's folder is made if it is missing, and left alone otherwise.
  std::string directory{};
  std::string os_release = "/etc/os-release";
  /// Empty = the environment of this process, read at open.
  std::optional<std::vector<std::pair<std::string, std::string>>> environment{};
  process_runner runner{};      ///< Empty = `run_process`.
  hardware_profiler hardware{}; ///< Empty = an export says that there is none.
  sandbox_executor sandbox{};   ///< Empty = commands run as they are.
  std::function<void(const install_record&)> on_install{};
  std::string system_file = "/etc/cortex/preferences.yaml"; ///< Empty = none.
  yaml defaults{};                                          ///< A mapping, or null.
  yaml arguments{};                                         ///< A mapping, or null.
  /// `CORTEX_PREF_LLM__PROVIDER` is `llm.provider`: letters become small, `__` separates levels.
  /// Values are scalars by the rules of YAML; a text with a comment, a tag or an anchor stays as it
  /// is. Empty = no variables.
  std::string environment_prefix = "CORTEX_PREF_";
  /// If there are any, other keys are told in the warnings. Dotted; what is below one is known,
  /// too.
  std::vector<std::string> known_keys{};
  bool strict = false; ///< A key that comes twice in a file is an error.
  /// Follows what others do to the files, on a thread of its own. Their folders are followed by
  /// name: one that does not exist yet, or is replaced, is looked for.
  bool watch = true;
  yaml_limits limits{};                             ///< Of every file that is read.
  std::chrono::milliseconds query_limit{30'000};    ///< For each package manager. Range > 0.
  std::chrono::milliseconds install_limit{300'000}; ///< For each command. Range > 0.
  /// How long a write waits for another process. Range > 0.
  std::chrono::milliseconds lock_patience{5'000};
  actor_options actor{};
};

namespace detail {
struct manager_parts;
struct listener;
} // namespace detail

/// Calls of a listener, until this goes. A call that runs then may still be running afterwards, so
/// the listener owns what it uses, or holds it weakly. *Not thread-safe*.
class [[nodiscard]] subscription {
public:
  subscription() noexcept = default;
  explicit subscription(std::shared_ptr<detail::listener> heard) noexcept;
  subscription(subscription&& other) noexcept = default;
  subscription& operator=(subscription&& other) noexcept;
  ~subscription();

private:
  std::shared_ptr<detail::listener> heard_;
};

/// An open configuration: a handle, with what is read without a message. Copies name the same one;
/// it ends with the last one or with the runtime. *Thread-safe*.
class manager : public handle {
public:
  /// What was worth telling at open: a file that was open to others, no watching, …
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept;
  /// The preferences file, links resolved.
  [[nodiscard]] const std::string& path() const noexcept;

  /// The value of a key in all layers, mappings merged. It is never older than the last reply to a
  /// change through this manager; changes by others follow as soon as they are noticed. Costs no
  /// message. Errors: `not_found`; `invalid_argument` (no key).
  [[nodiscard]] expected<value> get(const key_path& key) const;
  [[nodiscard]] expected<value> get(std::string_view dotted) const {
    return get(parse_key(dotted));
  }
  /// All values, merged.
  [[nodiscard]] std::shared_ptr<const yaml> preferences() const;
  /// Keys that come twice or are unknown, variables that say nothing; with file and line.
  [[nodiscard]] std::vector<std::string> warnings() const;
  /// Why the file of the user or of the system cannot be read, if so.
  [[nodiscard]] std::optional<error> problem() const;

  /// Calls `listener` after each change of a value, in order, one at a time, where continuations of
  /// the runtime run. A slow one misses changes beyond 1,024, and is told so. It must not throw.
  [[nodiscard]] subscription subscribe(change_listener listener) const;

private:
  friend expected<manager> open(const runtime& rt, options wanted);
  manager(const handle& actor, std::shared_ptr<const detail::manager_parts> parts);

  std::shared_ptr<const detail::manager_parts> parts_;
};

/// Opens the configuration of a user. Several managers, in this process and others, may have the
/// same file open: changes are made under a lock (`<file>.lock`), to what the file holds then.
/// Errors: `invalid_argument` naming every bad option; `not_found` if there is neither a path nor a
/// home folder; `permission` naming owner and group if the directory cannot be made private. A
/// damaged file is no error, see `manager::problem`.
[[nodiscard]] expected<manager> open(const runtime& rt, options wanted = {});

// -- texts ----------------------------------------------------------------------------------------

enum class version_order : std::uint8_t {
  numeric, ///< Runs of digits, nothing else.
  debian,  ///< deb-version(7)
  python,  ///< PEP 440; numeric where a text is none.
  semantic ///< Semantic versioning; numeric where a text is none.
};
[[nodiscard]] std::weak_ordering compare_versions(version_order order, std::string_view left,
                                                  std::string_view right);

/// `ID-VERSION_ID` from the text of an os-release(5) file; `unknown` if one of them is missing.
[[nodiscard]] std::string os_text(std::string_view os_release);

/// A command line that was understood.
using command = std::variant<export_to, import_from, diff_file>;
/// Reads `export -o FILE [--include-hardware] [--no-preferences] [--packages-only]`,
/// `import FILE [--dry-run] [--force] [--packages-only|--preferences-only]` or `diff FILE`.
/// Errors: `invalid_argument`.
[[nodiscard]] expected<command> parse_command(std::span<const std::string> arguments);

} // namespace cortex::config_manager
