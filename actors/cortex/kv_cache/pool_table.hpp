/// The pools of a file in memory, in the order of their rows, and what of their sequences has been
/// written.
#pragma once

#include "cortex/kv_cache/rows.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::kv_cache {

/// *Owned by one actor*.
class pool_table {
public:
  void load(file_content content);
  /// Puts a row behind all others, in place of an earlier one.
  void put(const configuration& config, const std::string& segment);
  /// Removes a row with its counters.
  void erase(const std::string& name);

  [[nodiscard]] const stored_pool* find(const std::string& name) const;
  /// All that can be read.
  [[nodiscard]] std::vector<configuration> list() const;
  /// Names of the rows that cannot be read.
  [[nodiscard]] std::vector<std::string> unreadable() const;
  /// Every row.
  [[nodiscard]] const std::map<std::uint64_t, stored_pool>& rows() const noexcept { return rows_; }

  /// Hits and misses.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> counters(const std::string& name) const;
  void set_counters(const std::string& name, std::int64_t hits, std::int64_t misses);

private:
  std::map<std::uint64_t, stored_pool> rows_; // by the order in which they were put
  std::unordered_map<std::string, std::uint64_t> by_name_;
  std::unordered_map<std::string, std::pair<std::int64_t, std::int64_t>> counters_;
  std::uint64_t next_ = 0;
};

/// The rows of a pool's sequences as they are in the file, to write only what differs.
/// *Owned by one actor*.
class entry_mirror {
public:
  /// What has to be written for the file to have `now`, which must be sorted by id; takes it over.
  [[nodiscard]] entry_changes update(const std::string& pool, std::vector<sequence> now);
  /// It is not known what is in the file: all is written the next time.
  void forget() noexcept { known_ = false; }

private:
  std::vector<sequence> written_;
  bool known_ = false;
};

} // namespace cortex::kv_cache
