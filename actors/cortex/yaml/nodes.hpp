/// A document as it is spelled: nodes with tags, aliases as references, bounds kept.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/yaml.hpp"
#include "cortex/yaml/scalar_tag.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cortex::yaml_detail {

enum class node_kind : std::uint8_t { scalar, sequence, mapping };

using node_id = std::uint32_t;

struct node {
  node_kind kind = node_kind::scalar;
  yaml_detail::tag tag = tag::string;
  bool open = false;        ///< A collection whose end has not come.
  bool told = false;        ///< A key that repeats another one, and the document says so.
  std::uint32_t height = 0; ///< Collections within one another, aliases followed.
  std::size_t values = 1;   ///< In it, itself included, aliases followed.
  std::size_t bytes = 0;    ///< Of the scalars in it, aliases followed.
  yaml_mark mark;
  std::string text;              ///< Of a scalar.
  std::vector<node_id> children; ///< Of a mapping key, value, key, value, … Aliases share a node.
};

struct node_graph {
  std::vector<node> nodes; ///< The first is the root; none if the text holds no document.
};

/// Reads a text that `checked_text` gave. Errors: `corrupt` with the place.
[[nodiscard]] expected<node_graph> compose(std::string_view text, const yaml_limits& limits);

} // namespace cortex::yaml_detail
