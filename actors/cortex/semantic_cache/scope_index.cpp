#include "cortex/semantic_cache/scope_index.hpp"

#include <algorithm>
#include <utility>

namespace cortex::semantic_cache {
namespace {

// Scoring a column of neighbours is that much faster than picking single slots out of it: measured
// with 200 and 500 entries.
constexpr std::size_t gather_cost = 2;

} // namespace

record* scope_index::find(const text::sha256_digest& prompt_hash) const {
  const auto found = by_prompt_.find(prompt_hash);
  return found != by_prompt_.end() ? found->second : nullptr;
}

void scope_index::insert(record& item, const sparse_embedding& vector) {
  item.home = this;
  item.slot = static_cast<std::uint32_t>(by_slot_.size());
  by_slot_.push_back(&item);
  vectors_.insert(vector);
  by_prompt_.emplace(item.facts.prompt_hash, &item);
  order_.insert(&item);
  newest_.clear();
}

void scope_index::erase(record& item) {
  order_.erase(&item);
  by_prompt_.erase(item.facts.prompt_hash);
  vectors_.erase(item.slot);
  by_slot_[item.slot] = by_slot_.back();
  by_slot_[item.slot]->slot = item.slot;
  by_slot_.pop_back();
  newest_.clear();
}

void scope_index::touch(record& item, std::int64_t now) {
  auto node = order_.extract(&item);
  item.facts.last_accessed = now;
  order_.insert(order_.begin(), std::move(node));
  newest_.clear();
}

nearest scope_index::find_nearest(const sparse_embedding& query, std::size_t limit,
                                  std::vector<double>& scores) {
  if (limit >= size()) {
    const double greatest = vectors_.score_all(query, scores);
    return {first_with(greatest, scores), greatest};
  }

  const auto slots = newest(limit);
  const bool score_all = size() <= limit * gather_cost;
  if (score_all)
    vectors_.score_all(query, scores);
  else
    vectors_.score_some(query, slots, scores);

  nearest best;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const double score = scores[score_all ? slots[i] : i];
    if (best.found == nullptr || score > best.similarity)
      best = {by_slot_[slots[i]], score};
  }
  return best;
}

std::vector<nearest> scope_index::rank(const sparse_embedding& query, std::size_t limit,
                                       std::vector<double>& scores) {
  const auto slots = newest(std::min(limit, size()));
  vectors_.score_some(query, slots, scores);
  std::vector<nearest> ranked;
  ranked.reserve(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i)
    ranked.push_back({by_slot_[slots[i]], scores[i]});
  std::ranges::stable_sort(ranked, std::ranges::greater{}, &nearest::similarity);
  return ranked;
}

record* scope_index::first_with(double similarity, std::span<const double> scores) const {
  record* first = nullptr;
  for (std::size_t slot = 0; slot < scores.size(); ++slot)
    if (scores[slot] == similarity && (first == nullptr || newest_first{}(by_slot_[slot], first)))
      first = by_slot_[slot];
  return first;
}

std::span<const std::uint32_t> scope_index::newest(std::size_t count) {
  if (newest_.size() != count) {
    newest_.clear();
    for (const record* item : order_) {
      if (newest_.size() == count)
        break;
      newest_.push_back(item->slot);
    }
  }
  return newest_;
}

} // namespace cortex::semantic_cache
