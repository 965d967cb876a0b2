/// Tells prompts apart that differ in a decisive word, however alike their bags of words are.
#pragma once

#include "cortex/semantic_cache/guard_words.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::semantic_cache {

/// What of a prompt must be the same in another one for both to have the same answer. Six things
/// are looked at, and nothing else:
///
/// - numbers, with versions and units (`3.11`, `v2`, `10 GB`, `two`), in their order;
/// - paths, file names and addresses (`/etc/hosts`, `notes.txt`), in their order;
/// - flags (`-r`, `--force`), in any order;
/// - names in quotation marks: each must stand in the other prompt as well, quoted or not;
/// - negations with the word that they turn round (`not delete`, `without root`), in any order;
/// - opposites (`start` and `stop`, `root` and `non-root`): one prompt has one side, the other one
///   the other side or both.
///
/// The words are English ones, in any inflection and case. It errs to the side of a difference: a
/// false one costs an answer that is asked for again. *Immutable after construction*.
class decisive_words {
public:
  /// Linear in the prompt's length.
  /// @pre `prompt` is valid UTF-8 and outlives this
  explicit decisive_words(std::string_view prompt);

  /// How a remembered prompt differs from this one, for people; nothing if it does not.
  [[nodiscard]] std::optional<std::string> differs_from(const decisive_words& remembered) const;

private:
  friend class decisive_word_reader;
  struct sided_word {
    side on;
    std::string word;
  };
  [[nodiscard]] std::optional<std::string> misses_quoted(const decisive_words& other) const;
  [[nodiscard]] std::optional<std::string> opposes(const decisive_words& other) const;
  [[nodiscard]] std::optional<std::string> reverses(const decisive_words& other) const;

  std::string_view prompt_;
  std::vector<std::string> numbers_;
  std::vector<std::string> paths_;
  std::vector<std::string> flags_;   // sorted
  std::vector<std::string> negated_; // sorted
  std::vector<std::string_view> quoted_;
  std::vector<sided_word> sides_;
  std::vector<std::string> words_; // sorted, each once
};

/// The same for two prompts.
[[nodiscard]] inline std::optional<std::string> decisive_difference(std::string_view asked,
                                                                    std::string_view remembered) {
  return decisive_words{asked}.differs_from(decisive_words{remembered});
}

} // namespace cortex::semantic_cache
