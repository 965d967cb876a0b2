/// The table of a response cache, as the original makes it.
#pragma once

namespace cortex::graceful_degradation {

/// Changes nothing where everything is there. The blanks are those of the original: SQLite keeps
/// the text, and tools compare it.
inline constexpr const char* base_schema = R"sql(
CREATE TABLE IF NOT EXISTS response_cache (
                    query_hash TEXT PRIMARY KEY,
                    query TEXT NOT NULL,
                    response TEXT NOT NULL,
                    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                    hit_count INTEGER DEFAULT 0,
                    last_used TIMESTAMP
                );
CREATE INDEX IF NOT EXISTS idx_last_used
                ON response_cache(last_used)
            ;
)sql";

} // namespace cortex::graceful_degradation
