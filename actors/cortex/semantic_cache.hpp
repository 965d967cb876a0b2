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
  std::int64_t id = 0;     ///< Of the row that answered; 0 on a miss.
  double similarity = 0.0; ///< 1 for an exact match; of the best candidate otherwise.

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

/// Stores an answer, in place of an earlier one to the same prompt. The reply comes after COMMIT.
/// Most of its row is worked out when it is made: on the asker's thread, but inside the cache for
/// an answer that comes by `settle`. *Immutable after construction*. Errors: `invalid_argument` if
/// a text is no valid UTF-8; those of a database write.
class put {
public:
  using reply = stored;

  put(key what, std::vector<std::string> commands);

  [[nodiscard]] const key& what() const noexcept { return what_; }
  [[nodiscard]] const command_list& commands() const noexcept { return commands_; }
  /// Which of the texts is no valid UTF-8; null if all are.
  [[nodiscard]] const char* invalid_text() const noexcept { return invalid_text_; }
  /// For the cache: what is known of the row. Null if a text is no valid UTF-8, or if this was
  /// moved from.
  [[nodiscard]] const std::shared_ptr<const raw_row>& row() const noexcept { return row_; }

private:
  key what_;
  command_list commands_;
  std::shared_ptr<const raw_row> row_;
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

/// Ends a lead: stores the answer and gives it to all who wait, or gives them the error.
/// Errors: as `put`; `not_found` if nobody leads on this key.
struct settle {
  using reply = stored;
  key what;
  expected<std::vector<std::string>> outcome;
};

using protocol = cortex::protocol<get, put, stats, flush, claim, settle>;
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
  /// ask again.
  template <class Compute>
  [[nodiscard]] expected<found> get_or_compute(const key& what, Compute compute) const {
    return lead(what, [&compute] { return expected<std::vector<std::string>>{compute()}; });
  }

private:
  friend expected<cache> open(const runtime& rt, options wanted);
  cache(const handle& actor, storage::database database, std::vector<std::string> notices);
  [[nodiscard]] expected<found>
  lead(const key& what, const std::function<expected<std::vector<std::string>>()>& compute) const;

  std::shared_ptr<const storage::database> database_;
  std::shared_ptr<const std::vector<std::string>> notices_;
};

/// Opens or makes a cache. Files of the original open as they are and stay readable by it.
/// Errors: `invalid_argument` (options, path); those of `storage::database::open`; `already_exists`
/// if this runtime has the same file open as a cache.
[[nodiscard]] expected<cache> open(const runtime& rt, options wanted = {});

} // namespace cortex::semantic_cache
