// Stands in for the file: rows by id, changed by what an entry table hands out.
#pragma once

#include "cortex/semantic_cache/codec.hpp"
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/text/utc_time.hpp"

#include <cstdint>
#include <map>

namespace cortex::testing {

/// The row of an entry as the cache writes it.
inline semantic_cache::raw_row encode_row(const semantic_cache::entry& facts,
                                          const semantic_cache::embedding& vector) {
  const auto& home = facts.home;
  auto row = semantic_cache::encode_answer(
    {home.provider, home.model, home.system_hash, facts.prompt, facts.prompt_hash},
    *facts.commands);
  row.embedding = semantic_cache::to_blob(vector);
  row.id = facts.id;
  row.created_at = text::format_utc(facts.created_at);
  row.last_accessed = text::format_utc(facts.last_accessed);
  row.hit_count = facts.hit_count;
  return row;
}

/// Not thread-safe.
class row_store {
public:
  /// In the order that `change` promises.
  void apply(const semantic_cache::change& made) {
    for (const auto id : made.expired)
      rows_.erase(id);
    if (made.replaced)
      rows_.erase(*made.replaced);
    auto& row = rows_[made.written.id];
    row = encode_row(made.written, {});
    row.embedding = made.embedding;
    last_id_ = made.written.id;
    for (const auto id : made.evicted)
      rows_.erase(id);
  }

  void apply(const semantic_cache::access_log& log) {
    for (const auto& access : log.accesses) {
      const auto row = rows_.find(access.id);
      if (row == rows_.end())
        continue;
      row->second.hit_count += access.hits;
      row->second.last_accessed = text::format_utc(access.last_accessed);
    }
    for (const auto id : log.expired)
      rows_.erase(id);
    hits_ += log.hits;
    misses_ += log.misses;
  }

  void add(semantic_cache::raw_row row) {
    const auto id = row.id;
    rows_[id] = std::move(row);
    last_id_ = std::max(last_id_, id);
  }
  void erase(std::int64_t id) { rows_.erase(id); }
  void set_counters(std::int64_t hits, std::int64_t misses) {
    hits_ = hits;
    misses_ = misses;
  }

  /// Fills an empty table with all rows; false if one of them was not taken.
  [[nodiscard]] bool load_into(semantic_cache::entry_table& table) const {
    bool all = true;
    for (const auto& [id, row] : rows_) {
      const auto decoded = semantic_cache::decode_row(row);
      all = all && decoded && table.load(*decoded);
    }
    table.load_counters(hits_, misses_, last_id_);
    return all;
  }

  [[nodiscard]] const std::map<std::int64_t, semantic_cache::raw_row>& rows() const {
    return rows_;
  }

private:
  std::map<std::int64_t, semantic_cache::raw_row> rows_;
  std::int64_t last_id_ = 0;
  std::int64_t hits_ = 0;
  std::int64_t misses_ = 0;
};

} // namespace cortex::testing
