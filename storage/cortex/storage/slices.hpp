/// Work in slices: what is told of it.
#pragma once

#include "cortex/write.hpp"

#include <string>

namespace cortex::storage::detail {

/// For the detail of an error: what was committed before it; empty if nothing was.
[[nodiscard]] inline std::string what_stays(const sliced_write& of) {
  if (of.slices == 0)
    return {};
  return "; " + std::to_string(of.steps) + " steps in " + std::to_string(of.slices)
         + " slices before that stay committed";
}

} // namespace cortex::storage::detail
