/// The tables of a memory's file: as the original makes them, and those of what it does not have.
#pragma once

namespace cortex::context_memory {

/// Changes nothing where everything is there. The texts, blanks included, are those of files of the
/// original, whose `user_version` is 0.
inline constexpr const char* base_schema = R"sql(
CREATE TABLE IF NOT EXISTS memory_entries (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    timestamp TEXT NOT NULL,
                    category TEXT NOT NULL,
                    context TEXT,
                    action TEXT NOT NULL,
                    result TEXT,
                    success BOOLEAN DEFAULT 1,
                    confidence REAL DEFAULT 1.0,
                    frequency INTEGER DEFAULT 1,
                    metadata TEXT,
                    created_at TEXT DEFAULT CURRENT_TIMESTAMP
                );
CREATE TABLE IF NOT EXISTS patterns (
                    pattern_id TEXT PRIMARY KEY,
                    pattern_type TEXT NOT NULL,
                    description TEXT,
                    frequency INTEGER DEFAULT 1,
                    last_seen TEXT,
                    confidence REAL DEFAULT 0.0,
                    actions TEXT,
                    context TEXT,
                    created_at TEXT DEFAULT CURRENT_TIMESTAMP
                );
CREATE TABLE IF NOT EXISTS suggestions (
                    suggestion_id TEXT PRIMARY KEY,
                    suggestion_type TEXT NOT NULL,
                    title TEXT NOT NULL,
                    description TEXT,
                    confidence REAL DEFAULT 0.0,
                    based_on TEXT,
                    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
                    dismissed BOOLEAN DEFAULT 0
                );
CREATE TABLE IF NOT EXISTS preferences (
                    key TEXT PRIMARY KEY,
                    value TEXT,
                    category TEXT,
                    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
                );
CREATE INDEX IF NOT EXISTS idx_memory_category ON memory_entries(category);
CREATE INDEX IF NOT EXISTS idx_memory_timestamp ON memory_entries(timestamp);
CREATE INDEX IF NOT EXISTS idx_patterns_type ON patterns(pattern_type);
CREATE INDEX IF NOT EXISTS idx_suggestions_type ON suggestions(suggestion_type);
)sql";

/// Made by the first dismissal. What a suggestion says, whatever the day: its id holds the date.
inline constexpr const char* dismissed_schema
  = "CREATE TABLE IF NOT EXISTS cortex_context_memory_dismissed (\n"
    "  kind TEXT NOT NULL,\n"       // optimization, alternative, proactive
    "  identifier TEXT NOT NULL,\n" // an action, of a proactive one a pattern's id
    "  dismissed_at TEXT NOT NULL,\n"
    "  PRIMARY KEY (kind, identifier)\n"
    ") WITHOUT ROWID;\n";

} // namespace cortex::context_memory
