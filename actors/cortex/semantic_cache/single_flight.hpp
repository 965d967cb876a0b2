/// Who asks the model for which key, and who waits for the answer.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/semantic_cache.hpp"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace cortex::semantic_cache {

/// *Owned by one actor*.
class single_flight {
public:
  /// Joins those who miss on a key: the first one is told at once that it leads, the others wait.
  /// True if it waits.
  bool join(const key& what, const found& miss, promise<claimed> reply);

  /// Ends the lead on a key. Returns those who wait. Errors: `not_found` if nobody leads.
  [[nodiscard]] expected<std::vector<promise<claimed>>> land(const key& what);

  [[nodiscard]] std::uint64_t joined() const noexcept { return joined_; }

private:
  using id = std::tuple<std::string, std::string, std::array<std::uint8_t, 32>,
                        std::array<std::uint8_t, 32>>;
  static id id_of(const key& what);

  std::map<id, std::vector<promise<claimed>>> flights_;
  std::uint64_t joined_ = 0;
};

} // namespace cortex::semantic_cache
