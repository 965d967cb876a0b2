/// The tables of a file of pools, as the original makes them.
#pragma once

namespace cortex::kv_cache {

/// Changes nothing where everything is there. The text is kept in the file, so it is the original's
/// to the blank.
inline constexpr const char* base_schema
  = "CREATE TABLE IF NOT EXISTS pools (name TEXT PRIMARY KEY, config TEXT, shm_name TEXT);\n"
    "CREATE TABLE IF NOT EXISTS entries (seq_id INTEGER, pool TEXT, created REAL, accessed REAL,\n"
    "                    count INTEGER, tokens INTEGER, size INTEGER, offset INTEGER, "
    "PRIMARY KEY(seq_id, pool));\n"
    "CREATE TABLE IF NOT EXISTS stats (pool TEXT PRIMARY KEY, hits INTEGER DEFAULT 0, "
    "misses INTEGER DEFAULT 0);\n";

} // namespace cortex::kv_cache
