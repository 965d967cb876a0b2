/// Semantic cache: remembers which commands a model gave for a prompt, and gives them again for the
/// same prompt or for one whose bag of words is nearly the same.
#pragma once

#include "cortex/database.hpp"
#include "cortex/handle.hpp"
#include "cortex/runtime.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::semantic_cache {

/// Commands are shared with whoever was given them; nobody changes them.
using command_list = std::shared_ptr<const std::vector<std::string>>;

/// A prompt in its scope: provider, model and system prompt must all be equal for an answer to be
/// given again. Hashed when it is made, so on the asker's thread. *Immutable after construction*.
class key {
public:
  key(std::string prompt, std::string provider, std::string model, std::string_view system_prompt);

  [[nodiscard]] const std::string& prompt() const noexcept { return prompt_; }
  [[nodiscard]] const std::string& provider() const noexcept { return provider_; }
  [[nodiscard]] const std::string& model() const noexcept { return model_; }
  /// SHA-256 of the system prompt and of the prompt, as 32 bytes each.
  [[nodiscard]] const std::array<std::uint8_t, 32>& system_hash() const noexcept {
    return system_hash_;
  }
  [[nodiscard]] const std::array<std::uint8_t, 32>& prompt_hash() const noexcept {
    return prompt_hash_;
  }
  /// Which of the texts is no valid UTF-8; null if all are.
  [[nodiscard]] const char* invalid_text() const noexcept { return invalid_text_; }

private:
  std::string prompt_;
  std::string provider_;
  std::string model_;
  std::array<std::uint8_t, 32> system_hash_{};
  std::array<std::uint8_t, 32> prompt_hash_{};
  const char* invalid_text_ = nullptr;
};

/// How an answer was found.
enum class match : std::uint8_t {
  miss,
  exact,    ///< The same prompt.
  near,     ///< A prompt that is similar enough.
  computed, ///< Not from the cache: asked for just now, by this caller or by one it waited for.
};

/// What a lookup found.
struct found {
  match kind = match::miss;
  command_list commands;   ///< Null on a miss, never else.
  std::int64_t id = 0;     ///< Of the row that answered; 0 on a miss, or if nothing was stored.
  double similarity = 0.0; ///< 1 for an exact match; of the best candidate on a miss, else its own.

  explicit operator bool() const noexcept { return kind != match::miss; }
};

/// Looks an answer up; a hit renews its last access. Counts one hit or miss.
/// Errors: `invalid_argument` if a text is no valid UTF-8.
struct get {
  using reply = found;
  key what;
  /// Newest entries of the scope that are compared; 0 = none, negative = all.
  std::int64_t candidate_limit = 200;
};

/// Where an answer was stored.
struct stored {
  std::int64_t id = 0;      ///< The row's id; a replaced row's id is never used again.
  std::size_t evicted = 0;  ///< Rows that made room.
  std::uint64_t commit = 0; ///< The commit that holds it.
};

struct raw_row; // private to the cache

/// A time to live without an end.
inline constexpr std::chrono::seconds for_ever = std::chrono::seconds::max();

/// Stores an answer, in place of an earlier one to the same prompt. The reply comes after COMMIT.
/// Most of its row is worked out when it is made: on the asker's thread, but inside the cache for
/// an answer that comes by `settle`. *Immutable after construction*. Errors: `invalid_argument` if
/// a text is no valid UTF-8, the time to live is not positive, or the answer alone is larger than
/// `options::max_bytes` (nothing has changed then); those of a database write.
class put {
public:
  using reply = stored;

  /// `time_to_live` counts from the put: hits do not prolong it. Empty = the cache's own.
  put(key what, std::vector<std::string> commands,
      std::optional<std::chrono::seconds> time_to_live = {});

  [[nodiscard]] const key& what() const noexcept { return what_; }
  [[nodiscard]] const command_list& commands() const noexcept { return commands_; }
  [[nodiscard]] std::optional<std::chrono::seconds> time_to_live() const noexcept {
    return time_to_live_;
  }
  /// Which of the texts is no valid UTF-8; null if all are.
  [[nodiscard]] const char* invalid_text() const noexcept { return invalid_text_; }
  /// For the cache: what is known of the row. Null if a text is no valid UTF-8, or if this was
  /// moved from.
  [[nodiscard]] const std::shared_ptr<const raw_row>& row() const noexcept { return row_; }

private:
  key what_;
  command_list commands_;
  std::shared_ptr<const raw_row> row_;
  std::optional<std::chrono::seconds> time_to_live_;
  const char* invalid_text_ = nullptr;
};

/// Counters of the file since it was made.
struct statistics {
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t total = 0;      ///< hits + misses
  double hit_rate = 0.0;       ///< hits / total, 0 to 1; 0 when nothing was looked up.
  std::size_t entries = 0;     ///< Rows of all scopes.
  std::uint64_t evictions = 0; ///< Since the cache was opened.
  std::uint64_t damaged = 0;   ///< Rows that were unreadable and removed since it was opened.
  std::uint64_t joined = 0;    ///< Misses that waited for another's answer, since it was opened.
  std::int64_t bytes = 0;      ///< Of all entries, as `options::max_bytes` counts.
  std::uint64_t expired = 0;   ///< Entries whose time to live was over, since it was opened.
  std::uint64_t guarded = 0;   ///< Near matches that the guard refused, since it was opened.
};

/// Tells the counters, those that are not written yet included.
struct stats {
  using reply = statistics;
};

/// Writes the counters and access times that are only in memory. The reply comes after COMMIT.
/// Errors: those of a database write.
struct flush {
  using reply = void;
};

/// What `claim` says: an answer, or that the asker is the one who must find it.
struct claimed {
  found answer;
  bool leads = false; ///< Nobody else asks the model for this prompt: do it, then `settle`.
  /// Set if it leads: keep it until `settle` is answered. Once it is gone, the lead passes to the
  /// next who misses, or within `options::flush_interval` to one who waits.
  std::shared_ptr<const void> lead{};
};

/// As `get`, but of several misses on one key only the first is told so: it `leads`. The others
/// wait until it settles, and one of them leads if it never does. Prefer `cache::get_or_compute`,
/// which does both halves.
struct claim {
  using reply = claimed;
  key what;
  std::int64_t candidate_limit = 200;
};

/// Ends a lead: stores the answer and gives it to all who wait, or gives them the error. An answer
/// that alone is larger than `options::max_bytes` is given to them and not stored: the reply's `id`
/// is 0. Errors: as `put`; `not_found` if nobody leads on this key.
struct settle {
  using reply = stored;
  key what;
  expected<std::vector<std::string>> outcome;
  std::optional<std::chrono::seconds> time_to_live{}; ///< As of `put`.
};

/// One remembered answer, as it is told to people and tools.
struct remembered {
  std::int64_t id = 0;
  std::string provider;
  std::string model;
  std::array<std::uint8_t, 32> system_hash{}; ///< SHA-256 of the system prompt, which is not kept.
  std::string prompt;
  command_list commands;                 ///< Not null.
  std::chrono::sys_seconds created_at{}; ///< Of its put.
  std::chrono::sys_seconds last_accessed{};
  std::chrono::seconds age{0};                     ///< Since its put, >= 0.
  std::optional<std::chrono::seconds> time_left{}; ///< To live, > 0; empty = for ever.
  std::int64_t hit_count = 0;
  std::int64_t bytes = 0; ///< As `options::max_bytes` counts.
};

/// An entry beside a prompt.
struct candidate {
  remembered entry;
  double similarity = 0.0;
  std::string refusal{}; ///< What the guard says against it; empty = nothing.
};

/// What a `get` would find at this moment, and why.
struct explanation {
  match kind = match::miss; ///< `miss`, `exact` or `near`.
  double threshold = 0.0;
  std::optional<candidate> answer{}; ///< Empty on a miss.
  std::optional<candidate> below{};  ///< The most similar one below the threshold, if any.
  std::vector<candidate> refused{};  ///< More similar than the answer; 16 at most.
  std::size_t compared = 0;          ///< Candidates; none if the prompt itself is remembered.
};

/// Explains a lookup without doing it: counts neither hit nor miss and renews nothing.
/// Errors: as `get`.
struct explain {
  using reply = explanation;
  key what;
  std::int64_t candidate_limit = 200; ///< As of `get`.
};

/// Which entries are meant: all that is set must hold, so an empty one means every entry.
struct filter {
  std::optional<std::int64_t> id{};
  /// One prompt in its scope; not beside the next three.
  std::optional<key> what{};
  std::optional<std::string> provider{};
  std::optional<std::string> model{};
  std::optional<std::string> system_prompt{};
  std::optional<std::chrono::sys_seconds> put_before{}; ///< Put before this second.
};

/// What an invalidation did.
struct invalidated {
  std::size_t removed = 0;  ///< Rows.
  std::uint64_t commit = 0; ///< The commit that removed them.
};

/// Removes answers, also those of another program that the cache has not noticed yet. The reply
/// comes after COMMIT. Who leads on a key goes on, and what it settles is stored: it was asked for
/// before, but arrives later. Errors: `invalid_argument` if `which` is empty and `all` is not set,
/// or the other way round, or if the filter is invalid; those of a database write.
struct invalidate {
  using reply = invalidated;
  filter which{};
  bool all = false; ///< Every entry. Named on its own, so that no forgotten field does it.
};

/// Some entries, by ascending id.
struct page {
  std::vector<remembered> entries{};
  std::optional<std::int64_t> next{}; ///< `list::after` of the next page; empty after the last.
};

/// Lists entries, a page at a time; counts nothing and renews nothing. Ids only grow: an entry that
/// stays is in one page, whatever comes and goes meanwhile. Errors: `invalid_argument` if the
/// filter is invalid or the limit out of range.
struct list {
  using reply = page;
  filter which{};
  std::int64_t after = 0;  ///< Greatest id of the page before.
  std::size_t limit = 100; ///< Entries in a page. Range 1 to 1,000.
};

using protocol = cortex::protocol<get, put, stats, flush, claim, settle, explain, invalidate, list>;
using handle = cortex::handle<protocol>;

/// How a cache is opened.
struct options {
  /// The file; empty = `/var/lib/cortex/cache.db`. Where it cannot be written for lack of rights,
  /// the cache is `~/.cortex/cache.db` instead, with a notice.
  std::string path{};
  /// Rows of all scopes together, >= 0. Empty = `CORTEX_CACHE_MAX_ENTRIES`, else 500.
  std::optional<std::int64_t> max_entries{};
  /// Least similarity of a near match, finite. Empty = `CORTEX_CACHE_SIMILARITY_THRESHOLD`, else
  /// 0.86.
  std::optional<double> threshold{};
  /// How long an answer is given again, from its put on by the wall clock, in whole seconds: up to
  /// one second less, never more. Hits do not prolong it. Range > 0; empty = for ever. A clock that
  /// is set ahead ends what it passes; each time it is set back adds at most one time to live.
  std::optional<std::chrono::seconds> time_to_live{};
  /// Bytes of all entries together, >= 0; empty = any number. An entry counts its prompt, provider,
  /// model and commands as UTF-8, and nothing else. Beyond it the least recently used make room, as
  /// beyond `max_entries`. Applied by each put, so not to what a file has when it is opened.
  std::optional<std::int64_t> max_bytes{};
  /// Refuse near matches that differ in a decisive word: a negation, number, version, unit,
  /// opposite, path, flag or quoted name, in English. The next best candidate is taken then.
  bool guard = false;
  /// What the reply to a put promises.
  storage::durability level = storage::durability::committed;
  /// Counters and access times are written at most this late; 0 = at once. A killed process loses
  /// at most that much of them, and nothing else.
  std::chrono::milliseconds flush_interval{1000};
  /// … or when this many lookups are not written yet. Range >= 1.
  std::int64_t flush_lookups = 1024;
  /// Time that who leads on a key has to settle. After it the next who misses leads as well, and
  /// whoever settles first answers all who wait. Range > 0.
  std::chrono::nanoseconds lead_limit = std::chrono::minutes{5};
  /// Of the actor and the database. The schema is the cache's own.
  actor_options actor{};
  storage::database_options database{};
};

/// An open cache: a handle, with what was worth telling when it was opened. Copies name the same
/// cache; it ends with the last one or with the runtime. *Thread-safe*.
class cache : public handle {
public:
  /// Things worth telling that are no errors: a bad environment variable, a fallback path, damaged
  /// rows that were removed.
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept { return *notices_; }
  /// The database behind it, for backup and statistics.
  [[nodiscard]] const storage::database& database() const noexcept { return *database_; }

  /// The answer from the cache or else from `compute()`, which runs on the calling thread and gives
  /// an `expected<std::vector<std::string>>`. Callers that miss on the same key at the same time
  /// wait for the first one's result, so that the model is asked once; its error goes to all. If
  /// the result does not reach the cache, another of them computes it. Errors: those of `compute`;
  /// those of `claim` and of the write. An answer that could not be written is an error as well:
  /// ask again. One that is larger than `options::max_bytes` is given, with the id 0.
  template <class Compute>
  [[nodiscard]] expected<found> get_or_compute(const key& what, Compute compute,
                                               std::optional<std::chrono::seconds> time_to_live
                                               = {}) const {
    return lead(
      what, [&compute] { return expected<std::vector<std::string>>{compute()}; }, time_to_live);
  }

  /// Receives a document piece by piece; an error ends it.
  using sink = std::function<expected<void>(std::string_view piece)>;

  /// Writes the entries as one JSON array, an object a line, by ascending id: one state of the
  /// file, after a `flush`. The keys are `id`, `provider`, `model`, `system_hash`, `prompt`,
  /// `commands`, `created_at`, `last_accessed`, `hit_count` and `expires_at` (null = never); the
  /// text is ASCII. Holds one entry in memory at a time. `to` runs on the calling thread, inside a
  /// read function. Returns the number of entries. Errors: `invalid_argument` (filter); those of
  /// `to`, of `flush` and of a read. Ahead of an error some pieces may have been written.
  expected<std::size_t> export_json(const sink& to, const filter& which = {}) const;

  /// The same to a file of the owner's alone (mode 0600), which is flushed and then takes the name
  /// at once: whatever fails, the name leads to the whole document or to what it led to before.
  /// Errors also: `invalid_argument` if there is something of that name that is neither a file nor
  /// a link; `permission`, `not_found` (folder), `no_space`, `read_only`, `io`;
  /// `outcome_unknown` if the file is in place and its folder could not be flushed.
  expected<std::size_t> export_json(const std::string& path, const filter& which = {}) const;

private:
  friend expected<cache> open(const runtime& rt, options wanted);
  cache(const handle& actor, storage::database database, std::vector<std::string> notices);
  [[nodiscard]] expected<found>
  lead(const key& what, const std::function<expected<std::vector<std::string>>()>& compute,
       std::optional<std::chrono::seconds> time_to_live) const;

  std::shared_ptr<const storage::database> database_;
  std::shared_ptr<const std::vector<std::string>> notices_;
};

/// Opens or makes a cache. Files of the original open as they are and stay readable by it.
/// Errors: `invalid_argument` (options, path); `not_found` (no path, no home folder); those of
/// `storage::database::open`; `already_exists` if this runtime has the file open as a cache.
[[nodiscard]] expected<cache> open(const runtime& rt, options wanted = {});

} // namespace cortex::semantic_cache
