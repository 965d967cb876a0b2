#include "cortex/semantic_cache/expiry.hpp"

#include <algorithm>

namespace cortex::semantic_cache {
namespace {

/// Lives come from a file that anybody may have written, so the difference may be out of range.
std::int64_t beginning_of(const lifetime& life) noexcept {
  std::int64_t begins = 0;
  return __builtin_sub_overflow(life.ends_at, life.time_to_live, &begins)
           ? std::numeric_limits<std::int64_t>::min()
           : begins;
}

} // namespace

lifetime begin_life(std::int64_t time_to_live, std::int64_t now) noexcept {
  lifetime life{time_to_live, 0};
  if (__builtin_add_overflow(now, time_to_live, &life.ends_at))
    life.ends_at = std::numeric_limits<std::int64_t>::max();
  return life;
}

void expiry_queue::insert(std::int64_t id, lifetime life) {
  if (life.time_to_live < 1)
    life = {1, std::numeric_limits<std::int64_t>::min()};
  lives_.emplace(id, life);
  by_end_.emplace(life.ends_at, id);
  latest_beginning_ = std::max(latest_beginning_, beginning_of(life));
}

void expiry_queue::erase(std::int64_t id) {
  const auto found = lives_.find(id);
  if (found == lives_.end())
    return;
  by_end_.erase({found->second.ends_at, id});
  lives_.erase(found);
}

void expiry_queue::replace(std::int64_t id, lifetime life) {
  if (!lives_.contains(id))
    return;
  erase(id);
  insert(id, life);
}

void expiry_queue::clear() noexcept {
  by_end_.clear();
  lives_.clear();
  changed_.clear();
  latest_beginning_ = std::numeric_limits<std::int64_t>::min();
}

std::vector<std::int64_t> expiry_queue::take_ended(std::int64_t now) {
  if (now < latest_beginning_)
    begin_anew(now);
  std::vector<std::int64_t> ended;
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    ended.push_back(by_end_.begin()->second);
    lives_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }
  return ended;
}

std::vector<life_of_entry> expiry_queue::take_changed() {
  return std::exchange(changed_, {});
}

void expiry_queue::restore_changed(const std::vector<life_of_entry>& earlier) {
  changed_.insert(changed_.begin(), earlier.begin(), earlier.end());
}

std::optional<std::int64_t> expiry_queue::left(std::int64_t id, std::int64_t now) const {
  const auto found = lives_.find(id);
  if (found == lives_.end())
    return std::nullopt;
  return std::max<std::int64_t>(found->second.ends_at - now, 1);
}

void expiry_queue::begin_anew(std::int64_t now) {
  for (auto& [id, life] : lives_) {
    if (beginning_of(life) <= now)
      continue;
    by_end_.erase({life.ends_at, id});
    life = begin_life(life.time_to_live, now);
    by_end_.emplace(life.ends_at, id);
    changed_.emplace_back(id, life);
  }
  latest_beginning_ = now;
}

} // namespace cortex::semantic_cache
