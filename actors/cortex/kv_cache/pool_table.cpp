#include "cortex/kv_cache/pool_table.hpp"

namespace cortex::kv_cache {
namespace {

/// Whether a row says the same; not all of a sequence is in it.
bool same_row(const sequence& left, const sequence& right) noexcept {
  return left.id == right.id && left.created_at == right.created_at
         && left.last_accessed == right.last_accessed && left.access_count == right.access_count
         && left.token_count == right.token_count && left.size_bytes == right.size_bytes
         && left.offset == right.offset;
}

} // namespace

void pool_table::load(file_content content) {
  rows_.clear();
  by_name_.clear();
  counters_.clear();
  for (auto& each : content.pools) {
    by_name_[each.name] = next_;
    rows_.emplace(next_++, std::move(each));
  }
  for (const auto& each : content.counters)
    counters_[each.pool] = {each.hits, each.misses};
}

void pool_table::put(const configuration& config, const std::string& segment) {
  if (const auto before = by_name_.find(config.name); before != by_name_.end())
    rows_.erase(before->second);
  by_name_[config.name] = next_;
  rows_.emplace(next_++, stored_pool{config.name, segment, config});
  counters_.try_emplace(config.name, 0, 0);
}

void pool_table::erase(const std::string& name) {
  counters_.erase(name);
  const auto found = by_name_.find(name);
  if (found == by_name_.end())
    return;
  rows_.erase(found->second);
  by_name_.erase(found);
}

const stored_pool* pool_table::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &rows_.at(found->second);
}

std::vector<configuration> pool_table::list() const {
  std::vector<configuration> out;
  out.reserve(rows_.size());
  for (const auto& [order, each] : rows_)
    if (each.config)
      out.push_back(*each.config);
  return out;
}

std::vector<std::string> pool_table::unreadable() const {
  std::vector<std::string> out;
  for (const auto& [order, each] : rows_)
    if (!each.config)
      out.push_back(each.name);
  return out;
}

std::pair<std::int64_t, std::int64_t> pool_table::counters(const std::string& name) const {
  const auto found = counters_.find(name);
  return found == counters_.end() ? std::pair<std::int64_t, std::int64_t>{} : found->second;
}

void pool_table::set_counters(const std::string& name, std::int64_t hits, std::int64_t misses) {
  counters_[name] = {hits, misses};
}

// -- entry_mirror ---------------------------------------------------------------------------------

entry_changes entry_mirror::update(const std::string& pool, std::vector<sequence> now) {
  entry_changes out;
  out.pool = pool;
  out.whole = !known_;
  if (!known_)
    written_.clear();
  auto before = written_.begin();
  for (const auto& each : now) {
    while (before != written_.end() && before->id < each.id)
      out.gone.push_back((before++)->id);
    const bool there = before != written_.end() && before->id == each.id;
    if (!there || !same_row(*before, each))
      out.changed.push_back(each);
    if (there)
      ++before;
  }
  for (; before != written_.end(); ++before)
    out.gone.push_back(before->id);
  written_ = std::move(now);
  known_ = true;
  return out;
}

} // namespace cortex::kv_cache
