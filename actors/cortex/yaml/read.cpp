#include "cortex/yaml.hpp"
#include "cortex/yaml/construct_scalar.hpp"
#include "cortex/yaml/nodes.hpp"
#include "cortex/yaml/order.hpp"
#include "cortex/yaml/source_text.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cortex {

using yaml_detail::node;
using yaml_detail::node_id;
using yaml_detail::node_kind;
using yaml_detail::refuse;
using yaml_detail::tag;

/// Makes values of nodes; recurses no deeper than the nodes are nested. Its functions are false if
/// they noted a problem. *Not thread-safe*.
class yaml_reader {
public:
  yaml_reader(yaml_detail::node_graph graph, const yaml_options& options)
    : nodes_(std::move(graph.nodes)), options_(options) {}

  expected<yaml_document> read() {
    yaml_document out;
    out.root.mark_ = {1, 1};
    if (!nodes_.empty() && !construct(nodes_.front(), out.root))
      return unexpected{std::move(problem_)};
    out.warnings = std::move(warnings_);
    return out;
  }

private:
  /// A key with its value, from a mapping itself or from one merged into it.
  struct pair {
    node_id key;
    node_id value;
    bool own;
  };

  bool construct(const node& from, yaml& out) {
    const bool made = construct_data(from, out);
    out.mark_ = from.mark;
    return made;
  }

  bool construct_data(const node& from, yaml& out) {
    switch (from.tag) {
      case tag::sequence: return construct_sequence(from, out);
      case tag::mapping:
      case tag::set: return construct_mapping(from, out);
      case tag::ordered_map:
      case tag::pairs: return construct_pairs(from, out);
      case tag::merge: return refuse_at(from, "'<<' is for keys alone");
      case tag::value: return refuse_at(from, "'=' is for keys alone");
      default: return construct_scalar(from, from, out);
    }
  }

  /// `content` is the node itself, or of a mapping what its key `=` has.
  bool construct_scalar(const node& from, const node& content, yaml& out) {
    if (content.kind == node_kind::mapping && from.tag != tag::timestamp) {
      for (std::size_t i = 0; i < content.children.size(); i += 2)
        if (nodes_[content.children[i]].tag == tag::value)
          return construct_scalar(from, nodes_[content.children[i + 1]], out);
    }
    if (content.kind != node_kind::scalar)
      return refuse_at(content, "a scalar was expected");
    auto made = yaml_detail::construct_scalar(from.tag, content.text, options_.limits.max_digits);
    if (!made)
      return refuse_at(content, "this is not " + name_of(from.tag)); // it may be a secret
    out = *std::move(made);
    if (out.is_null() || (from.tag != tag::string && out.source() != content.text))
      out.source_ = content.text;
    return true;
  }

  bool construct_sequence(const node& from, yaml& out) {
    if (from.kind != node_kind::sequence)
      return refuse_at(from, "a sequence was expected");
    auto& elements = out.data_.emplace<yaml::sequence_type>();
    elements.reserve(from.children.size());
    for (const auto child : from.children)
      if (!construct(nodes_[child], elements.emplace_back()))
        return false;
    return true;
  }

  /// Pairs as sequences of two.
  bool construct_pairs(const node& from, yaml& out) {
    if (from.kind != node_kind::sequence)
      return refuse_at(from, "a sequence was expected");
    auto& elements = out.data_.emplace<yaml::sequence_type>();
    for (const auto child : from.children) {
      const auto& item = nodes_[child];
      if (item.kind != node_kind::mapping || item.children.size() != 2)
        return refuse_at(item, "a mapping of one member was expected");
      yaml two = yaml::sequence({yaml{}, yaml{}});
      two.mark_ = item.mark;
      for (std::size_t i = 0; i < 2; ++i)
        if (!construct(nodes_[item.children[i]], (*two.elements())[i]))
          return false;
      elements.push_back(std::move(two));
    }
    return true;
  }

  bool construct_mapping(const node& from, yaml& out) {
    if (from.kind != node_kind::mapping)
      return refuse_at(from, "a mapping was expected");
    std::vector<pair> pairs;
    if (!flatten(from, pairs))
      return false;
    yaml::mapping_type members;
    members.reserve(pairs.size());
    for (const auto& each : pairs) {
      auto& member = members.emplace_back();
      if (!construct_key(nodes_[each.key], member.key)
          || !construct(nodes_[each.value], member.value))
        return false;
    }
    if (!check_repeated(pairs, members))
      return false;
    merge_repeated_keys(members);
    if (from.tag == tag::set)
      for (auto& each : members)
        each.value = yaml{};
    out.data_ = std::move(members);
    return true;
  }

  bool construct_key(const node& from, yaml& out) {
    if (from.tag == tag::value) { // `=` is a text here
      if (from.kind != node_kind::scalar)
        return refuse_at(from, "a scalar was expected");
      out = from.text;
      out.mark_ = from.mark;
      return true;
    }
    if (!construct(from, out))
      return false;
    return !yaml_detail::is_collection(out)
           || refuse_at(from, "a key must be a scalar, and this is "
                                + std::string{to_string(out.kind())});
  }

  // -- merge keys -------------------------------------------------------------------------------

  /// The pairs of a mapping, behind those that its merge keys bring.
  bool flatten(const node& from, std::vector<pair>& out) {
    std::vector<pair> own;
    for (std::size_t i = 0; i < from.children.size(); i += 2) {
      const auto key = from.children[i];
      const auto value = from.children[i + 1];
      if (nodes_[key].tag != tag::merge)
        own.push_back({key, value, true});
      else if (!merge(nodes_[value], out))
        return false;
    }
    out.insert(out.end(), own.begin(), own.end());
    return true;
  }

  /// Of several mappings the first counts most, so that it comes last.
  bool merge(const node& from, std::vector<pair>& out) {
    if (from.kind == node_kind::mapping)
      return merge_one(from, out);
    if (from.kind != node_kind::sequence)
      return refuse_at(from, "only mappings can be merged");
    for (auto child = from.children.rbegin(); child != from.children.rend(); ++child) {
      if (nodes_[*child].kind != node_kind::mapping)
        return refuse_at(nodes_[*child], "only mappings can be merged");
      if (!merge_one(nodes_[*child], out))
        return false;
    }
    return true;
  }

  bool merge_one(const node& from, std::vector<pair>& out) {
    std::vector<pair> pairs;
    if (!flatten(from, pairs))
      return false;
    for (auto& each : pairs) {
      each.own = false;
      out.push_back(each);
    }
    return true;
  }

  // -- keys that come twice -----------------------------------------------------------------------

  /// Tells of each key that comes a second time in the same mapping; in strict mode that is an
  /// error.
  bool check_repeated(const std::vector<pair>& pairs, const yaml::mapping_type& members) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < pairs.size(); ++i)
      if (pairs[i].own)
        order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&members](std::size_t left, std::size_t right) {
      return yaml_detail::compare_scalars(members[left].key, members[right].key) < 0;
    });
    std::vector<std::pair<std::size_t, std::size_t>> repeats; // in the order of the text
    for (std::size_t begin = 0, end = 1; begin < order.size(); begin = end++)
      while (end < order.size()
             && yaml_detail::compare_scalars(members[order[end]].key, members[order[begin]].key)
                  == 0)
        repeats.emplace_back(order[end++], order[begin]);
    std::sort(repeats.begin(), repeats.end());
    for (const auto& [second, first] : repeats)
      if (!tell(nodes_[pairs[second].key], nodes_[pairs[first].key]))
        return false;
    return true;
  }

  bool tell(node& second, const node& first) {
    const auto problem = "the key '" + yaml_detail::shown(second.text) + "' stands in line "
                         + std::to_string(first.mark.line) + " already";
    if (options_.strict)
      return refuse_at(second, problem);
    if (!std::exchange(second.told, true)) // a mapping with several aliases is made several times
      warnings_.push_back(
        {second.mark, refuse(second.mark, problem + "; the last value counts").error().detail});
    return true;
  }

  // -- problems -----------------------------------------------------------------------------------

  static std::string name_of(tag kind) {
    switch (kind) {
      case tag::boolean: return "a truth value";
      case tag::integer: return "an integer, or has too many digits";
      case tag::real: return "a real number";
      case tag::timestamp: return "a date or time that exists";
      case tag::binary: return "base64";
      default: return "a scalar";
    }
  }

  bool refuse_at(const node& at, const std::string& problem) {
    problem_ = refuse(at.mark, problem).error();
    return false;
  }

  std::vector<node> nodes_;
  yaml_options options_;
  std::vector<yaml_warning> warnings_;
  error problem_{};
};

expected<yaml_document> yaml::parse(std::string_view text, const yaml_options& options) {
  constexpr std::size_t deepest = 1000; // yaml_limits::max_depth
  auto bounded = options;
  bounded.limits.max_depth = std::min(bounded.limits.max_depth, deepest);
  const auto checked = yaml_detail::checked_text(text, bounded.limits.max_bytes);
  if (!checked)
    return fail(checked.error());
  auto graph = yaml_detail::compose(*checked, bounded.limits);
  if (!graph)
    return fail(std::move(graph).error());
  return yaml_reader{*std::move(graph), bounded}.read();
}

} // namespace cortex
