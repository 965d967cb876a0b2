/// Which entries hold a word that contains a text: the index behind `similar`.
#pragma once

#include "cortex/context_memory/slot_order.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cortex::context_memory {

/// Each word is kept once, with the slots whose texts hold it, in the order of the entries: oldest
/// first. Words that contain a text are found by their trigrams. So a search costs what the words
/// cost that share the text's rarest trigram, not what the entries cost.
///
/// Takes about 150 bytes for each word, by measurement, and 4 bytes for each entry that
/// holds it. *Not thread-safe*.
class word_index {
public:
  static constexpr slot gone = 0xffff'ffff;

  /// @param order of the slots; must live as long as this
  explicit word_index(const slot_order& order);
  word_index(const word_index&) = delete;
  word_index& operator=(const word_index&) = delete;

  /// Adds the words of an entry's texts, but for those that no search looks for. An entry that is
  /// the newest costs nothing but its words; others are put in their place.
  void insert(slot entry, std::string_view context, std::string_view action);
  /// The same without the order, for many entries; call `sort` behind the last.
  void append(slot entry, std::string_view context, std::string_view action);
  void sort();

  /// The newest entries with a word that contains the text, newest first, `limit` at most, of those
  /// that `lives` accepts. @pre the text has three code points or more, all of words
  [[nodiscard]] std::vector<slot> newest(std::string_view part, std::size_t limit,
                                         const std::function<bool(slot)>& lives) const;

  /// Renames all slots: entry i becomes `names[i]`; those that are `gone` leave.
  void rename(const std::vector<slot>& names);

  [[nodiscard]] std::size_t words() const noexcept { return words_.size(); }

private:
  using word_number = std::uint32_t;
  struct word_facts {
    std::size_t begin = 0; ///< In `letters_`.
    std::uint32_t length = 0;
    slot newest = gone; ///< The last of `entries`; `gone` if there is none.
    std::vector<slot> entries{};
  };
  struct hash_word {
    using is_transparent = void;
    const word_index* of;
    std::size_t operator()(std::string_view text) const noexcept;
    std::size_t operator()(word_number number) const noexcept;
  };
  struct same_word {
    using is_transparent = void;
    const word_index* of;
    bool operator()(word_number left, word_number right) const noexcept { return left == right; }
    bool operator()(std::string_view left, word_number right) const noexcept;
    bool operator()(word_number left, std::string_view right) const noexcept;
  };
  using trigram = std::uint32_t;

  [[nodiscard]] std::string_view text_of(word_number number) const noexcept;
  word_number number_of(std::string_view text);
  void add_trigrams(word_number number);
  template <class Add>
  void each_distinct(std::string_view context, std::string_view action, Add add);
  [[nodiscard]] const std::vector<word_number>* candidates(std::string_view part) const;

  const slot_order& order_;
  std::string letters_; // of all words, one behind the other
  std::vector<word_facts> words_;
  std::unordered_set<word_number, hash_word, same_word> numbers_;
  std::unordered_map<trigram, std::vector<word_number>> by_trigram_; // ascending
  std::vector<word_number> scratch_;
};

} // namespace cortex::context_memory
