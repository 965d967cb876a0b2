/// Graceful degradation: some useful answer when the model service is down. A stored answer, a
/// similar stored answer, a command from fixed patterns, or a hint how to do it by hand.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/database.hpp"
#include "cortex/handle.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::graceful_degradation {

// -- response cache -------------------------------------------------------------------------------

/// Longer texts are refused with `invalid_argument`.
inline constexpr std::size_t max_query_bytes = std::size_t{1} << 20U;
inline constexpr std::size_t max_response_bytes = std::size_t{16} << 20U;

/// What somebody asks. Two queries are the same if they are equal in lower case and without white
/// space at both ends; inner white space counts. Hashed when it is made, so on the asker's thread.
/// *Immutable after construction*.
class query {
public:
  query(std::string text); // NOLINT(google-explicit-constructor): `get{"install docker"}`
  query(const char* text); // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// In lower case, stripped.
  [[nodiscard]] const std::string& normalized() const noexcept { return normalized_; }
  /// The first 16 hexadecimal digits of the SHA-256 of `normalized`.
  [[nodiscard]] const std::string& hash() const noexcept { return hash_; }
  /// What is wrong with the text; null if nothing is.
  [[nodiscard]] const char* problem() const noexcept { return problem_; }

private:
  std::string text_;
  std::string normalized_;
  std::string hash_;
  const char* problem_ = nullptr;
};

/// A stored answer. All times are UTC.
struct record {
  std::string query_hash;
  std::string query; ///< As it was put.
  std::string response;
  std::chrono::sys_seconds created_at{}; ///< Of its put; 1970 if the file's stamp is unreadable.
  std::int64_t hit_count = 0;            ///< How often it was got, this time included.
  /// The time of this very `get`; empty in the reply to anything else.
  std::optional<std::chrono::sys_time<std::chrono::microseconds>> last_used{};
};

/// Gives the stored answer to the same query, if any, and counts the hit.
/// Errors: `invalid_argument` if the query is no valid UTF-8 or too long.
struct get {
  using reply = std::optional<record>;
  query what;
};

/// Stores an answer, in place of an earlier one to the same query: the row is a new one then, with
/// no hits, behind all others. The reply comes after COMMIT. Beyond `options::max_entries` rows
/// make room: those never used first, by creation, then those whose last use is the longest ago;
/// never the one just stored.
/// Errors: `invalid_argument` if a text is no valid UTF-8 or too long; those of a database write.
struct put {
  using reply = record;
  query what;
  std::string response;
};

/// `similar::candidates` that leaves none out.
inline constexpr std::size_t every_entry = std::numeric_limits<std::size_t>::max();

/// Stored answers whose queries have words in common with this one, those with the most first, then
/// those got most often, then the older rows. Words are what white space separates, in lower case;
/// punctuation stays with them. Counts nothing. Errors: as `get`.
struct similar {
  using reply = std::vector<record>;
  query what;
  std::size_t limit = 5; ///< Records at most.
  /// Only so many entries are looked at: those got most often, of equal ones the older rows.
  std::size_t candidates = 100;
};

/// What a clearing did.
struct cleared {
  std::size_t removed = 0;  ///< Rows.
  std::uint64_t commit = 0; ///< The commit that removed them.
};

/// Removes answers put longer ago than so many days of 24 hours; 0 removes what was put before this
/// second. The reply comes after COMMIT.
/// Errors: `invalid_argument` if the number is negative; those of a database write.
struct clear_old {
  using reply = cleared;
  std::int64_t days = 30;
};

/// Writes the hits and access times that are only in memory. The reply comes after COMMIT, also of
/// every answer that was stored before. Errors: those of a database write.
struct flush {
  using reply = void;
};

/// The cache in numbers.
struct statistics {
  std::size_t total_entries = 0;
  std::int64_t total_hits = 0; ///< The sum of all hit counts.
  double db_size_kb = 0.0;     ///< Bytes of the main file / 1,024; 0 if there is none.
  std::uint64_t evictions = 0; ///< Since it was opened.
  std::uint64_t damaged = 0;   ///< Unreadable rows that were removed since it was opened.
};

// -- patterns -------------------------------------------------------------------------------------

/// What kind of request a pattern stands for.
enum class command_type : std::uint8_t { install, operation };

/// A command as a text for people, and as what a program may run.
struct command {
  /// For people to read. Never give it to a shell: parts of it may come from the query.
  std::string text;
  /// Argument vectors, the program first: run one after the other, each if the one before it has
  /// succeeded; if `piped`, side by side, the output of each as the input of the next.
  std::vector<std::vector<std::string>> steps{};
  bool piped = false;
  /// It runs what it has just fetched: ask somebody first. True for every piped command.
  bool needs_confirmation = false;
};

/// What a pattern makes of a query.
struct matched {
  command_type type = command_type::install;
  graceful_degradation::command command{};
  double confidence = 0.0; ///< 0.8 for an install, 0.7 for an operation.
};

namespace detail {
class matcher;
} // namespace detail

/// Patterns that turn queries into commands. Each is searched anywhere in the query; of those that
/// match, the first in the table wins, all installs before all operations. What a query brings into
/// a command is made of words that begin with a letter or digit and go on with these and `+-._:`;
/// a query that would bring anything else gives no command at all. Copies share the table.
/// *Immutable after construction*.
class patterns {
public:
  /// The 26 patterns for apt.
  [[nodiscard]] static const patterns& built_in();
  /// The text that they are made from: a beginning for a table of one's own.
  [[nodiscard]] static std::string_view built_in_text() noexcept;

  /// Reads a table. One pattern a line, empty lines and those that begin with `#` are skipped:
  ///
  ///     install: install, setup, add / node, nodejs => sudo apt install nodejs npm
  ///     operation: search, find / [package] <rest> => apt search <rest>
  ///
  /// A type, verbs, and after the slash either targets (what may begin after the verb; `?` is at
  /// most one character, a blank is white space) or `<rest>` (all up to the end of the line, after
  /// an optional word in brackets), which the command then has as an argument of its own. Words are
  /// letters, digits and `+-._`, in any case. Commands may use 'single quotes', `&&` and `|`, and
  /// nothing else that is special to a shell.
  ///
  /// At most 256 patterns, 1,024 bytes a line, 256 KiB in all. Errors: `invalid_argument` naming
  /// the line and what is wrong with it.
  [[nodiscard]] static expected<patterns> parse(std::string_view text);
  /// The same from a file. Errors also: `not_found`, `permission`, `io`, and `invalid_argument` if
  /// it is no regular file.
  [[nodiscard]] static expected<patterns> load(const std::string& path);

  /// The command for a query; nothing if no pattern matches or the query is no valid UTF-8. Time
  /// grows with the length of the query, and with nothing else.
  [[nodiscard]] std::optional<matched> match(std::string_view query) const;
  [[nodiscard]] std::size_t size() const noexcept;

private:
  explicit patterns(std::shared_ptr<const detail::matcher> table) noexcept
    : table_(std::move(table)) {}

  std::shared_ptr<const detail::matcher> table_;
};

// -- manager --------------------------------------------------------------------------------------

/// How far the service is degraded.
enum class mode : std::uint8_t {
  full_ai,          ///< Models are asked.
  cached_only,      ///< One or two failures, or more while the cache has entries.
  pattern_matching, ///< Three failures or more, and nothing is cached.
  manual_mode,      ///< Only by `force`.
};

/// What the last health check said of the model service.
enum class api_status : std::uint8_t { available, degraded, unavailable, unknown };

/// Where an answer comes from.
enum class source : std::uint8_t { llm, cache, cache_similar, pattern_matching, manual_mode };

/// Whether a provider is asked.
enum class circuit_state : std::uint8_t {
  closed,    ///< It is.
  open,      ///< It failed: not before the interval is over.
  half_open, ///< One caller asks it, to see whether it works again.
};

/// The names, as in the enumerations: `"full_ai"`.
[[nodiscard]] std::string_view to_string(command_type value) noexcept;
[[nodiscard]] std::string_view to_string(mode value) noexcept;
[[nodiscard]] std::string_view to_string(api_status value) noexcept;
[[nodiscard]] std::string_view to_string(source value) noexcept;
[[nodiscard]] std::string_view to_string(circuit_state value) noexcept;

/// What a model function is called with.
struct model_call {
  std::string query;
  std::stop_token stop; ///< Told when time is up: the answer is not wanted any more.
};

/// Asks a model; an error or an exception is a failure. With `options::api_timeout` it runs on a
/// thread of its own and may go on after its caller has gone: it must own what it uses. Without, it
/// runs on the calling thread.
using model_function = std::function<expected<std::string>(const model_call&)>;

/// A model service by name: 1 to 64 bytes. Each name has a circuit of its own.
struct provider {
  std::string name;
  model_function ask;
};

/// Tells whether the model service works. Runs where model functions do.
using check_function = std::function<expected<bool>()>;

/// What a health check found.
struct health {
  api_status status = api_status::unknown;
  std::optional<std::chrono::nanoseconds> latency{}; ///< Empty if the check failed.
  std::optional<std::string> error{};                ///< Why it failed.
  wall_time checked_at{};

  [[nodiscard]] bool healthy() const noexcept { return status == api_status::available; }
};

/// An answer to a query, and where it comes from.
struct answer {
  std::string query;
  std::string response;
  std::optional<graceful_degradation::command> command{}; ///< Of a pattern.
  graceful_degradation::source source = graceful_degradation::source::manual_mode;
  double confidence = 0.0; ///< 1 model, 0.9 cache, 0.7 similar, 0.8 or 0.7 pattern, 0 by hand.
  graceful_degradation::mode mode = graceful_degradation::mode::full_ai; ///< When it was asked.
  bool cached = false;
  std::optional<std::string> similar_query{}; ///< Of source `cache_similar`: what it answered.
  std::string provider{};                     ///< Of source `llm`.
  std::string reason{}; ///< Why no model answered; empty if one did or none was to be asked.
  std::optional<std::chrono::seconds> age{}; ///< Of a cached answer, >= 0.
};

/// The mode has changed.
struct mode_change {
  std::uint64_t number = 0; ///< Counts from 1.
  mode from = mode::full_ai;
  mode to = mode::full_ai;
  wall_time at{};
};

/// One provider's circuit at one instant.
struct circuit {
  std::string provider;
  circuit_state state = circuit_state::closed;
  std::int64_t failures = 0; ///< Since it last answered.
  std::string last_error{};  ///< Empty once it has answered.
};

/// The manager at one instant.
struct manager_status {
  graceful_degradation::mode mode = graceful_degradation::mode::full_ai;
  bool forced = false; ///< By `force`, and no check or failure has changed it since.
  graceful_degradation::api_status api_status = graceful_degradation::api_status::unknown;
  std::int64_t api_failures = 0; ///< In a row: checks, and queries that no model answered.
  std::size_t cache_entries = 0;
  std::int64_t cache_hits = 0;
  std::optional<wall_time> last_check{};
  std::uint64_t mode_changes = 0;
  std::vector<circuit> circuits{}; ///< By name.
};

/// Tells the state.
struct status {
  using reply = manager_status;
};

/// Sets the mode and leaves the failures alone. No model is probed in a forced mode; the next
/// health check, or failure of a model that was asked after this, sets the mode by the failures
/// again.
struct force {
  using reply = void;
  mode to = mode::full_ai;
};

/// No failures, no last check, all circuits closed, mode `full_ai`.
struct reset {
  using reply = void;
};

using protocol = cortex::protocol<get, put, similar, clear_old, flush, status, force, reset>;
using handle = cortex::handle<protocol>;

/// How a manager is opened.
struct options {
  /// The file of the response cache; empty = `~/.cortex/response_cache.db`. A leading `~/` is the
  /// home folder.
  std::string path{};
  /// Rows of the cache, >= 1. A file that has more shrinks with the next put.
  std::size_t max_entries = 10'000;
  /// After a failure no model is asked for this long; then one caller at a time tries again. Range
  /// > 0.
  std::chrono::nanoseconds health_check_interval = std::chrono::seconds{60};
  /// Time for each call of a model or check function. Range > 0; `nanoseconds::max()` = no bound,
  /// and the function runs on the calling thread.
  std::chrono::nanoseconds api_timeout = std::chrono::seconds{10};
  /// Empty = `patterns::built_in()`.
  std::optional<graceful_degradation::patterns> patterns{};
  /// Called after each change of mode, in order, one at a time, where continuations of the runtime
  /// run: it must not block for long. It may use the `ask` and `tell` of a handle, but must not
  /// keep one: the manager would not end before the runtime.
  std::function<void(const mode_change&)> on_mode_change{};
  /// What the reply to a put promises.
  storage::durability level = storage::durability::committed;
  /// Hits and access times are written at most this late; 0 = at once. A killed process loses at
  /// most that much of them, and nothing else.
  std::chrono::milliseconds flush_interval{1000};
  /// … or when this many hits are not written yet. Range >= 1.
  std::int64_t flush_hits = 1024;
  /// Of the actor and the database. The schema is the cache's own.
  actor_options actor{};
  storage::database_options database{};
};

namespace detail {
struct manager_parts;
} // namespace detail

/// A response cache, the patterns, and what decides between them and the models: a handle for the
/// cache and the state, and blocking functions that ask models on threads that may wait. Copies
/// name the same manager; it ends with the last one or with the runtime. *Thread-safe*.
class manager : public handle {
public:
  /// Answers a query, by the first of these that can:
  /// 1. in mode `full_ai`, or when it is time to try again, the providers in order, each whose
  ///    circuit lets it; the answer is stored (a cache that cannot be written is logged, and
  ///    nothing else);
  /// 2. the cache; 3. the most similar cached query, if six tenths of all words of both are common
  /// and the patterns do not give different commands for the two; 4. the patterns; 5. a hint.
  /// Steps 2 to 5 are the same in every mode.
  ///
  /// At most 16 providers a call and 64 names in all. Errors: `invalid_argument` (query, names,
  /// functions); those of a request.
  [[nodiscard]] expected<answer> process(const query& what,
                                         const std::vector<provider>& providers) const;
  /// The same with one provider, named `"model"`.
  [[nodiscard]] expected<answer> process(const query& what, model_function ask) const;
  /// The same without a model: steps 2 to 5.
  [[nodiscard]] expected<answer> process(const query& what) const;

  /// Checks the model service and sets the mode by it. True within 1 s: `available`, later
  /// `degraded`; false, an error, an exception or no answer in time: `unavailable`, and one failure
  /// more. Without a function: whether `ANTHROPIC_API_KEY` or `OPENAI_API_KEY` is set. Errors:
  /// those of a request.
  [[nodiscard]] expected<health> check_health(check_function check = {}) const;

  /// What the patterns make of a query.
  [[nodiscard]] std::optional<matched> match(std::string_view query) const;

  /// The cache in numbers. Looks at the file's size. Errors: those of a request.
  [[nodiscard]] expected<statistics> cache_statistics() const;

  /// Functions of models and checks that run now, late ones included.
  [[nodiscard]] std::size_t running_calls() const noexcept;
  /// Things worth telling that are no errors: damaged rows that were removed.
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept;
  /// The database behind the cache, for backup and statistics.
  [[nodiscard]] const storage::database& database() const noexcept;

private:
  friend expected<manager> open(const runtime& rt, options wanted);
  manager(const handle& actor, std::shared_ptr<const detail::manager_parts> parts) noexcept
    : handle(actor), parts_(std::move(parts)) {}

  std::shared_ptr<const detail::manager_parts> parts_;
};

/// Opens or makes a response cache and a manager for it. Files of the original open as they are and
/// stay readable by it. Stopping the runtime waits, within its deadline, for model functions that
/// still run.
/// Errors: `invalid_argument` (options, path); `not_found` if there is no home folder and no path;
/// those of `storage::database::open`; `already_exists` if this runtime has the same file open.
[[nodiscard]] expected<manager> open(const runtime& rt, options wanted = {});

// -- one for the process --------------------------------------------------------------------------

/// The manager of the process, opened on first use with the default options and a runtime of its
/// own. An open that failed is tried again by the next use. *Thread-safe*. Errors: those of `open`
/// and of `runtime::open`.
[[nodiscard]] expected<manager> process_wide();
/// Puts another one in its place; the one before is given up as `shut_down_process_wide` does.
expected<void> replace_process_wide(const manager& with);
/// Gives it up: one with a runtime of its own is stopped within the runtime's default, one that was
/// put there is let go of. The next use opens a new one. Errors: those of `runtime::stop`.
expected<void> shut_down_process_wide();

/// `process` by the manager of the process.
[[nodiscard]] expected<answer> process_with_fallback(const query& what, model_function ask = {});

} // namespace cortex::graceful_degradation
