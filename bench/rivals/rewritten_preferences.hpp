/// What a program does that has a mutex and writes its preferences whole.
#pragma once

#include "config.hpp"

namespace cortex::bench {

/// A mutex around load, change and save: temporary file, fsync, rename, fsync of the folder. For
/// one process only.
[[nodiscard]] std::unique_ptr<preference_store>
open_synced_preferences(const preference_setting& where);
/// The same, but the file is written in its place and not flushed, as the original's: a crash can
/// leave it empty. The original has no mutex around the three steps and loses keys.
[[nodiscard]] std::unique_ptr<preference_store>
open_in_place_preferences(const preference_setting& where);

} // namespace cortex::bench
