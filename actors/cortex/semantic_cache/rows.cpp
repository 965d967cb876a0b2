#include "cortex/semantic_cache/rows.hpp"

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
  return out;
}

expected<void> write_change(storage::transaction& in, const change& what, const raw_row& row) {
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
  return delete_rows(in, what.evicted);
}

expected<void> write_accesses(storage::transaction& in, const access_log& log) {
  for (const auto& access : log.accesses) {
    auto updated = in.execute("UPDATE llm_cache_entries SET hit_count = hit_count + ?, "
                              "last_accessed = max(last_accessed, ?) WHERE id = ?",
                              access.hits, text::format_utc(access.last_accessed), access.id);
    if (!updated)
      return unexpected{std::move(updated).error()};
  }
  if (log.hits == 0 && log.misses == 0)
    return {};
  return outcome_of(
    in.execute("UPDATE llm_cache_stats SET hits = hits + ?, misses = misses + ? WHERE id = 1",
               log.hits, log.misses));
}

expected<void> delete_rows(storage::transaction& in, const std::vector<std::int64_t>& ids) {
  for (const auto id : ids)
    if (auto gone = in.execute("DELETE FROM llm_cache_entries WHERE id = ?", id); !gone)
      return unexpected{std::move(gone).error()};
  return {};
}

} // namespace cortex::semantic_cache
