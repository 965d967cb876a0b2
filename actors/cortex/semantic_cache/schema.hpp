/// The tables of a cache file: as the original makes them, and those of what it does not have.
#pragma once

namespace cortex::semantic_cache {

/// Changes nothing where everything is there. Stays byte for byte compatible with files of the
/// original, whose `user_version` is 0.
inline constexpr const char* base_schema = R"sql(
CREATE TABLE IF NOT EXISTS llm_cache_entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  system_hash TEXT NOT NULL,
  prompt TEXT NOT NULL,
  prompt_hash TEXT NOT NULL,
  embedding BLOB NOT NULL,
  commands_json TEXT NOT NULL,
  created_at TEXT NOT NULL,
  last_accessed TEXT NOT NULL,
  hit_count INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_llm_cache_unique
  ON llm_cache_entries(provider, model, system_hash, prompt_hash);
CREATE INDEX IF NOT EXISTS idx_llm_cache_lru ON llm_cache_entries(last_accessed);
CREATE TABLE IF NOT EXISTS llm_cache_stats (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  hits INTEGER NOT NULL DEFAULT 0,
  misses INTEGER NOT NULL DEFAULT 0
);
INSERT OR IGNORE INTO llm_cache_stats(id, hits, misses) VALUES (1, 0, 0);
)sql";

/// Made by the first put that has a time to live. The original knows nothing of it: a row that it
/// deletes or replaces leaves one here, which is removed when the file is read again; ids are never
/// used twice, so it belongs to no other row meanwhile.
inline constexpr const char* expiry_schema
  = "CREATE TABLE IF NOT EXISTS cortex_cache_expiry (\n"
    "  id INTEGER PRIMARY KEY,\n"        // of a row in llm_cache_entries
    "  time_to_live INTEGER NOT NULL,\n" // seconds
    "  expires_at INTEGER NOT NULL\n"    // seconds since 1970
    ")";

} // namespace cortex::semantic_cache
