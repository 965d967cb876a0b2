#include "cortex/kv_cache/rows.hpp"

#include "cortex/kv_cache/codec.hpp"

namespace cortex::kv_cache {
namespace {

template <class T>
expected<void> outcome_of(expected<T> done) {
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

stored_pool pool_of(const storage::row& at) {
  stored_pool out{at.get<std::string>(0), at.get<std::optional<std::string>>(2), {}};
  if (auto config = decode_configuration(at.get<std::string>(1)))
    out.config = *std::move(config);
  return out;
}

} // namespace

expected<file_content> read_file(storage::snapshot& view) {
  file_content out;
  auto pools = view.query("SELECT name, config, shm_name FROM pools WHERE name IS NOT NULL "
                          "ORDER BY rowid");
  if (!pools)
    return unexpected{std::move(pools).error()};
  auto read = pools->each([&out](storage::row at) { out.pools.push_back(pool_of(at)); });
  if (!read)
    return unexpected{std::move(read).error()};
  auto counters = view.query("SELECT pool, hits, misses FROM stats WHERE pool IS NOT NULL");
  if (!counters)
    return unexpected{std::move(counters).error()};
  read = counters->each([&out](storage::row at) {
    out.counters.push_back(
      {at.get<std::string>(0), at.get<std::int64_t>(1), at.get<std::int64_t>(2)});
  });
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

expected<std::optional<stored_pool>> read_pool(storage::snapshot& view, const std::string& name) {
  auto rows = view.query("SELECT name, config, shm_name FROM pools WHERE name = ?", name);
  if (!rows)
    return unexpected{std::move(rows).error()};
  auto more = rows->next();
  if (!more)
    return unexpected{std::move(more).error()};
  return *more ? std::optional{pool_of(rows->current())} : std::nullopt;
}

expected<void> write_pool(storage::transaction& in, const configuration& config,
                          const std::string& segment) {
  auto row = in.execute("INSERT OR REPLACE INTO pools(name, config, shm_name) VALUES(?, ?, ?)",
                        config.name, encode_configuration(config), segment);
  if (!row)
    return unexpected{std::move(row).error()};
  return outcome_of(
    in.execute("INSERT OR IGNORE INTO stats(pool, hits, misses) VALUES(?, 0, 0)", config.name));
}

expected<void> clear_entries(storage::transaction& in, const std::string& pool) {
  return outcome_of(in.execute("DELETE FROM entries WHERE pool = ?", pool));
}

expected<void> delete_pool(storage::transaction& in, const std::string& name) {
  for (const auto* sql : {"DELETE FROM pools WHERE name = ?", "DELETE FROM stats WHERE pool = ?",
                          "DELETE FROM entries WHERE pool = ?"})
    if (auto gone = in.execute(sql, name); !gone)
      return unexpected{std::move(gone).error()};
  return {};
}

expected<void> write_entries(storage::transaction& in, const entry_changes& what) {
  if (what.whole)
    if (auto cleared = clear_entries(in, what.pool); !cleared)
      return cleared;
  for (const auto id : what.gone) {
    auto gone = in.execute("DELETE FROM entries WHERE seq_id = ? AND pool = ?", id, what.pool);
    if (!gone)
      return unexpected{std::move(gone).error()};
  }
  for (const auto& each : what.changed) {
    auto written = in.execute("INSERT OR REPLACE INTO entries(seq_id, pool, created, accessed, "
                              "count, tokens, size, offset) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                              each.id, what.pool, each.created_at, each.last_accessed,
                              each.access_count, each.token_count, each.size_bytes, each.offset);
    if (!written)
      return unexpected{std::move(written).error()};
  }
  return outcome_of(in.execute("UPDATE stats SET hits = ?, misses = ? WHERE pool = ?", what.hits,
                               what.misses, what.pool));
}

} // namespace cortex::kv_cache
