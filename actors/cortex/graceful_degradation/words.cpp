#include "cortex/graceful_degradation/words.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>

namespace cortex::graceful_degradation {

std::vector<std::string_view> words_of(std::string_view normalized) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    const auto word = normalized.substr(begin, end - begin);
    if (!word.empty())
      words.push_back(word);
  };
  for (std::size_t at = 0; at < normalized.size();) {
    const auto next = text::decode(normalized, at);
    if (text::is_space(next.code_point)) {
      end_word(at);
      begin = at + next.length;
    }
    at += next.length;
  }
  end_word(normalized.size());
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

bool mostly_common(std::string_view left, std::string_view right) {
  const auto one = words_of(left);
  const auto other = words_of(right);
  std::vector<std::string_view> common;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(),
                        std::back_inserter(common));
  const auto all = one.size() + other.size() - common.size();
  return all != 0 && common.size() * 10 >= all * 6;
}

word_index::word_list word_index::insert(std::string_view normalized, const entry* of) {
  word_list words;
  for (const auto word : words_of(normalized)) {
    auto found = postings_.find(word);
    if (found == postings_.end())
      found = postings_.emplace(std::string{word}, posting{}).first;
    found->second.insert(of);
    words.push_back(&found->second);
  }
  return words;
}

void word_index::erase(std::string_view normalized, const entry* of) {
  for (const auto word : words_of(normalized)) {
    const auto found = postings_.find(word);
    if (found == postings_.end())
      continue;
    found->second.erase(of);
    if (found->second.empty())
      postings_.erase(found);
  }
}

word_index::word_list word_index::find(std::string_view normalized) const {
  word_list words;
  for (const auto word : words_of(normalized))
    if (const auto found = postings_.find(word); found != postings_.end())
      words.push_back(&found->second);
  return words;
}

} // namespace cortex::graceful_degradation
