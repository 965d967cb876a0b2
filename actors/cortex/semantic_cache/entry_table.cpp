#include "cortex/semantic_cache/entry_table.hpp"

#include "cortex/semantic_cache/guard.hpp"

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

bool entry_table::load_lifetime(std::int64_t id, const lifetime& life) {
  if (!records_.contains(id))
    return false;
  lives_.insert(id, life);
  return true;
}

void entry_table::clear() noexcept {
  oldest_.clear();
  lives_.clear();
  expired_ids_.clear();
  bytes_ = 0;
  scopes_.clear();
  records_.clear();
  dirty_ids_.clear();
  last_id_ = hits_ = misses_ = pending_hits_ = pending_misses_ = 0;
}

answer entry_table::lookup(const question& asked, const near_rule& rule, std::int64_t now) {
  expire(now);
  scope_index* home = find_scope(asked);
  if (home == nullptr)
    return miss(0.0);
  if (record* same = home->find(asked.prompt_hash))
    return hit(*same, match::exact, 1.0, now);

  const std::size_t limit = rule.limit();
  if (limit == 0)
    return miss(0.0);
  const auto vector = embedder_.embed(asked.prompt);
  const auto best = home->find_nearest(vector, limit, scores_);
  if (best.similarity < rule.threshold)
    return miss(best.similarity);
  const auto taken = rule.guard ? first_unguarded(*home, vector, asked, rule) : best;
  return taken.found != nullptr ? hit(*taken.found, match::near, taken.similarity, now)
                                : miss(best.similarity);
}

nearest entry_table::first_unguarded(scope_index& home, const sparse_embedding& vector,
                                     const question& asked, const near_rule& rule) {
  const decisive_words wanted{asked.prompt};
  for (const auto& candidate : home.rank(vector, rule.limit(), scores_)) {
    if (candidate.similarity < rule.threshold)
      break;
    if (!wanted.differs_from(decisive_words{candidate.found->facts.prompt}))
      return candidate;
    ++guarded_;
  }
  return {};
}

bool entry_table::fits(const question& asked, const std::vector<std::string>& commands,
                       const put_rule& rule) noexcept {
  return rule.max_bytes == unbounded || payload_bytes(asked, commands) <= rule.max_bytes;
}

expected<change> entry_table::put(const question& asked, command_list commands,
                                  const put_rule& rule, std::int64_t now) {
  if (last_id_ == largest)
    return fail(errc::no_space, "no id is left");
  if (!fits(asked, *commands, rule))
    return fail(errc::invalid_argument,
                "the answer alone has more than max_bytes, " + std::to_string(rule.max_bytes));
  expire(now);

  change result;
  result.expired = take_expired();
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
  if (rule.time_to_live != endless) {
    result.life = begin_life(rule.time_to_live, now);
    lives_.insert(result.written.id, *result.life);
  }
  result.evicted = evict(rule);
  return result;
}

void entry_table::apply(const change& made) {
  const auto& facts = made.written;
  erase_ended(made.expired);
  if (const record* same = find_exact({facts.home.provider, facts.home.model,
                                       facts.home.system_hash, facts.prompt, facts.prompt_hash}))
    erase(same->facts.id);
  erase(facts.id);
  last_id_ = std::max(last_id_, facts.id);
  insert(facts, embedder_.embed(facts.prompt));
  if (made.life)
    lives_.insert(facts.id, *made.life);
  for (const auto id : made.evicted)
    erase(id);
}

void entry_table::erase_ended(const std::vector<std::int64_t>& ids) {
  for (const auto id : ids)
    erase(id);
}

bool entry_table::erase(std::int64_t id) {
  const auto place = records_.find(id);
  if (place == records_.end())
    return false;
  remove(place);
  return true;
}

lookup_counters entry_table::stats() const noexcept {
  lookup_counters result{hits_, misses_, hits_, 0.0, records_.size(), bytes_, expired_, guarded_};
  add(result.total, misses_);
  if (result.total != 0)
    result.hit_rate = static_cast<double>(hits_) / static_cast<double>(result.total);
  return result;
}

const entry* entry_table::find(std::int64_t id) const {
  const auto place = records_.find(id);
  return place != records_.end() ? &place->second.facts : nullptr;
}

std::vector<std::int64_t> entry_table::take_expired() {
  return std::exchange(expired_ids_, {});
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
  log.expired = take_expired();
  log.lives = lives_.take_changed();
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
  lives_.restore_changed(log.lives);
  for (const auto id : log.expired) { // loaded again, it has ended all the same
    erase(id);
    expired_ids_.push_back(id);
  }
}

void entry_table::count_accesses(const access_log& log) {
  for (const auto& access : log.accesses) {
    const auto place = records_.find(access.id);
    if (place == records_.end())
      continue;
    touch(place->second, std::max(place->second.facts.last_accessed, access.last_accessed));
    add(place->second.facts.hit_count, access.hits);
  }
  for (const auto& [id, life] : log.lives)
    lives_.replace(id, life);
  add(hits_, log.hits);
  add(misses_, log.misses);
  erase_ended(log.expired);
}

void entry_table::replay_accesses(const access_log& log) {
  count_accesses(log);
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
  item.bytes = payload_bytes(facts);
  bytes_ += item.bytes;
  item.facts = std::move(facts);
  home.insert(item, vector);
  oldest_.insert(oldest_.end(), &item);
}

void entry_table::remove(record_map::iterator place) {
  record& item = place->second;
  bytes_ -= item.bytes;
  if (!lives_.empty())
    lives_.erase(item.facts.id);
  oldest_.erase(&item);
  item.home->erase(item);
  if (item.home->size() == 0)
    scopes_.erase(item.facts.home);
  records_.erase(place);
}

void entry_table::remove_ended(std::int64_t now) {
  for (const auto id : lives_.take_ended(now)) {
    erase(id);
    expired_ids_.push_back(id);
    ++expired_;
  }
}

std::vector<std::int64_t> entry_table::evict(const put_rule& rule) {
  const auto bound = static_cast<std::size_t>(std::max<std::int64_t>(rule.max_entries, 0));
  std::vector<std::int64_t> evicted;
  while (records_.size() > bound || bytes_ > rule.max_bytes) {
    evicted.push_back((*oldest_.begin())->facts.id);
    erase(evicted.back());
  }
  return evicted;
}

} // namespace cortex::semantic_cache
