/// Context memory: a diary of what was done, the patterns in it, suggestions drawn from both, and
/// preferences.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/database.hpp"
#include "cortex/handle.hpp"
#include "cortex/json.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::context_memory {

/// The longest text of an entry or a preference, and the longest JSON text, in bytes.
inline constexpr std::size_t max_text_bytes = std::size_t{1} << 20U;
/// The deepest nesting of a JSON value.
inline constexpr std::size_t max_json_depth = 100;

/// Something that was done. All texts are UTF-8.
struct entry {
  std::int64_t id = 0;     ///< Given by `record`, which ignores it.
  std::string timestamp{}; ///< Local time, `YYYY-MM-DDTHH:MM:SS.ffffff`; empty = now.
  std::string category{};  ///< `package`, `command`, `error`, … or any other.
  std::string context{};   ///< What it was done for.
  std::string action{};    ///< What was done.
  std::string result{};    ///< What came of it.
  bool success = true;     ///< Whether it did what it should.
  double confidence = 1.0; ///< Finite.
  std::int64_t frequency = 1;
  json metadata = json::object(); ///< An object.
};

/// Where an entry was stored.
struct recorded {
  std::int64_t id = 0;
  std::string timestamp;
  std::uint64_t commit = 0; ///< The commit that holds it.
};

/// Stores an entry and, in the same transaction, counts it in the pattern of its action. The reply
/// comes after COMMIT. Secrets in `context`, `action`, `result` and `metadata` are replaced first,
/// see `options::redact`.
/// Errors: `invalid_argument` naming the field if a text is no valid UTF-8 or too long, the
/// confidence is not finite, or the metadata is no object or nested too deep; those of a write.
struct record {
  using reply = recorded;
  entry what;
};

/// Finds entries whose context or action contains a keyword of `context`, without regard to case.
/// Keywords are its words of three letters or more, without the commonest ones. All entries with
/// the first keyword come before those with the second, and so on; for one keyword the newest
/// timestamp first, of equal ones the larger id.
/// Errors: `invalid_argument` if the limit is negative; those of a read.
struct similar {
  using reply = std::vector<entry>;
  std::string context;
  std::int64_t limit = 10; ///< Range >= 0.
};

/// An action that comes again and again.
struct pattern {
  std::string pattern_id;   ///< 16 hexadecimal digits.
  std::string pattern_type; ///< The category of its entries.
  std::string description;
  std::int64_t frequency = 0; ///< Entries of the last 30 days, when one was recorded last.
  std::string last_seen;      ///< The timestamp of the entry that was recorded last.
  double confidence = 0.0;    ///< 0 to 1.
  json actions = json::array();
  json context = json::object();
};

/// Lists patterns: the most certain first, then the most frequent, then the oldest.
/// Errors: `invalid_argument` if `min_confidence` is no number; those of a read.
struct patterns {
  using reply = std::vector<pattern>;
  std::string type{}; ///< Of the patterns; empty = any.
  double min_confidence = 0.5;
};

/// Something worth telling the user.
struct suggestion {
  std::string suggestion_id;   ///< 16 hexadecimal digits; another one each day.
  std::string suggestion_type; ///< `optimization`, `alternative` or `warning`.
  std::string title;
  std::string description;
  double confidence = 0.0;           ///< 0 to 1.
  std::vector<std::string> based_on; ///< Ids of entries or of a pattern.
  std::string created_at;            ///< Local time.
};

/// Draws suggestions from the patterns and the 50 newest entries of the last 7 days, and stores
/// those that are not stored yet today. Each comes once; one that was dismissed, on whatever day,
/// does not come again. Errors: those of a read and of a write.
struct suggest {
  using reply = std::vector<suggestion>;
  /// If not empty: only suggestions with one of its keywords in title or description.
  std::string context{};
};

/// Lists stored suggestions that were not dismissed: the most certain first, then the newest, then
/// the one stored first. Errors: `invalid_argument` if the limit is negative; those of a read.
struct active_suggestions {
  using reply = std::vector<suggestion>;
  std::int64_t limit = 10; ///< Range >= 0.
};

/// Dismisses a suggestion for good: also those that say the same on other days. Unknown ids are no
/// error. The reply comes after COMMIT. Errors: those of a write.
struct dismiss {
  using reply = void;
  std::string suggestion_id;
};

/// Stores a preference. The reply comes after COMMIT. Values are stored as they are, secrets too.
/// Errors: `invalid_argument` naming the field if a text is no valid UTF-8 or too long, or the
/// value nested too deep; those of a write.
struct set_preference {
  using reply = void;
  std::string key;
  json value;
  /// Empty = as it was, or `general` for a new key.
  std::optional<std::string> category{};
};

/// Gives the value of a preference, or nothing if there is none; a stored null is a value. One
/// whose text cannot be read counts as none. Errors: those of a read.
struct get_preference {
  using reply = std::optional<json>;
  std::string key;
};

/// The memory in numbers.
struct summary {
  std::int64_t total_entries = 0;
  std::map<std::string, std::int64_t> by_category; ///< In binary order.
  /// Percent of the entries, rounded to 2 decimals; empty if there is none.
  std::optional<double> success_rate;
  std::int64_t total_patterns = 0;
  std::int64_t active_suggestions = 0;
  std::int64_t recent_activity = 0; ///< Entries of the last 7 days.
  /// Texts of rows that could not be read and were taken for empty, since the memory was opened.
  std::uint64_t damaged = 0;

  /// As the original gives it: without `damaged`, a success rate of nothing as `0`.
  [[nodiscard]] json to_json() const;
};

/// Counts. Errors: those of a read.
struct statistics {
  using reply = summary;
};

/// Which entries are meant: all that is set must hold, so an empty one means every entry. An entry
/// whose timestamp is no time of ISO 8601 has none.
struct filter {
  std::optional<std::int64_t> id{};
  std::optional<std::string> category{};
  std::optional<wall_time> from{};   ///< At this instant or later.
  std::optional<wall_time> before{}; ///< Earlier than this instant.
};

/// What was forgotten.
struct forgotten {
  std::int64_t entries = 0;
  std::int64_t patterns = 0;    ///< Of whose action no entry is left.
  std::int64_t suggestions = 0; ///< That rested on what is gone, or named it.
  std::uint64_t commit = 0;
};

/// Removes entries and what was drawn from them, in one transaction. The reply comes after COMMIT.
/// The file keeps no readable trace of them once SQLite has used their pages again.
/// Errors: `invalid_argument` if `which` is empty and `all` is not set, or the other way round;
/// those of a write.
struct forget {
  using reply = forgotten;
  filter which{};
  bool all = false; ///< Every entry. Named on its own, so that no forgotten field does it.
};

/// A text for the prompt of a model.
struct block {
  std::string text;       ///< Lines; empty if nothing is known or nothing fits.
  std::size_t tokens = 0; ///< Its length by `context_block::bytes_per_token`, rounded up.
};

/// Puts together what is known of a matter: preferences, similar entries, patterns. Every text is
/// cut to 200 characters and has one line, so that none can pretend to be more than one.
/// Errors: `invalid_argument` if a field is out of range; those of a read.
struct context_block {
  using reply = block;
  std::string about;
  std::size_t max_tokens = 500; ///< The text never takes more. Range 1 to 1,000,000.
  /// Range 1 to 16. English has four bytes in a token on average; three leave room.
  std::size_t bytes_per_token = 3;
};

/// What an import brought.
struct imported {
  std::int64_t entries = 0;     ///< New ones; those that were there already are left out.
  std::int64_t patterns = 0;    ///< New or changed.
  std::int64_t suggestions = 0; ///< New or dismissed.
  std::int64_t preferences = 0; ///< New or newer.
  std::uint64_t commit = 0;
};

struct document;      // private to the memory
class damage_counter; // private to the memory

/// Takes in what `memory::import_json` has read; ask for it there.
struct merge {
  using reply = imported;
  std::shared_ptr<const document> content;
};

using protocol
  = cortex::protocol<record, similar, patterns, suggest, active_suggestions, dismiss,
                     set_preference, get_preference, statistics, forget, context_block, merge>;
using handle = cortex::handle<protocol>;

/// How a memory is opened.
struct options {
  /// The file; empty = `~/.cortex/context_memory.db`. A leading `~/` is the user's home folder.
  std::string path{};
  /// Replace keys, tokens, and passwords in commands and addresses by `[redacted]` before an entry
  /// is stored.
  bool redact = true;
  /// Entries older than this are removed, at most a minute late. Patterns and suggestions stay.
  /// Range > 0; empty = kept for ever.
  std::optional<std::chrono::seconds> max_age{};
  /// Beyond this number the oldest entries are removed, at most a minute late. Range >= 0; empty =
  /// any number. It bounds the memory that the indexes take: see actors/README.md for the figures.
  std::optional<std::int64_t> max_entries{};
  /// What the reply to a change promises.
  storage::durability level = storage::durability::committed;
  /// Of the actor and the database. The schema is the memory's own.
  actor_options actor{};
  storage::database_options database{};
};

/// What an export holds.
struct export_options {
  bool include_dismissed = false; ///< Dismissed suggestions, too.
  /// Also what the original leaves out: whether a suggestion was dismissed, all stamps, and what
  /// was dismissed for good. Implies `include_dismissed`. `import_json` reads both forms.
  bool full = false;
};

/// An open memory: a handle, with what was worth telling when it was opened. Copies name the same
/// memory; it ends with the last one or with the runtime. *Thread-safe*.
class memory : public handle {
public:
  /// Things worth telling that are no errors.
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept { return *notices_; }
  /// The database behind it, for backup and statistics.
  [[nodiscard]] const storage::database& database() const noexcept { return *database_; }

  /// Receives a document piece by piece; an error ends it.
  using sink = std::function<expected<void>(std::string_view piece)>;

  /// Writes everything as one JSON document, in the original's form: one state of the file, one row
  /// in memory at a time. `to` runs on the calling thread, inside a read function.
  /// Errors: those of `to` and of a read. Ahead of an error some pieces may have been written.
  expected<void> export_json(const sink& to, export_options how = {}) const;
  /// The same to a file of the owner's alone (mode 0600), which is flushed and then takes the name
  /// at once: whatever fails, the name leads to the whole document or to what it led to before.
  /// Returns the path. Errors also: `invalid_argument` if there is something of that name that is
  /// neither a file nor a link; `permission`, `not_found` (folder), `no_space`, `read_only`, `io`;
  /// `outcome_unknown` if the file is in place and its folder could not be flushed.
  expected<std::string> export_json(const std::string& path, export_options how = {}) const;

  /// Takes in an exported document, in one transaction: entries that are not there yet, under new
  /// ids; patterns, of which the larger counts stay; suggestions that are not there yet;
  /// preferences that are new or, in the full form, newer. The same document twice changes nothing.
  /// Secrets are replaced as by `record`. Errors: `corrupt` naming the place if the text is no such
  /// document, is longer than 64 MiB or has more than 2 million values; `invalid_argument` as
  /// `record`; those of a write.
  expected<imported> import_json(std::string_view text) const;
  /// The same from a file. Errors also: `not_found`, `permission`, `io`.
  expected<imported> import_json_file(const std::string& path) const;

private:
  friend expected<memory> open(const runtime& rt, options wanted);
  memory(const handle& actor, storage::database database, std::vector<std::string> notices,
         const wall_clock& clock, std::shared_ptr<const damage_counter> damage, bool redact);

  std::shared_ptr<const storage::database> database_;
  std::shared_ptr<const std::vector<std::string>> notices_;
  const wall_clock* clock_ = nullptr; // lives as long as the runtime
  std::shared_ptr<const damage_counter> damage_;
  bool redact_ = true;
};

/// Opens or makes a memory and reads its entries once, which takes some ten seconds for a million.
/// Files of the original open as they are and stay readable by it.
/// Errors: `invalid_argument` (options, path); `not_found` (no path, no home folder); those of
/// `storage::database::open`; `already_exists` if this runtime has the file open as a memory.
[[nodiscard]] expected<memory> open(const runtime& rt, options wanted = {});

} // namespace cortex::context_memory
