#include "cortex/semantic_cache/rows.hpp"

#include "cortex/semantic_cache/schema.hpp"
#include "cortex/text/utc_time.hpp"

#include <span>
#include <string_view>

namespace cortex::semantic_cache {
namespace {

constexpr std::string_view insert
  = "INSERT INTO llm_cache_entries(id, provider, model, system_hash, prompt, prompt_hash, "
    "embedding, commands_json, created_at, last_accessed, hit_count) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr std::string_view insert_or_replace
  = "INSERT OR REPLACE INTO llm_cache_entries(id, provider, model, system_hash, prompt, "
    "prompt_hash, embedding, commands_json, created_at, last_accessed, hit_count) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

constexpr std::string_view columns
  = "SELECT e.id, provider, model, system_hash, prompt, prompt_hash, embedding, commands_json, "
    "created_at, last_accessed, hit_count";
constexpr std::string_view selected
  = " WHERE (?1 IS NULL OR e.id = ?1) AND (?2 IS NULL OR provider = ?2) "
    "AND (?3 IS NULL OR model = ?3) AND (?4 IS NULL OR system_hash = ?4) "
    "AND (?5 IS NULL OR prompt_hash = ?5) AND (?6 IS NULL OR created_at < ?6)";

/// Calls `run` with what `selected` binds.
template <class Run>
auto bind_selection(const selection& which, Run run) {
  std::optional<std::string> system_hash;
  std::optional<std::string> prompt_hash;
  std::optional<std::string> put_before;
  if (which.system_hash)
    system_hash = text::to_hex(*which.system_hash);
  if (which.prompt_hash)
    prompt_hash = text::to_hex(*which.prompt_hash);
  if (which.put_before)
    put_before = text::format_utc(*which.put_before);
  return run(which.id, which.provider, which.model, system_hash, prompt_hash, put_before);
}

expected<own_tables> find_own_tables(storage::snapshot& view) {
  auto found = view.one<int>("SELECT 1 FROM sqlite_master WHERE type = 'table' "
                             "AND name = 'cortex_cache_expiry'");
  if (!found)
    return unexpected{std::move(found).error()};
  return *found ? own_tables::expiry : own_tables::none;
}

expected<void> read_lives(storage::snapshot& view, file_content& out) {
  auto tables = find_own_tables(view);
  if (!tables)
    return unexpected{std::move(tables).error()};
  out.tables = *tables;
  if (out.tables == own_tables::none)
    return {};
  auto rows = view.query("SELECT id, time_to_live, expires_at FROM cortex_cache_expiry");
  if (!rows)
    return unexpected{std::move(rows).error()};
  return rows->each([&out](storage::row at) {
    out.lives.emplace_back(at.get<std::int64_t>(0),
                           lifetime{at.get<std::int64_t>(1), at.get<std::int64_t>(2)});
  });
}

raw_row raw_of(const storage::row& at) {
  raw_row out;
  out.id = at.get<std::int64_t>(0);
  out.provider = at.get<std::string>(1);
  out.model = at.get<std::string>(2);
  out.system_hash = at.get<std::string>(3);
  out.prompt = at.get<std::string>(4);
  out.prompt_hash = at.get<std::string>(5);
  out.embedding = at.get<std::string>(6);
  out.commands_json = at.get<std::string>(7);
  out.created_at = at.get<std::string>(8);
  out.last_accessed = at.get<std::string>(9);
  out.hit_count = at.get<std::int64_t>(10);
  return out;
}

storage::blob_view bytes_of(const std::string& text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

template <class T>
expected<void> outcome_of(expected<T> done) {
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

expected<void> write_changed_lives(storage::transaction& in,
                                   const std::vector<life_of_entry>& lives) {
  if (!lives.empty())
    if (auto made = in.execute_script(expiry_schema); !made)
      return made;
  for (const auto& [id, life] : lives) {
    auto changed
      = in.execute("UPDATE cortex_cache_expiry SET expires_at = ? WHERE id = ?", life.ends_at, id);
    if (!changed)
      return unexpected{std::move(changed).error()};
  }
  return {};
}

/// The table is made here, and again if the write that made it was undone.
expected<void> write_life(storage::transaction& in, const change& what, own_tables tables) {
  if (tables == own_tables::none)
    return {};
  if (auto made = in.execute_script(expiry_schema); !made)
    return made;
  if (what.replaced) {
    auto gone = in.execute("DELETE FROM cortex_cache_expiry WHERE id = ?", *what.replaced);
    if (!gone)
      return unexpected{std::move(gone).error()};
  }
  if (!what.life)
    return {};
  return outcome_of(in.execute("INSERT OR REPLACE INTO cortex_cache_expiry VALUES(?, ?, ?)",
                               what.written.id, what.life->time_to_live, what.life->ends_at));
}

} // namespace

expected<file_content> read_file(storage::snapshot& view) {
  file_content out;
  auto rows = view.query("SELECT id, provider, model, system_hash, prompt, prompt_hash, embedding, "
                         "commands_json, created_at, last_accessed, hit_count "
                         "FROM llm_cache_entries ORDER BY id");
  if (!rows)
    return unexpected{std::move(rows).error()};
  auto read = rows->each([&out](storage::row at) {
    const auto raw = raw_of(at);
    if (auto decoded = decode_row(raw))
      out.rows.push_back(*std::move(decoded));
    else
      out.damaged.push_back(raw.id);
  });
  if (!read)
    return unexpected{std::move(read).error()};
  auto counters
    = view.one<std::int64_t, std::int64_t>("SELECT hits, misses FROM llm_cache_stats WHERE id = 1");
  if (!counters)
    return unexpected{std::move(counters).error()};
  if (*counters)
    std::tie(out.hits, out.misses) = **counters;
  auto last
    = view.one<std::int64_t>("SELECT seq FROM sqlite_sequence WHERE name = 'llm_cache_entries'");
  if (!last)
    return unexpected{std::move(last).error()};
  out.last_id = last->value_or(0);
  if (auto lives = read_lives(view, out); !lives)
    return unexpected{std::move(lives).error()};
  return out;
}

expected<void> each_row(
  storage::snapshot& view, const selection& which,
  const std::function<expected<void>(const raw_row&, std::optional<std::int64_t> ends_at)>& take) {
  auto tables = find_own_tables(view);
  if (!tables)
    return unexpected{std::move(tables).error()};
  std::string sql{columns};
  sql += *tables == own_tables::none ? ", NULL FROM llm_cache_entries AS e"
                                     : ", expires_at FROM llm_cache_entries AS e "
                                       "LEFT JOIN cortex_cache_expiry AS x ON x.id = e.id";
  sql += selected;
  sql += " ORDER BY e.id";
  auto rows
    = bind_selection(which, [&](const auto&... bound) { return view.query(sql, bound...); });
  if (!rows)
    return unexpected{std::move(rows).error()};
  return rows->each([&take](storage::row at) -> expected<void> {
    return take(raw_of(at), at.get<std::optional<std::int64_t>>(11));
  });
}

expected<void> write_change(storage::transaction& in, const change& what, const raw_row& row,
                            own_tables tables) {
  if (auto gone = delete_rows(in, what.expired, tables); !gone)
    return gone;
  const entry& facts = what.written;
  const auto now = text::format_utc(facts.created_at); // a put sets both stamps
  const auto write = [&](std::string_view sql) {
    return outcome_of(in.execute(sql, facts.id, row.provider, row.model, row.system_hash,
                                 row.prompt, row.prompt_hash, bytes_of(what.embedding),
                                 row.commands_json, now, now, facts.hit_count));
  };
  // SQLite keeps a journal for each statement that may replace a row: a quarter of its instructions
  // for a put. A row of the same prompt that memory does not know of is another program's.
  auto inserted = what.replaced ? write(insert_or_replace) : write(insert);
  if (!inserted && inserted.error().code == errc::constraint && !what.replaced)
    inserted = write(insert_or_replace);
  if (!inserted)
    return inserted;
  if (auto lives = write_life(in, what, tables); !lives)
    return lives;
  return delete_rows(in, what.evicted, tables);
}

expected<void> write_accesses(storage::transaction& in, const access_log& log) {
  for (const auto& access : log.accesses) {
    auto updated = in.execute("UPDATE llm_cache_entries SET hit_count = hit_count + ?, "
                              "last_accessed = max(last_accessed, ?) WHERE id = ?",
                              access.hits, text::format_utc(access.last_accessed), access.id);
    if (!updated)
      return unexpected{std::move(updated).error()};
  }
  if (auto changed = write_changed_lives(in, log.lives); !changed)
    return changed;
  if (auto gone = delete_rows(in, log.expired, own_tables::expiry); !gone)
    return gone;
  if (log.hits == 0 && log.misses == 0)
    return {};
  return outcome_of(
    in.execute("UPDATE llm_cache_stats SET hits = hits + ?, misses = misses + ? WHERE id = 1",
               log.hits, log.misses));
}

expected<void> delete_rows(storage::transaction& in, const std::vector<std::int64_t>& ids,
                           own_tables tables) {
  if (tables == own_tables::expiry && !ids.empty())
    if (auto made = in.execute_script(expiry_schema); !made)
      return made;
  for (const auto id : ids) {
    auto gone = in.execute("DELETE FROM llm_cache_entries WHERE id = ?", id);
    if (gone && tables == own_tables::expiry)
      gone = in.execute("DELETE FROM cortex_cache_expiry WHERE id = ?", id);
    if (!gone)
      return unexpected{std::move(gone).error()};
  }
  return {};
}

expected<std::int64_t> delete_selected(storage::transaction& in,
                                       const std::vector<std::int64_t>& ids, const selection& which,
                                       own_tables tables) {
  std::int64_t count = 0;
  for (const auto id : ids) {
    auto gone = in.execute("DELETE FROM llm_cache_entries WHERE id = ?", id);
    if (!gone)
      return unexpected{std::move(gone).error()};
    count += gone->rows;
  }
  // By ids first: memory reads damaged stamps as the earliest, which no comparison of texts does.
  const auto sql = "DELETE FROM llm_cache_entries AS e" + std::string{selected};
  auto others
    = bind_selection(which, [&](const auto&... bound) { return in.execute(sql, bound...); });
  if (!others)
    return unexpected{std::move(others).error()};
  if (tables == own_tables::expiry)
    if (auto cleaned = delete_orphans(in); !cleaned)
      return unexpected{std::move(cleaned).error()};
  return count + others->rows;
}

expected<void> delete_orphans(storage::transaction& in) {
  if (auto made = in.execute_script(expiry_schema); !made)
    return made;
  return outcome_of(in.execute("DELETE FROM cortex_cache_expiry "
                               "WHERE id NOT IN (SELECT id FROM llm_cache_entries)"));
}

} // namespace cortex::semantic_cache
