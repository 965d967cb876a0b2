/// What the reader and the maker of objects share.
#pragma once

#include "cortex/json.hpp"

namespace cortex {

/// Of a key that comes several times, leaves the last value in the place of the first.
void merge_repeated_keys(json::object_type& members);

} // namespace cortex
