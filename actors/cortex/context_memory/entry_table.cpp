#include "cortex/context_memory/entry_table.hpp"

#include "cortex/context_memory/keywords.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <unordered_set>

namespace cortex::context_memory {
namespace {

constexpr std::size_t fewest_to_compact = 1024;

void insert_sorted(std::vector<text::micros>& into, text::micros instant) {
  into.insert(std::upper_bound(into.begin(), into.end(), instant), instant);
}

/// Takes one occurrence of each out. @pre both are ascending
void remove_sorted(std::vector<text::micros>& from, const std::vector<text::micros>& what) {
  std::vector<text::micros> kept;
  std::ranges::set_difference(from, what, std::back_inserter(kept));
  from = std::move(kept);
}

std::int64_t count_newer(const std::vector<text::micros>& ascending, text::micros instant) {
  return std::distance(std::upper_bound(ascending.begin(), ascending.end(), instant),
                       ascending.end());
}

} // namespace

entry_table::entry_table() : words_(order_) {}

// -- filling --------------------------------------------------------------------------------------

slot entry_table::add(const facts& what) {
  const auto group = number_of(what.category, what.action);
  const auto place = order_.add(what.id, what.timestamp);
  group_of_.push_back(group);
  success_.push_back(what.success);
  alive_.push_back(true);
  ++groups_[group].entries;
  ++categories_[groups_[group].category].entries;
  successes_ += what.success ? 1 : 0;
  return place;
}

void entry_table::append(const facts& what) {
  const auto place = add(what);
  by_id_.push_back(place);
  if (const auto instant = instant_of(what.timestamp)) {
    instants_.push_back(*instant);
    groups_[group_of_[place]].instants.push_back(*instant);
  }
  words_.append(place, what.context, what.action);
}

void entry_table::sort() {
  std::ranges::sort(by_id_, {}, [this](slot place) { return order_.id(place); });
  std::ranges::sort(instants_);
  for (auto& each : groups_)
    std::ranges::sort(each.instants);
  words_.sort();
}

group_number entry_table::announce(const std::string& category, const std::string& action,
                                   std::string_view timestamp) {
  const auto number = number_of(category, action);
  if (const auto instant = instant_of(timestamp))
    insert_sorted(groups_[number].instants, *instant);
  return number;
}

void entry_table::retract(group_number group, std::string_view timestamp) {
  if (const auto instant = instant_of(timestamp))
    remove_sorted(groups_[group].instants, {*instant});
}

void entry_table::insert(const facts& what, bool announced) {
  const auto place = add(what);
  const auto number = [this](slot each) { return order_.id(each); };
  by_id_.insert(std::ranges::upper_bound(by_id_, what.id, {}, number), place);
  if (const auto instant = instant_of(what.timestamp)) {
    insert_sorted(instants_, *instant);
    if (!announced)
      insert_sorted(groups_[group_of_[place]].instants, *instant);
  }
  words_.insert(place, what.context, what.action);
}

// -- removing -------------------------------------------------------------------------------------

std::vector<std::pair<std::string, std::string>>
entry_table::erase(const std::vector<std::int64_t>& ids) {
  std::vector<text::micros> gone;
  std::map<group_number, std::vector<text::micros>> gone_of;
  for (const auto id : ids) {
    const auto place = find(id);
    if (!place || !alive_[*place])
      continue;
    alive_[*place] = false;
    const auto number = group_of_[*place];
    auto& lost = gone_of[number];
    if (const auto instant = instant_of(*place)) {
      gone.push_back(*instant);
      lost.push_back(*instant);
    }
    --groups_[number].entries;
    --categories_[groups_[number].category].entries;
    successes_ -= success_[*place] ? 1 : 0;
  }
  std::ranges::sort(gone);
  remove_sorted(instants_, gone);
  std::erase_if(by_id_, [this](slot place) { return !alive_[place]; });
  std::vector<std::pair<std::string, std::string>> empty;
  for (auto& [number, instants] : gone_of) {
    auto& of = groups_[number];
    std::ranges::sort(instants);
    remove_sorted(of.instants, instants);
    if (of.entries == 0)
      empty.emplace_back(categories_[of.category].name, *of.action);
  }
  if (order_.size() - by_id_.size() > std::max(fewest_to_compact, by_id_.size()))
    compact();
  return empty;
}

void entry_table::compact() {
  std::vector<slot> names(order_.size(), word_index::gone);
  slot next = 0;
  for (slot place = 0; place < order_.size(); ++place) {
    if (!alive_[place])
      continue;
    names[place] = next;
    order_.move(place, next);
    group_of_[next] = group_of_[place];
    success_[next] = success_[place];
    ++next;
  }
  order_.resize(next);
  group_of_.resize(next);
  success_.resize(next);
  alive_.assign(next, true);
  for (auto& place : by_id_)
    place = names[place];
  words_.rename(names);
}

// -- asking ---------------------------------------------------------------------------------------

std::int64_t entry_table::count_since(group_number group, text::micros instant) const {
  return count_newer(groups_[group].instants, instant);
}

std::vector<slot> entry_table::similar(std::string_view context, std::size_t limit) const {
  const auto lives = [this](slot place) -> bool { return alive_[place]; };
  std::vector<slot> out;
  std::unordered_set<slot> collected;
  std::set<std::string> asked;
  for (const auto& word : keywords(context)) {
    if (out.size() >= limit)
      break;
    if (!asked.insert(word).second)
      continue;
    for (const auto place : words_.newest(word, limit, lives))
      if (out.size() < limit && collected.insert(place).second)
        out.push_back(place);
  }
  return out;
}

std::vector<std::int64_t> entry_table::select(const selection& which) const {
  const auto matches = [&](slot place) {
    if (which.id && *which.id != order_.id(place))
      return false;
    if (which.category && *which.category != categories_[groups_[group_of_[place]].category].name)
      return false;
    if (!which.from && !which.before)
      return true;
    const auto instant = instant_of(place);
    return instant && (!which.from || *instant >= *which.from)
           && (!which.before || *instant < *which.before);
  };
  std::vector<std::int64_t> ids;
  for (const auto place : by_id_)
    if (matches(place))
      ids.push_back(order_.id(place));
  return ids;
}

std::vector<std::int64_t> entry_table::oldest(std::size_t count) const {
  auto places = by_id_;
  count = std::min(count, places.size());
  const auto end = places.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::partial_sort(places, end, [this](slot l, slot r) { return order_.older(l, r); });
  std::vector<std::int64_t> ids;
  for (auto place = places.begin(); place != end; ++place)
    ids.push_back(order_.id(*place));
  return ids;
}

std::vector<std::int64_t> entry_table::older_than(text::micros instant, std::size_t limit) const {
  std::vector<std::int64_t> ids;
  if (instants_.empty() || instants_.front() >= instant)
    return ids;
  for (const auto place : by_id_) {
    if (ids.size() == limit)
      break;
    const auto own = instant_of(place);
    if (own && *own < instant)
      ids.push_back(order_.id(place));
  }
  return ids;
}

std::map<std::string, std::int64_t> entry_table::by_category() const {
  std::map<std::string, std::int64_t> out;
  for (const auto& each : categories_)
    if (each.entries > 0)
      out.emplace(each.name, each.entries);
  return out;
}

std::int64_t entry_table::newer_than(text::micros instant) const {
  return count_newer(instants_, instant);
}

// -- parts ----------------------------------------------------------------------------------------

group_number entry_table::number_of(const std::string& category_name, const std::string& action) {
  const auto [named, is_new]
    = category_numbers_.try_emplace(category_name, static_cast<std::uint32_t>(categories_.size()));
  if (is_new)
    categories_.push_back({category_name, 0, {}});
  auto& groups = categories_[named->second].groups;
  const auto [known, is_first]
    = groups.try_emplace(action, static_cast<group_number>(groups_.size()));
  if (is_first)
    groups_.push_back({named->second, &known->first, 0, {}});
  return known->second;
}

std::optional<slot> entry_table::find(std::int64_t id) const {
  const auto number = [this](slot each) { return order_.id(each); };
  const auto found = std::ranges::lower_bound(by_id_, id, {}, number);
  if (found == by_id_.end() || order_.id(*found) != id)
    return std::nullopt;
  return *found;
}

std::optional<text::micros> entry_table::instant_of(std::string_view timestamp) const {
  return reader_.read(timestamp);
}

std::optional<text::micros> entry_table::instant_of(slot entry) const {
  return reader_.read(order_.timestamp(entry));
}

} // namespace cortex::context_memory
