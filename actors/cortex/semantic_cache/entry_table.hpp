/// The cache in memory: which answer a prompt gets, which entry makes room for another.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/semantic_cache.hpp"
#include "cortex/semantic_cache/codec.hpp"
#include "cortex/semantic_cache/embedding.hpp"
#include "cortex/semantic_cache/entry.hpp"
#include "cortex/semantic_cache/expiry.hpp"
#include "cortex/semantic_cache/scope_index.hpp"
#include "cortex/semantic_cache/selection.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::semantic_cache {

/// What counts as nearly the same prompt.
struct near_rule {
  std::int64_t candidate_limit = 200; ///< 0: none, negative: the whole scope.
  double threshold = 0.86;            ///< Finite. The least similarity that is a hit.
  bool guard = false;                 ///< Refuse what differs in a decisive word.

  [[nodiscard]] std::size_t limit() const noexcept {
    return candidate_limit < 0 ? std::numeric_limits<std::size_t>::max()
                               : static_cast<std::size_t>(candidate_limit);
  }
};

inline constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();

/// What a put goes by.
struct put_rule {
  std::int64_t max_entries = 500;      ///< >= 0
  std::int64_t max_bytes = unbounded;  ///< Of all payloads together, see `payload_bytes`. >= 0
  std::int64_t time_to_live = endless; ///< Seconds, >= 1.
};

/// What a lookup found.
struct answer {
  match kind = match::miss;
  std::int64_t id = 0; ///< Of the entry, 0 on a miss.
  /// Of the best candidate: 1.0 on an exact hit; on a miss it fell short of the threshold, or there
  /// was no candidate and it is 0.0.
  double similarity = 0.0;
  command_list commands; ///< Null on a miss.
};

/// What a put changes in the file, in this order: the expired rows and the replaced one go, the
/// written row comes, the evicted rows go. With a capacity of 0 the written row is among the
/// evicted.
struct change {
  entry written;
  std::string embedding;                ///< The written row's column.
  std::optional<std::int64_t> replaced; ///< The row of the same prompt.
  std::vector<std::int64_t> evicted;    ///< In the order of eviction.
  std::vector<std::int64_t> expired{};  ///< Since such ids were last handed out.
  std::optional<lifetime> life{};       ///< Of the written row; empty = for ever.
};

struct lookup_counters {
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::int64_t total = 0;    ///< hits + misses
  double hit_rate = 0.0;     ///< hits / total, 0 to 1; 0.0 when nothing was looked up.
  std::size_t entries = 0;   ///< Rows of all scopes.
  std::int64_t bytes = 0;    ///< Of their payload.
  std::uint64_t expired = 0; ///< Entries that ended, since this was made.
  std::uint64_t guarded = 0; ///< Candidates that the guard refused, since this was made.
};

/// Accesses of one entry that the file does not have yet.
struct access_delta {
  std::int64_t id = 0;
  std::int64_t hits = 0;          ///< To be added to `hit_count`.
  std::int64_t last_accessed = 0; ///< Seconds since 1970.

  friend bool operator==(const access_delta&, const access_delta&) = default;
};

/// What lookups changed and the file does not have yet.
struct access_log {
  std::vector<access_delta> accesses; ///< By the time of their first access.
  std::int64_t hits = 0;
  std::int64_t misses = 0;
  std::vector<std::int64_t> expired{}; ///< Ids of rows whose time to live is over.
  std::vector<life_of_entry> lives{};  ///< That began anew.

  [[nodiscard]] bool empty() const noexcept {
    return accesses.empty() && hits == 0 && misses == 0 && expired.empty() && lives.empty();
  }
};

/// All entries of one cache file and the decisions over them. Reads no file and no clock: rows and
/// the time (seconds since 1970) come in, changes go out. *Owned by one actor*.
class entry_table {
public:
  entry_table() = default;
  entry_table(const entry_table&) = delete;
  entry_table& operator=(const entry_table&) = delete;
  entry_table(entry_table&&) = default;
  entry_table& operator=(entry_table&&) = default;
  ~entry_table() = default;

  /// Takes in a row of the file.
  /// Errors: `already_exists` if its id or its prompt within its scope is there.
  [[nodiscard]] expected<void> load(const decoded_row& row);

  /// Takes in what the file counted so far and the last id it gave away (`sqlite_sequence`). Ids of
  /// loaded rows count as given away too.
  void load_counters(std::int64_t hits, std::int64_t misses, std::int64_t last_id) noexcept;

  /// Takes in how long a loaded entry lives; false if there is no such entry.
  bool load_lifetime(std::int64_t id, const lifetime& life);

  /// Forgets everything, also accesses that were not taken; the caller loads again.
  void clear() noexcept;

  /// Answers a prompt: from the entry of the same prompt, else from the nearest of the newest
  /// entries of its scope. A hit counts and renews the entry's last access. An exact hit takes
  /// constant time, and the logarithm of the size if the entry's last access was not in this
  /// second.
  [[nodiscard]] answer lookup(const question& asked, const near_rule& rule, std::int64_t now);

  /// Remembers an answer under a new id. An entry of the same prompt is replaced and leaves its hit
  /// count. Then the entries beyond the bounds are evicted: the least recently accessed first,
  /// equal ones by ascending id. The change is made already: if the file refuses it, load again.
  /// Errors: `invalid_argument` if the entry alone is larger than `max_bytes`; `no_space` if the
  /// file has given away its last id. Nothing has changed then.
  /// @pre `commands` is not null
  [[nodiscard]] expected<change> put(const question& asked, command_list commands,
                                     const put_rule& rule, std::int64_t now);
  [[nodiscard]] expected<change> put(const question& asked, command_list commands,
                                     std::int64_t max_entries, std::int64_t now) {
    return put(asked, std::move(commands), put_rule{max_entries}, now);
  }

  /// Does again what a put has done, on entries that were loaded from before it.
  void apply(const change& made);

  /// False if an entry alone is larger than `max_bytes`.
  [[nodiscard]] static bool fits(const question& asked, const std::vector<std::string>& commands,
                                 const put_rule& rule) noexcept;

  /// Removes an entry and its accesses that were not taken; false if there is none.
  bool erase(std::int64_t id);

  /// Removes all that are selected; returns their ids, ascending.
  std::vector<std::int64_t> erase_all(const selection& which);

  /// Removes entries whose rows are being deleted since they ended.
  void erase_ended(const std::vector<std::int64_t>& ids);

  /// Removes the entries whose time to live is over. Each lookup and put does so first.
  void expire(std::int64_t now) {
    if (lives_.due(now))
      remove_ended(now);
  }

  /// Hands out the ids of removed entries that ended, for the caller to delete their rows.
  [[nodiscard]] std::vector<std::int64_t> take_expired();

  /// What a lookup would find, without the lookup: nothing is counted and no access renewed.
  [[nodiscard]] explanation explain(const question& asked, const near_rule& rule, std::int64_t now);

  /// At most `limit` of the selected entries with a greater id than `after`, by ascending id.
  [[nodiscard]] page list(const selection& which, std::int64_t after, std::size_t limit,
                          std::int64_t now);

  [[nodiscard]] lookup_counters stats() const noexcept;

  /// The entry, or null. Valid until the next call that is not const.
  [[nodiscard]] const entry* find(std::int64_t id) const;

  /// All entries by ascending id. Valid until the next call that is not const.
  [[nodiscard]] std::vector<const entry*> entries() const;

  /// How many lookups were answered since the log was last taken.
  [[nodiscard]] std::int64_t pending_lookups() const noexcept {
    return pending_hits_ + pending_misses_;
  }
  /// True if the file does not have all that happened here.
  [[nodiscard]] bool is_ahead() const noexcept {
    return pending_lookups() != 0 || !expired_ids_.empty() || lives_.has_changed();
  }

  /// Hands out what lookups changed since the last time, for the caller to write.
  [[nodiscard]] access_log take_accesses();

  /// Takes back what could not be written; what belongs to entries that are gone is dropped.
  void restore_accesses(const access_log& log);

  /// Counts accesses that the file has and what was loaded has not; what belongs to entries that
  /// are gone is dropped.
  void count_accesses(const access_log& log);

  /// Counts accesses that were taken before `clear` and are not in what was loaded since: entries
  /// and counters get them, and they are handed out again. What belongs to entries that are gone is
  /// dropped.
  void replay_accesses(const access_log& log);

private:
  /// Finds a scope by its parts, without a copy of them.
  struct scope_view {
    std::string_view provider;
    std::string_view model;
    const text::sha256_digest& system_hash;
  };
  struct scope_hash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(const scope_view& key) const noexcept;
    [[nodiscard]] std::size_t operator()(const scope& key) const noexcept;
  };
  struct scope_equal {
    using is_transparent = void;
    [[nodiscard]] bool operator()(const scope& left, const scope& right) const noexcept {
      return left == right;
    }
    [[nodiscard]] bool operator()(const scope_view& left, const scope& right) const noexcept;
    [[nodiscard]] bool operator()(const scope& left, const scope_view& right) const noexcept {
      return (*this)(right, left);
    }
  };
  /// The order of eviction.
  struct oldest_first {
    [[nodiscard]] bool operator()(const record* left, const record* right) const noexcept;
  };
  using record_map = std::unordered_map<std::int64_t, record>;

  [[nodiscard]] scope_index* find_scope(const question& asked);
  [[nodiscard]] record* find_exact(const question& asked);
  answer hit(record& item, match kind, double similarity, std::int64_t now);
  answer miss(double best_similarity) noexcept;
  void touch(record& item, std::int64_t now);
  void mark_dirty(record& item);
  [[nodiscard]] nearest first_unguarded(scope_index& home, const sparse_embedding& vector,
                                        const question& asked, const near_rule& rule);
  [[nodiscard]] remembered describe(const record& item, std::int64_t now) const;
  [[nodiscard]] std::vector<const record*> select(const selection& which, std::int64_t after) const;
  void insert(entry facts, const sparse_embedding& vector);
  void remove(record_map::iterator place);
  void remove_ended(std::int64_t now);
  [[nodiscard]] std::vector<std::int64_t> evict(const put_rule& rule);

  record_map records_; // owns; nodes keep their address
  std::unordered_map<scope, scope_index, scope_hash, scope_equal> scopes_; // none is empty
  std::set<record*, oldest_first> oldest_;
  expiry_queue lives_;
  std::int64_t bytes_ = 0; // of all payloads
  std::int64_t last_id_ = 0;
  std::int64_t hits_ = 0;
  std::int64_t misses_ = 0;

  std::int64_t pending_hits_ = 0;
  std::int64_t pending_misses_ = 0;
  std::vector<std::int64_t> dirty_ids_;   // may name entries that are gone
  std::vector<std::int64_t> expired_ids_; // rows that the file may still have
  std::uint64_t expired_ = 0;
  std::uint64_t guarded_ = 0;

  embedder embedder_;
  std::vector<double> scores_; // scratch
};

} // namespace cortex::semantic_cache
