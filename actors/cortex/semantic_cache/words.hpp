/// The words of a prompt, as the built-in embedding counts them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::semantic_cache {

/// Splits prompts into words and keeps its memory from one prompt to the next. *Not thread-safe*.
class word_splitter {
public:
  /// The lower-cased words in their order, with repetitions. A word is a longest run of letters,
  /// numbers, `-`, `_` and `.`; everything else separates, also bytes that are no UTF-8.
  /// The views hold until the next call. Linear in the prompt's length.
  [[nodiscard]] std::span<const std::string_view> split(std::string_view prompt);

private:
  std::string lowered_;
  std::vector<std::string_view> words_; // views into lowered_
};

} // namespace cortex::semantic_cache
