#include "cortex/accelerator_limits/profile_table.hpp"

#include "cortex/accelerator_limits/checks.hpp"

#include <utility>

namespace cortex::accelerator_limits {

bool profile_table::put(const std::string& name, entry what) {
  const bool replaced = erase(name);
  places_[name] = next_place_;
  entries_.emplace(next_place_++, named_entry{name, std::move(what)});
  return replaced;
}

void profile_table::replace(const std::string& name, entry what) {
  entries_.at(places_.at(name)).content = std::move(what);
}

bool profile_table::erase(const std::string& name) {
  const auto found = places_.find(name);
  if (found == places_.end())
    return false;
  entries_.erase(found->second);
  places_.erase(found);
  return true;
}

const entry* profile_table::find(const std::string& name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &entries_.at(found->second).content;
}

expected<profile> profile_table::get(const std::string& name) const {
  const auto* found = find(name);
  if (found == nullptr)
    return fail(errc::not_found, "no profile '" + name + "'");
  if (!found->content)
    return fail(errc::corrupt, "the row of profile '" + name
                                 + "' cannot be read: " + found->content.error().detail);
  return found->content;
}

listing profile_table::list() const {
  listing out;
  out.profiles.reserve(entries_.size());
  for (const auto& [place, each] : entries_)
    if (each.content.content)
      out.profiles.push_back(*each.content.content);
    else
      out.unreadable.push_back(each.name);
  return out;
}

expected<profile> changed(profile before, const changes& what) {
  const auto take = [](auto& value, const auto& wanted) {
    if (wanted)
      value = *wanted;
  };
  take(before.preset, what.preset);
  take(before.cpu_quota, what.cpu_quota);
  take(before.memory_max, what.memory_max);
  take(before.gpu_ids, what.gpu_ids);
  take(before.oom_score_adj, what.oom_score_adj);
  take(before.gpu_share, what.gpu_share);
  take(before.memory_high, what.memory_high);
  // A row of the original may name a preset that there is not; it may keep it.
  const auto good = what.preset ? validate(before) : validate_values(before);
  if (!good)
    return unexpected{good.error()};
  return before;
}

} // namespace cortex::accelerator_limits
