/// The words of queries: what they are, which entries have them, how much two queries share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cortex::graceful_degradation {

/// The different pieces of a text between white space, in order. The text is in lower case already
/// and must outlive them.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view normalized);

/// True if six tenths of all words of both texts are common. Texts as for `words_of`.
[[nodiscard]] bool mostly_common(std::string_view left, std::string_view right);

struct entry;

/// Which entries have which word. Knows words of entries only. *Owned by one actor*.
class word_index {
public:
  /// Those that have one word.
  using posting = std::unordered_set<const entry*>;
  /// The words of one entry; valid until it is erased.
  using word_list = std::vector<const posting*>;

  [[nodiscard]] word_list insert(std::string_view normalized, const entry* of);
  void erase(std::string_view normalized, const entry* of);
  /// The words of a query that some entry has, each once.
  [[nodiscard]] word_list find(std::string_view normalized) const;
  void clear() noexcept { postings_.clear(); }

private:
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const noexcept {
      return std::hash<std::string_view>{}(word);
    }
  };
  std::unordered_map<std::string, posting, hash, std::equal_to<>> postings_;
};

} // namespace cortex::graceful_degradation
