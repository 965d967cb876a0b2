/// Which known word a mistyped one may mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::config_manager {

/// The known word that is at most two steps away, the nearest one; a step is a letter added, left
/// out, replaced, or exchanged with its neighbour. Nothing for words of more than 64 bytes, and
/// where as many letters would change as there are. Thread-safe.
[[nodiscard]] std::optional<std::string> meant_word(std::string_view word,
                                                    const std::vector<std::string>& known);

/// `unknown key 'preferencse', did you mean 'preferences'?`
[[nodiscard]] std::string unknown_key(std::string_view key, const std::vector<std::string>& known);

} // namespace cortex::config_manager
