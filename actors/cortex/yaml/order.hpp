/// How values compare: which are the same, which key comes first.
#pragma once

#include "cortex/yaml.hpp"

namespace cortex::yaml_detail {

/// -1, 0 or 1 by kind and then by value: 0 exactly for keys that are the same. Integers and reals
/// are one kind, compared exactly. NaN comes before all numbers, and is the same as itself here.
/// @pre neither is a sequence or a mapping
[[nodiscard]] int compare_scalars(const yaml& left, const yaml& right);

/// True if Python's `sorted` has an order for keys of both kinds.
[[nodiscard]] bool ordered_in_python(const yaml& left, const yaml& right);

[[nodiscard]] bool is_collection(const yaml& value) noexcept;

} // namespace cortex::yaml_detail

namespace cortex {

/// Of a key that comes several times, leaves the last value in the place of the first.
void merge_repeated_keys(yaml::mapping_type& members);

} // namespace cortex
