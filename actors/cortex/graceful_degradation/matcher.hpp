/// Finds the first pattern of a table in a query, all of them in one pass.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/graceful_degradation.hpp"
#include "cortex/graceful_degradation/pattern_table.hpp"

#include <re2/re2.h>
#include <re2/set.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace cortex::graceful_degradation::detail {

/// *Thread-safe*: nothing changes after it was made.
class matcher {
public:
  /// Errors: `invalid_argument` if the patterns are too large together.
  [[nodiscard]] static expected<std::shared_ptr<const matcher>> make(std::vector<pattern> table);

  [[nodiscard]] std::optional<matched> match(std::string_view query) const;
  /// The place of the first pattern that is found in a stripped query, one pattern after the other:
  /// for when the pass over all of them runs out of memory.
  [[nodiscard]] std::optional<std::size_t> find_one_by_one(std::string_view stripped) const;
  /// The same in one pass.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view stripped) const;
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

private:
  explicit matcher(std::vector<pattern> table);

  std::vector<pattern> table_;
  std::vector<std::unique_ptr<const re2::RE2>> alone_; // for the rest; null where there is none
  re2::RE2::Set together_;
};

} // namespace cortex::graceful_degradation::detail
