/// The value of a scalar with a tag.
#pragma once

#include "cortex/yaml.hpp"
#include "cortex/yaml/scalar_tag.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace cortex::yaml_detail {

/// Nothing if the text is none of that tag's, or if the tag is for no scalar. *Thread-safe*.
[[nodiscard]] std::optional<yaml> construct_scalar(tag kind, const std::string& text,
                                                   std::size_t max_digits);

} // namespace cortex::yaml_detail
