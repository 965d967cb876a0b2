/// Secrets in texts: found by what they look like, replaced before they are stored.
#pragma once

#include "cortex/json.hpp"

#include <string>
#include <string_view>

namespace cortex::text {

/// The text with `[redacted]` in place of each of these, found from left to right:
/// - keys: `sk`, `ghp`, `gho`, `xoxb` or `xoxp`, then `-` or `_`, then 16 or more characters up to
///   white space, unless a letter or digit stands before them; `AKIA` and 16 of `A-Z0-9`;
/// - passwords in commands: `--password`, `=` or a blank, and what follows up to white space;
/// - assignments: `PASSWORD=`, `TOKEN=`, `SECRET=` or `API_KEY=`, also at the end of a longer name,
///   and what follows up to white space;
/// - `user:password` in an address, between `://` and `@`.
///
/// Linear in the length of the text. Thread-safe.
[[nodiscard]] std::string redacted(std::string_view text);

/// The same for all texts in a value; the keys of objects stay. Thread-safe.
void redact(json& value);

} // namespace cortex::text
