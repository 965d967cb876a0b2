#include "cortex/semantic_cache/single_flight.hpp"

namespace cortex::semantic_cache {

single_flight::id single_flight::id_of(const key& what) {
  return {what.provider(), what.model(), what.system_hash(), what.prompt_hash()};
}

bool single_flight::join(const key& what, const found& miss, promise<claimed> reply) {
  const auto [flight, leads] = flights_.try_emplace(id_of(what));
  if (leads) {
    reply.set(claimed{miss, true});
    return false;
  }
  // Those who gave up waiting need no answer any more.
  std::erase_if(flight->second, [](const auto& waiting) { return waiting.abandoned(); });
  flight->second.push_back(std::move(reply));
  ++joined_;
  return true;
}

expected<std::vector<promise<claimed>>> single_flight::land(const key& what) {
  auto flight = flights_.extract(id_of(what));
  if (flight.empty())
    return fail(errc::not_found, "nobody leads on this prompt");
  return std::move(flight.mapped());
}

} // namespace cortex::semantic_cache
