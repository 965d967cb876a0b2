#include "cortex/context_memory/word_index.hpp"

#include "cortex/context_memory/keywords.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace cortex::context_memory {
namespace {

constexpr std::size_t trigram_bytes = 3;

std::uint32_t trigram_at(std::string_view text, std::size_t at) noexcept {
  const auto byte
    = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(text[at + i])}; };
  return byte(0) << 16U | byte(1) << 8U | byte(2);
}

/// There are many short lists, and few long ones: those keep their room to grow.
void give_back_room(std::vector<std::uint32_t>& list) {
  constexpr std::size_t short_list = 1024;
  if (list.size() < short_list)
    list.shrink_to_fit();
}

} // namespace

std::size_t word_index::hash_word::operator()(std::string_view text) const noexcept {
  return std::hash<std::string_view>{}(text);
}
std::size_t word_index::hash_word::operator()(word_number number) const noexcept {
  return std::hash<std::string_view>{}(of->text_of(number));
}
bool word_index::same_word::operator()(std::string_view left, word_number right) const noexcept {
  return left == of->text_of(right);
}
bool word_index::same_word::operator()(word_number left, std::string_view right) const noexcept {
  return of->text_of(left) == right;
}

word_index::word_index(const slot_order& order)
  : order_(order), numbers_(0, hash_word{this}, same_word{this}) {}

void word_index::insert(slot entry, std::string_view context, std::string_view action) {
  const auto older = [this](slot left, slot right) { return order_.older(left, right); };
  each_distinct(context, action, [&](word_number number) {
    auto& of = words_[number];
    if (of.newest == gone || older(of.newest, entry))
      of.entries.push_back(entry);
    else
      of.entries.insert(std::lower_bound(of.entries.begin(), of.entries.end(), entry, older),
                        entry);
    of.newest = of.entries.back();
  });
}

void word_index::append(slot entry, std::string_view context, std::string_view action) {
  each_distinct(context, action,
                [&](word_number number) { words_[number].entries.push_back(entry); });
}

void word_index::sort() {
  const auto older = [this](slot left, slot right) { return order_.older(left, right); };
  for (auto& each : words_) {
    auto& entries = each.entries;
    if (!std::is_sorted(entries.begin(), entries.end(), older))
      std::sort(entries.begin(), entries.end(), older);
    each.newest = entries.empty() ? gone : entries.back();
    give_back_room(entries);
  }
  for (auto& [key, numbers] : by_trigram_)
    give_back_room(numbers);
}

std::vector<slot> word_index::newest(std::string_view part, std::size_t limit,
                                     const std::function<bool(slot)>& lives) const {
  const auto* numbers = candidates(part);
  if (numbers == nullptr || limit == 0)
    return {};
  const auto newer = [this](slot left, slot right) { return order_.older(right, left); };
  std::set<slot, decltype(newer)> best{newer};
  const auto is_too_old
    = [&](slot entry) { return best.size() == limit && !newer(entry, *best.rbegin()); };
  // The newest words first: they fill the list with new entries, which most others cannot enter.
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    const auto& facts = words_[*number];
    if (facts.newest == gone || is_too_old(facts.newest)
        || text_of(*number).find(part) == std::string_view::npos)
      continue;
    for (auto entry = facts.entries.rbegin(); entry != facts.entries.rend(); ++entry) {
      if (is_too_old(*entry))
        break;
      if (!lives(*entry))
        continue;
      best.insert(*entry);
      if (best.size() > limit)
        best.erase(std::prev(best.end()));
    }
  }
  return {best.begin(), best.end()};
}

// Words that no entry holds any more stay: as a rule they come again.
void word_index::rename(const std::vector<slot>& names) {
  for (auto& each : words_) {
    auto& entries = each.entries;
    std::erase_if(entries, [&](slot entry) { return names[entry] == gone; });
    for (auto& entry : entries)
      entry = names[entry];
    each.newest = entries.empty() ? gone : entries.back();
    give_back_room(entries);
  }
}

std::string_view word_index::text_of(word_number number) const noexcept {
  const auto& at = words_[number];
  return std::string_view{letters_}.substr(at.begin, at.length);
}

word_index::word_number word_index::number_of(std::string_view text) {
  if (const auto known = numbers_.find(text); known != numbers_.end())
    return *known;
  const auto number = static_cast<word_number>(words_.size());
  words_.push_back({letters_.size(), static_cast<std::uint32_t>(text.size()), {}});
  letters_ += text;
  numbers_.insert(number);
  add_trigrams(number);
  return number;
}

void word_index::add_trigrams(word_number number) {
  const auto text = text_of(number);
  for (std::size_t at = 0; at + trigram_bytes <= text.size(); ++at) {
    auto& numbers = by_trigram_[trigram_at(text, at)];
    if (numbers.empty() || numbers.back() != number)
      numbers.push_back(number);
  }
}

template <class Add>
void word_index::each_distinct(std::string_view context, std::string_view action, Add add) {
  scratch_.clear();
  for (const auto text : {context, action})
    each_word(text::to_lower(text), [&](std::string_view word) {
      if (!is_ignored(word) || word.size() > trigram_bytes) // "wit" is in "with"
        scratch_.push_back(number_of(word));
    });
  std::sort(scratch_.begin(), scratch_.end());
  scratch_.erase(std::unique(scratch_.begin(), scratch_.end()), scratch_.end());
  for (const auto number : scratch_)
    add(number);
}

/// The words that share the rarest trigram of the text.
const std::vector<word_index::word_number>* word_index::candidates(std::string_view part) const {
  const std::vector<word_number>* fewest = nullptr;
  for (std::size_t at = 0; at + trigram_bytes <= part.size(); ++at) {
    const auto found = by_trigram_.find(trigram_at(part, at));
    if (found == by_trigram_.end())
      return nullptr;
    if (fewest == nullptr || found->second.size() < fewest->size())
      fewest = &found->second;
  }
  return fewest;
}

} // namespace cortex::context_memory
