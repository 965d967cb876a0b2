/// The tables of a profile file: as the original makes it, and that of what it does not have.
#pragma once

namespace cortex::accelerator_limits {

/// Changes nothing where everything is there.
inline constexpr const char* base_schema
  = "CREATE TABLE IF NOT EXISTS profiles (name TEXT PRIMARY KEY, config TEXT);";

/// Made by the first profile that has one of these. The original knows nothing of it: a line counts
/// only as long as the row has the text that it was written with, and goes when the file is read
/// again.
inline constexpr const char* extra_schema
  = "CREATE TABLE IF NOT EXISTS cortex_accelerator_limits_extra (\n"
    "  name TEXT PRIMARY KEY NOT NULL,\n" // of a row in profiles
    "  config TEXT NOT NULL,\n"           // of that row
    "  gpu_share INTEGER,\n"              // percent; NULL = all
    "  memory_high INTEGER\n"             // bytes; NULL = none
    ")";

} // namespace cortex::accelerator_limits
