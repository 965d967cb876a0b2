// What people and tools ask an entry table: which entries there are, and why one answers.
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/semantic_cache/guard.hpp"

#include <algorithm>

namespace cortex::semantic_cache {
namespace {

constexpr std::size_t most_refused = 16; // told by one explanation

std::chrono::sys_seconds at(std::int64_t seconds) noexcept {
  return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

} // namespace

remembered entry_table::describe(const record& item, std::int64_t now) const {
  const entry& facts = item.facts;
  remembered out;
  out.id = facts.id;
  out.provider = facts.home.provider;
  out.model = facts.home.model;
  out.system_hash = facts.home.system_hash;
  out.prompt = facts.prompt;
  out.commands = facts.commands;
  out.created_at = at(facts.created_at);
  out.last_accessed = at(facts.last_accessed);
  out.age = std::chrono::seconds{std::max<std::int64_t>(now - facts.created_at, 0)};
  if (const auto left = lives_.left(facts.id, now))
    out.time_left = std::chrono::seconds{*left};
  out.hit_count = facts.hit_count;
  out.bytes = item.bytes;
  return out;
}

explanation entry_table::explain(const question& asked, const near_rule& rule, std::int64_t now) {
  expire(now);
  explanation out;
  out.threshold = rule.threshold;
  scope_index* home = find_scope(asked);
  if (home == nullptr)
    return out;
  if (const record* same = home->find(asked.prompt_hash)) {
    out.kind = match::exact;
    out.answer = candidate{describe(*same, now), 1.0, {}};
    return out;
  }

  const auto ranked = home->rank(embedder_.embed(asked.prompt), rule.limit(), scores_);
  out.compared = ranked.size();
  const decisive_words wanted{asked.prompt};
  for (const auto& each : ranked) {
    const bool near_enough = each.similarity >= rule.threshold;
    if (near_enough && out.answer)
      continue;
    candidate told{describe(*each.found, now), each.similarity, {}};
    if (!near_enough) {
      out.below = std::move(told);
      break;
    }
    if (rule.guard)
      told.refusal = wanted.differs_from(decisive_words{each.found->facts.prompt}).value_or("");
    if (told.refusal.empty()) {
      out.kind = match::near;
      out.answer = std::move(told);
    } else if (out.refused.size() < most_refused) {
      out.refused.push_back(std::move(told));
    }
  }
  return out;
}

std::vector<const record*> entry_table::select(const selection& which, std::int64_t after) const {
  std::vector<const record*> chosen;
  for (const auto& [id, item] : records_)
    if (id > after && which.matches(item.facts))
      chosen.push_back(&item);
  return chosen;
}

page entry_table::list(const selection& which, std::int64_t after, std::size_t limit,
                       std::int64_t now) {
  expire(now);
  auto chosen = select(which, after);
  const auto shown = std::min(limit, chosen.size());
  std::ranges::partial_sort(chosen, chosen.begin() + static_cast<std::ptrdiff_t>(shown), {},
                            [](const record* item) { return item->facts.id; });
  page out;
  out.entries.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i)
    out.entries.push_back(describe(*chosen[i], now));
  if (shown < chosen.size() && shown > 0)
    out.next = out.entries.back().id;
  return out;
}

std::vector<std::int64_t> entry_table::erase_all(const selection& which) {
  std::vector<std::int64_t> ids;
  for (const record* item : select(which, std::numeric_limits<std::int64_t>::min()))
    ids.push_back(item->facts.id);
  std::ranges::sort(ids);
  for (const auto id : ids)
    erase(id);
  return ids;
}

} // namespace cortex::semantic_cache
