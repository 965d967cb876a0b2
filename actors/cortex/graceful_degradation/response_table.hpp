/// The stored answers in memory: found by hash, ranked by common words, evicted by last use.
#pragma once

#include "cortex/graceful_degradation.hpp"
#include "cortex/graceful_degradation/words.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace cortex::graceful_degradation {

/// Microseconds since 1970, UTC.
using micros = std::int64_t;

/// A row of the file.
struct stored_row {
  std::string query_hash;
  std::string query;
  std::string response;
  std::int64_t created_at = 0; ///< Seconds since 1970, UTC.
  std::int64_t hit_count = 0;  ///< 0 to `most_hits`.
  std::optional<micros> last_used{};
};

/// A count that nobody reaches, so that no sum of counts overflows.
inline constexpr std::int64_t most_hits = 1'000'000'000'000;

/// A row in memory. Addresses are stable while it lives.
struct entry {
  stored_row row;
  std::uint64_t position = 0; ///< Grows with each row: their order in the file.
  word_index::word_list words{};
};

/// Hits that the file does not have yet. The stamp of the put tells a row from one that has taken
/// its place.
struct access {
  std::string query_hash;
  std::int64_t created_at = 0;
  std::int64_t hits = 0;
  micros last_used = 0;
};

/// What a put changes.
struct change {
  stored_row written;
  std::vector<std::string> evicted{}; ///< Hashes of rows that made room.
};

/// What an exact or near lookup without a count says of an entry.
[[nodiscard]] record record_of(const stored_row& row);

/// *Owned by one actor*.
class response_table {
public:
  /// @pre `max_entries > 0`
  explicit response_table(std::size_t max_entries) noexcept : max_entries_(max_entries) {}

  /// Takes in a row of the file, behind those before it. False if its hash is there already.
  bool load(stored_row row);
  void clear() noexcept;

  /// Counts a hit.
  [[nodiscard]] std::optional<record> get(const query& what, micros now);
  change put(const query& what, const std::string& response, std::int64_t now_seconds);
  /// Does again what a put has done.
  void apply(const change& made);
  [[nodiscard]] std::vector<record> similar(const query& what, std::size_t limit,
                                            std::size_t candidates) const;
  /// Removes what was put before `cutoff`, and says which.
  std::vector<std::string> erase_before(std::int64_t cutoff);

  /// Takes out the hits that the file does not have.
  [[nodiscard]] std::vector<access> take_accesses();
  /// Takes back hits that could not be written; the rows have them.
  void restore_accesses(const std::vector<access>& log);
  /// Adds hits that the file has to rows that were loaded without them.
  void count_accesses(const std::vector<access>& log);
  /// Adds hits that the file does not have to rows that were loaded anew.
  void replay_accesses(const std::vector<access>& log);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::int64_t total_hits() const noexcept { return total_hits_; }
  [[nodiscard]] std::int64_t pending_hits() const noexcept { return pending_hits_; }

private:
  using entries = std::unordered_map<std::string, entry>;

  /// Most used first, of equal ones the oldest row.
  struct use_key {
    std::int64_t hits = 0;
    std::uint64_t position = 0;
    const entry* of = nullptr;
    friend bool operator<(const use_key& left, const use_key& right) noexcept {
      return left.hits != right.hits ? left.hits > right.hits : left.position < right.position;
    }
  };
  /// In the order in which they make room.
  struct age_key {
    micros last_used = 0; // before all others if never used
    std::int64_t created_at = 0;
    std::uint64_t position = 0;
    const std::string* hash = nullptr;
    friend bool operator<(const age_key& left, const age_key& right) noexcept {
      if (left.last_used != right.last_used)
        return left.last_used < right.last_used;
      if (left.created_at != right.created_at)
        return left.created_at < right.created_at;
      return left.position < right.position;
    }
  };

  static use_key use_of(const entry& of) noexcept;
  static age_key age_of(const entry& of) noexcept;
  void insert(stored_row row);
  void erase(entries::iterator at);
  void count(entry& of, std::int64_t hits, micros now);
  [[nodiscard]] entry* same_row(const access& of);
  void note(const access& one);

  std::size_t max_entries_;
  entries entries_;
  word_index words_;
  std::set<use_key> by_use_;
  std::set<age_key> by_age_;
  std::unordered_map<std::string, access> pending_;
  std::uint64_t next_position_ = 0;
  std::int64_t total_hits_ = 0;
  std::int64_t pending_hits_ = 0;
};

} // namespace cortex::graceful_degradation
