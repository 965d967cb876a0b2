#include "cortex/context_memory/keywords.hpp"

#include <algorithm>
#include <array>

namespace cortex::context_memory {
namespace {

constexpr std::array<std::string_view, 13> common_words{"the", "a",  "an", "and", "or", "but", "in",
                                                        "on",  "at", "to", "for", "of", "with"};

bool has_three_code_points(std::string_view word) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at < word.size() && count < 3; ++count)
    at += text::decode(word, at).length;
  return count == 3;
}

} // namespace

bool is_ignored(std::string_view word) noexcept {
  return !has_three_code_points(word)
         || std::ranges::find(common_words, word) != common_words.end();
}

std::vector<std::string> keywords(std::string_view text) {
  const auto lowered = text::to_lower(text);
  std::vector<std::string> out;
  each_word(lowered, [&out](std::string_view word) {
    if (!is_ignored(word))
      out.emplace_back(word);
  });
  return out;
}

} // namespace cortex::context_memory
