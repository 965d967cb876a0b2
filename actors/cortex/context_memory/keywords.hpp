/// The words of texts, and which of them a search looks for.
///
/// All functions are *thread-safe*.
#pragma once

#include "cortex/text/unicode.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::context_memory {

/// Calls `take` with each maximal run of letters, digits and `_`, in order.
template <class Take>
void each_word(std::string_view text, Take take) {
  const auto belongs = [](const text::decoded& next) {
    return next.valid && (next.code_point == '_' || text::is_alnum(next.code_point));
  };
  std::size_t at = 0;
  while (at < text.size()) {
    auto next = text::decode(text, at);
    if (!belongs(next)) {
      at += next.length;
      continue;
    }
    const auto begin = at;
    do {
      at += next.length;
      if (at == text.size())
        break;
      next = text::decode(text, at);
    } while (belongs(next));
    take(text.substr(begin, at - begin));
  }
}

/// True for words that no search looks for: of one or two code points, and the commonest ones.
[[nodiscard]] bool is_ignored(std::string_view word) noexcept;

/// The words of a text in lower case, without those that are ignored; order and repetitions stay.
[[nodiscard]] std::vector<std::string> keywords(std::string_view text);

} // namespace cortex::context_memory
