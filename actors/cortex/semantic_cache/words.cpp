#include "cortex/semantic_cache/words.hpp"

#include "cortex/text/unicode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace cortex::semantic_cache {
namespace {

constexpr bool joins_words(char32_t code_point) noexcept {
  return code_point == '-' || code_point == '_' || code_point == '.';
}

/// Says of each ASCII byte whether it belongs to a word.
constexpr auto ascii_word_bytes = [] {
  std::array<bool, 0x80> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    const auto code_point = static_cast<char32_t>(byte);
    table[byte] = text::is_alnum(code_point) || joins_words(code_point);
  }
  return table;
}();

/// The position of the first byte from `at` on that is (`wanted`) or is not part of a word.
std::size_t find_word_byte(std::string_view lowered, std::size_t at, bool wanted) noexcept {
  while (at < lowered.size()) {
    const auto byte = static_cast<unsigned char>(lowered[at]);
    if (byte < ascii_word_bytes.size()) {
      if (ascii_word_bytes[byte] == wanted)
        return at;
      ++at;
      continue;
    }
    const auto next = text::decode(lowered, at);
    if ((next.valid && text::is_alnum(next.code_point)) == wanted)
      return at;
    at += next.length;
  }
  return at;
}

} // namespace

std::span<const std::string_view> word_splitter::split(std::string_view prompt) {
  lowered_.clear();
  words_.clear();
  text::append_lower(lowered_, prompt);

  const std::string_view lowered = lowered_;
  std::size_t begin = find_word_byte(lowered, 0, true);
  while (begin < lowered.size()) {
    const std::size_t end = find_word_byte(lowered, begin, false);
    words_.push_back(lowered.substr(begin, end - begin));
    begin = find_word_byte(lowered, end, true);
  }
  return words_;
}

} // namespace cortex::semantic_cache
