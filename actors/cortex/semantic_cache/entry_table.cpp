#include "cortex/semantic_cache/entry_table.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace cortex::semantic_cache {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

/// Counters come from a file that anybody may have written: they stop at the end of their type.
void add(std::int64_t& counter, std::int64_t amount) noexcept {
  if (__builtin_add_overflow(counter, amount, &counter))
    counter = amount > 0 ? largest : std::numeric_limits<std::int64_t>::min();
}

std::size_t limit_of(const near_rule& rule) noexcept {
  return rule.candidate_limit < 0 ? std::numeric_limits<std::size_t>::max()
                                  : static_cast<std::size_t>(rule.candidate_limit);
}

} // namespace

std::size_t entry_table::scope_hash::operator()(const scope_view& key) const noexcept {
  const std::hash<std::string_view> hash;
  constexpr std::size_t odd = 0x9e3779b97f4a7c15U; // 2^64 over the golden ratio: spreads the bits
  const std::size_t names = hash(key.provider) * odd ^ hash(key.model);
  return names * odd ^ text::digest_hash{}(key.system_hash);
}

std::size_t entry_table::scope_hash::operator()(const scope& key) const noexcept {
  return (*this)(scope_view{key.provider, key.model, key.system_hash});
}

bool entry_table::scope_equal::operator()(const scope_view& left,
                                          const scope& right) const noexcept {
  return left.provider == right.provider && left.model == right.model
         && left.system_hash == right.system_hash;
}

bool entry_table::oldest_first::operator()(const record* left, const record* right) const noexcept {
  if (left->facts.last_accessed != right->facts.last_accessed)
    return left->facts.last_accessed < right->facts.last_accessed;
  return left->facts.id < right->facts.id;
}

expected<void> entry_table::load(const decoded_row& row) {
  const entry& facts = row.facts;
  const auto home = scopes_.find(facts.home);
  const bool known_prompt = home != scopes_.end()
                            && home->second.find(facts.prompt_hash) != nullptr;
  if (known_prompt || records_.contains(facts.id))
    return fail(errc::already_exists, "row " + std::to_string(facts.id) + " is there twice");
  last_id_ = std::max(last_id_, facts.id);
  insert(facts, sparse_embedding{row.vector});
  return {};
}

void entry_table::load_counters(std::int64_t hits, std::int64_t misses,
                                std::int64_t last_id) noexcept {
  hits_ = hits;
  misses_ = misses;
  last_id_ = std::max(last_id_, last_id);
}

void entry_table::clear() noexcept {
  oldest_.clear();
  scopes_.clear();
  records_.clear();
  dirty_ids_.clear();
  last_id_ = hits_ = misses_ = pending_hits_ = pending_misses_ = 0;
}

answer entry_table::lookup(const question& asked, const near_rule& rule, std::int64_t now) {
  scope_index* home = find_scope(asked);
  if (home == nullptr)
    return miss(0.0);
  if (record* same = home->find(asked.prompt_hash))
    return hit(*same, match::exact, 1.0, now);

  const std::size_t limit = limit_of(rule);
  if (limit == 0)
    return miss(0.0);
  const auto best = home->find_nearest(embedder_.embed(asked.prompt), limit, scores_);
  return best.similarity >= rule.threshold ? hit(*best.found, match::near, best.similarity, now)
                                           : miss(best.similarity);
}

expected<change> entry_table::put(const question& asked, command_list commands,
                                  std::int64_t max_entries, std::int64_t now) {
  if (last_id_ == largest)
    return fail(errc::no_space, "no id is left");

  change result;
  result.written.id = ++last_id_;
  result.written.home = {std::string{asked.provider}, std::string{asked.model}, asked.system_hash};
  result.written.prompt = asked.prompt;
  result.written.prompt_hash = asked.prompt_hash;
  result.written.commands = std::move(commands);
  result.written.created_at = now;
  result.written.last_accessed = now;
  const auto vector = embedder_.embed(asked.prompt);
  result.embedding = to_blob(vector);
  if (const record* same = find_exact(asked)) {
    result.replaced = same->facts.id;
    result.written.hit_count = same->facts.hit_count;
    erase(same->facts.id);
  }
  insert(result.written, vector);
  result.evicted = evict(max_entries);
  return result;
}

bool entry_table::erase(std::int64_t id) {
  const auto place = records_.find(id);
  if (place == records_.end())
    return false;
  remove(place);
  return true;
}

lookup_counters entry_table::stats() const noexcept {
  lookup_counters result{hits_, misses_, hits_, 0.0, records_.size()};
  add(result.total, misses_);
  if (result.total != 0)
    result.hit_rate = static_cast<double>(hits_) / static_cast<double>(result.total);
  return result;
}

const entry* entry_table::find(std::int64_t id) const {
  const auto place = records_.find(id);
  return place != records_.end() ? &place->second.facts : nullptr;
}

std::vector<const entry*> entry_table::entries() const {
  std::vector<const entry*> result;
  result.reserve(records_.size());
  for (const auto& [id, item] : records_)
    result.push_back(&item.facts);
  std::sort(result.begin(), result.end(),
            [](const entry* left, const entry* right) { return left->id < right->id; });
  return result;
}

access_log entry_table::take_accesses() {
  access_log log;
  for (const auto id : dirty_ids_) {
    const auto place = records_.find(id);
    if (place == records_.end() || !std::exchange(place->second.dirty, false))
      continue;
    record& item = place->second;
    log.accesses.push_back({id, std::exchange(item.pending_hits, 0), item.facts.last_accessed});
  }
  dirty_ids_.clear();
  log.hits = std::exchange(pending_hits_, 0);
  log.misses = std::exchange(pending_misses_, 0);
  return log;
}

void entry_table::restore_accesses(const access_log& log) {
  for (const auto& access : log.accesses) {
    const auto place = records_.find(access.id);
    if (place == records_.end())
      continue;
    add(place->second.pending_hits, access.hits);
    mark_dirty(place->second);
  }
  add(pending_hits_, log.hits);
  add(pending_misses_, log.misses);
}

void entry_table::replay_accesses(const access_log& log) {
  for (const auto& access : log.accesses) {
    const auto place = records_.find(access.id);
    if (place == records_.end())
      continue;
    touch(place->second, std::max(place->second.facts.last_accessed, access.last_accessed));
    add(place->second.facts.hit_count, access.hits);
  }
  add(hits_, log.hits);
  add(misses_, log.misses);
  restore_accesses(log);
}

scope_index* entry_table::find_scope(const question& asked) {
  const auto found = scopes_.find(scope_view{asked.provider, asked.model, asked.system_hash});
  return found != scopes_.end() ? &found->second : nullptr;
}

record* entry_table::find_exact(const question& asked) {
  const auto* home = find_scope(asked);
  return home != nullptr ? home->find(asked.prompt_hash) : nullptr;
}

answer entry_table::hit(record& item, match kind, double similarity, std::int64_t now) {
  touch(item, now);
  add(item.facts.hit_count, 1);
  ++item.pending_hits;
  mark_dirty(item);
  add(hits_, 1);
  ++pending_hits_;
  return {kind, item.facts.id, similarity, item.facts.commands};
}

answer entry_table::miss(double best_similarity) noexcept {
  add(misses_, 1);
  ++pending_misses_;
  return {match::miss, 0, best_similarity, nullptr};
}

void entry_table::touch(record& item, std::int64_t now) {
  if (item.facts.last_accessed == now)
    return;
  auto node = oldest_.extract(&item); // both orders let go before the time changes
  item.home->touch(item, now);
  oldest_.insert(oldest_.end(), std::move(node));
}

void entry_table::mark_dirty(record& item) {
  if (std::exchange(item.dirty, true))
    return;
  dirty_ids_.push_back(item.facts.id);
}

void entry_table::insert(entry facts, const sparse_embedding& vector) {
  const auto id = facts.id;
  scope_index& home = scopes_[facts.home];
  record& item = records_[id];
  item.facts = std::move(facts);
  home.insert(item, vector);
  oldest_.insert(oldest_.end(), &item);
}

void entry_table::remove(record_map::iterator place) {
  record& item = place->second;
  oldest_.erase(&item);
  item.home->erase(item);
  if (item.home->size() == 0)
    scopes_.erase(item.facts.home);
  records_.erase(place);
}

std::vector<std::int64_t> entry_table::evict(std::int64_t max_entries) {
  const auto bound = static_cast<std::size_t>(std::max<std::int64_t>(max_entries, 0));
  std::vector<std::int64_t> evicted;
  while (records_.size() > bound) {
    evicted.push_back((*oldest_.begin())->facts.id);
    erase(evicted.back());
  }
  return evicted;
}

} // namespace cortex::semantic_cache
