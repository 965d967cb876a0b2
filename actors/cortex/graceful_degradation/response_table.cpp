#include "cortex/graceful_degradation/response_table.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace cortex::graceful_degradation {
namespace {

struct scored {
  std::size_t score = 0;
  const entry* of = nullptr;
};

/// The best first; stable in what is not compared: hits, then age of the row.
bool better(const scored& left, const scored& right) noexcept {
  if (left.score != right.score)
    return left.score > right.score;
  if (left.of->row.hit_count != right.of->row.hit_count)
    return left.of->row.hit_count > right.of->row.hit_count;
  return left.of->position < right.of->position;
}

} // namespace

record record_of(const stored_row& row) {
  return {row.query_hash, row.query,
          row.response,   std::chrono::sys_seconds{std::chrono::seconds{row.created_at}},
          row.hit_count,  std::nullopt};
}

// -- rows -----------------------------------------------------------------------------------------

bool response_table::load(stored_row row) {
  if (entries_.contains(row.query_hash))
    return false;
  insert(std::move(row));
  return true;
}

void response_table::clear() noexcept {
  by_use_.clear();
  by_age_.clear();
  words_.clear();
  entries_.clear();
  pending_.clear();
  pending_hits_ = 0;
  total_hits_ = 0;
}

void response_table::insert(stored_row row) {
  auto hash = row.query_hash;
  auto& made
    = entries_.emplace(std::move(hash), entry{std::move(row), next_position_++, {}}).first->second;
  made.words = words_.insert(text::to_lower(made.row.query), &made);
  by_use_.insert(use_of(made));
  by_age_.insert(age_of(made));
  total_hits_ += made.row.hit_count;
}

void response_table::erase(entries::iterator at) {
  const auto& gone = at->second;
  if (const auto pending = pending_.find(at->first); pending != pending_.end()) {
    pending_hits_ -= pending->second.hits;
    pending_.erase(pending);
  }
  total_hits_ -= gone.row.hit_count;
  by_use_.erase(use_of(gone));
  by_age_.erase(age_of(gone));
  words_.erase(text::to_lower(gone.row.query), &gone);
  entries_.erase(at);
}

// -- requests -------------------------------------------------------------------------------------

std::optional<record> response_table::get(const query& what, micros now) {
  const auto found = entries_.find(what.hash());
  if (found == entries_.end())
    return std::nullopt;
  auto& hit = found->second;
  count(hit, 1, now);
  note({hit.row.query_hash, hit.row.created_at, 1, now});
  auto told = record_of(hit.row);
  told.last_used = std::chrono::sys_time<std::chrono::microseconds>{std::chrono::microseconds{now}};
  return told;
}

change response_table::put(const query& what, const std::string& response,
                           std::int64_t now_seconds) {
  if (const auto before = entries_.find(what.hash()); before != entries_.end())
    erase(before);
  change made;
  while (entries_.size() >= max_entries_) {
    const auto oldest = entries_.find(*by_age_.begin()->hash);
    made.evicted.push_back(oldest->first);
    erase(oldest);
  }
  made.written = {what.hash(), what.text(), response, now_seconds, 0, std::nullopt};
  insert(made.written);
  return made;
}

void response_table::apply(const change& made) {
  for (const auto& hash : made.evicted)
    if (const auto gone = entries_.find(hash); gone != entries_.end())
      erase(gone);
  if (const auto before = entries_.find(made.written.query_hash); before != entries_.end())
    erase(before);
  insert(made.written);
}

std::vector<record> response_table::similar(const query& what, std::size_t limit,
                                            std::size_t candidates) const {
  const auto wanted = words_.find(what.normalized());
  std::vector<scored> ranked;
  if (candidates < entries_.size()) {
    for (auto at = by_use_.begin(); candidates-- > 0; ++at) {
      const auto& has = at->of->words;
      const auto common = std::count_if(wanted.begin(), wanted.end(), [&has](const auto* word) {
        return std::find(has.begin(), has.end(), word) != has.end();
      });
      if (common > 0)
        ranked.push_back({static_cast<std::size_t>(common), at->of});
    }
  } else {
    std::unordered_map<const entry*, std::size_t> scores;
    for (const auto* word : wanted)
      for (const auto* of : *word)
        ++scores[of];
    for (const auto& [of, score] : scores)
      ranked.push_back({score, of});
  }
  const auto shown = std::min(limit, ranked.size());
  std::partial_sort(ranked.begin(), std::next(ranked.begin(), static_cast<std::ptrdiff_t>(shown)),
                    ranked.end(), better);
  std::vector<record> told;
  for (std::size_t i = 0; i < shown; ++i)
    told.push_back(record_of(ranked[i].of->row));
  return told;
}

std::vector<std::string> response_table::erase_before(std::int64_t cutoff) {
  std::vector<std::string> gone;
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto next = std::next(at);
    if (at->second.row.created_at < cutoff) {
      gone.push_back(at->first);
      erase(at);
    }
    at = next;
  }
  return gone;
}

// -- accesses -------------------------------------------------------------------------------------

std::vector<access> response_table::take_accesses() {
  std::vector<access> log;
  log.reserve(pending_.size());
  for (auto& [hash, one] : pending_)
    log.push_back(std::move(one));
  pending_.clear();
  pending_hits_ = 0;
  return log;
}

void response_table::restore_accesses(const std::vector<access>& log) {
  for (const auto& one : log)
    if (same_row(one) != nullptr)
      note(one);
}

void response_table::count_accesses(const std::vector<access>& log) {
  for (const auto& one : log)
    if (auto* of = same_row(one))
      count(*of, one.hits, one.last_used);
}

void response_table::replay_accesses(const std::vector<access>& log) {
  for (const auto& one : log)
    if (auto* of = same_row(one)) {
      count(*of, one.hits, one.last_used);
      note(one);
    }
}

entry* response_table::same_row(const access& of) {
  const auto found = entries_.find(of.query_hash);
  return found != entries_.end() && found->second.row.created_at == of.created_at ? &found->second
                                                                                  : nullptr;
}

void response_table::note(const access& one) {
  auto& pending = pending_.try_emplace(one.query_hash, access{one.query_hash, one.created_at, 0, 0})
                    .first->second;
  pending.hits += one.hits;
  pending.last_used = std::max(pending.last_used, one.last_used);
  pending_hits_ += one.hits;
}

void response_table::count(entry& of, std::int64_t hits, micros now) {
  auto use = by_use_.extract(use_of(of));
  auto age = by_age_.extract(age_of(of));
  of.row.hit_count += hits;
  of.row.last_used = std::max(of.row.last_used.value_or(now), now);
  total_hits_ += hits;
  use.value() = use_of(of);
  age.value() = age_of(of);
  by_use_.insert(std::move(use));
  by_age_.insert(std::move(age));
}

response_table::use_key response_table::use_of(const entry& of) noexcept {
  return {of.row.hit_count, of.position, &of};
}

response_table::age_key response_table::age_of(const entry& of) noexcept {
  return {of.row.last_used.value_or(std::numeric_limits<micros>::min()), of.row.created_at,
          of.position, &of.row.query_hash};
}

} // namespace cortex::graceful_degradation
