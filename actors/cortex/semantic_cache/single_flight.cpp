#include "cortex/semantic_cache/single_flight.hpp"

#include <utility>

namespace cortex::semantic_cache {

single_flight::id single_flight::id_of(const key& what) {
  return {what.provider(), what.model(), what.system_hash(), what.prompt_hash()};
}

void single_flight::give_lead(flight& which, monotonic_time now, promise<claimed> to) {
  auto lead = std::make_shared<const leader>();
  which.led_by = lead;
  which.since = now;
  to.set(claimed{which.miss, true, std::move(lead)}); // over at once if the asker has gone
}

bool single_flight::join(const key& what, const found& miss, monotonic_time now,
                         promise<claimed> reply) {
  const auto [at, fresh] = flights_.try_emplace(id_of(what));
  auto& joined = at->second;
  joined.miss = miss;
  // Those who gave up waiting need no answer any more.
  std::erase_if(joined.waiting, [](const auto& waiting) { return waiting.abandoned(); });
  if (fresh || over(joined, now)) {
    give_lead(joined, now, std::move(reply));
    return false;
  }
  joined.waiting.push_back(std::move(reply));
  ++joined_;
  return true;
}

expected<std::vector<promise<claimed>>> single_flight::land(const key& what) {
  auto landed = flights_.extract(id_of(what));
  if (landed.empty())
    return fail(errc::not_found, "nobody leads on this prompt");
  return std::move(landed.mapped().waiting);
}

void single_flight::pass_on(monotonic_time now) {
  for (auto& [of, each] : flights_)
    while (over(each, now) && !each.waiting.empty()) {
      auto next = std::move(each.waiting.front());
      each.waiting.erase(each.waiting.begin());
      if (!next.abandoned())
        give_lead(each, now, std::move(next));
    }
  // A lead may be lost at any moment, so also since the loop above looked at it.
  std::erase_if(flights_, [](const auto& each) {
    return each.second.waiting.empty() && each.second.led_by.expired();
  });
}

} // namespace cortex::semantic_cache
