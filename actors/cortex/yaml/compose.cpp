#include "cortex/yaml/nodes.hpp"
#include "cortex/yaml/parser.hpp"
#include "cortex/yaml/source_text.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace cortex::yaml_detail {
namespace {

/// Builds the nodes of one document. Its functions are false if they noted a problem.
/// *Not thread-safe*.
class composer {
public:
  composer(std::string_view text, const yaml_limits& limits)
    : parser_(text),
      tabs_(text),
      limits_(limits),
      bytes_left_(limits.max_bytes - std::min(text.size(), limits.max_bytes)) {}

  expected<node_graph> compose() {
    event next;
    do {
      if (auto read = parser_.next(next); !read)
        return fail(std::move(read).error());
      if (!take(next))
        return unexpected{std::move(problem_)};
    } while (next.type() != YAML_STREAM_END_EVENT);
    if (auto checked = tabs_.finish(); !checked)
      return fail(std::move(checked).error());
    return std::move(graph_);
  }

private:
  bool take(const event& next) {
    switch (next.type()) {
      case YAML_DOCUMENT_START_EVENT:
        return ++documents_ == 1 || refuse_at(next.mark(), "a second document");
      case YAML_ALIAS_EVENT: return take_alias(next);
      case YAML_SCALAR_EVENT: return take_scalar(next);
      case YAML_SEQUENCE_START_EVENT: return open(next, node_kind::sequence);
      case YAML_MAPPING_START_EVENT: return open(next, node_kind::mapping);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: return close();
      default: return true;
    }
  }

  bool take_alias(const event& next) {
    const auto found = anchors_.find(next.anchor());
    if (found == anchors_.end())
      return refuse_at(next.mark(), "no anchor '" + shown(next.anchor()) + "' before its alias");
    const auto& target = graph_.nodes[found->second];
    if (target.open)
      return refuse_at(next.mark(),
                       "'" + shown(found->first) + "' holds itself through this alias");
    if (open_.size() + target.height > limits_.max_depth)
      return refuse_at(next.mark(), "nested too deeply");
    if (target.bytes > bytes_left_)
      return refuse_at(next.mark(), "more than " + std::to_string(limits_.max_bytes)
                                      + " bytes with what aliases repeat");
    bytes_left_ -= target.bytes;
    return count(next.mark(), target.values) && attach(found->second);
  }

  bool take_scalar(const event& next) {
    auto checked = tabs_.scalar(next.begin(), next.end(), next.is_quoted(), next.is_block());
    if (!checked) {
      problem_ = std::move(checked).error();
      return false;
    }
    node made;
    made.mark = next.mark();
    made.text = next.value();
    made.bytes = made.text.size();
    if (next.typed_by_text() || next.tag() == "!")
      made.tag = implicit_tag(made.text);
    if (flows_ > 0 && !next.is_quoted() && !next.is_block()
        && made.text.find('?') != std::string::npos)
      return refuse_at(made.mark, "a '?' without quotes between brackets");
    return set_tag(made, next) && count(made.mark, 1) && add(std::move(made), next);
  }

  bool open(const event& next, node_kind kind) {
    node made;
    made.kind = kind;
    made.mark = next.mark();
    made.tag = kind == node_kind::sequence ? tag::sequence : tag::mapping;
    made.open = true;
    if (open_.size() >= limits_.max_depth)
      return refuse_at(made.mark, "nested too deeply");
    const auto id = static_cast<node_id>(graph_.nodes.size());
    if (!set_tag(made, next) || !count(made.mark, 1) || !add(std::move(made), next))
      return false;
    open_.push_back(id);
    flows_ += flows_ > 0 || next.is_flow() ? 1U : 0U; // blocks cannot stand between brackets
    return true;
  }

  /// Collections count in the one around them when they are complete.
  bool close() {
    const auto id = open_.back();
    open_.pop_back();
    flows_ -= flows_ > 0 ? 1U : 0U;
    auto& closed = graph_.nodes[id];
    closed.open = false;
    for (const auto child : closed.children) {
      closed.height = std::max(closed.height, graph_.nodes[child].height);
      closed.values += graph_.nodes[child].values;
      closed.bytes += graph_.nodes[child].bytes;
    }
    ++closed.height;
    return true;
  }

  bool set_tag(node& made, const event& next) {
    const auto name = next.tag();
    if (!name.empty() && name != "!")
      made.tag = named_tag(name);
    return made.tag != tag::foreign
           || refuse_at(made.mark, "the tag '" + shown(name.empty() ? made.text : name)
                                     + "' is not one of YAML's own");
  }

  bool add(node made, const event& next) {
    const auto id = static_cast<node_id>(graph_.nodes.size());
    if (!next.anchor().empty() && !anchors_.emplace(next.anchor(), id).second)
      return refuse_at(made.mark, "a second anchor '" + shown(next.anchor()) + "'");
    graph_.nodes.push_back(std::move(made));
    return attach(id);
  }

  bool attach(node_id id) {
    if (!open_.empty())
      graph_.nodes[open_.back()].children.push_back(id);
    return true;
  }

  bool count(yaml_mark mark, std::size_t more) {
    if (more > limits_.max_values - values_)
      return refuse_at(mark, "more than " + std::to_string(limits_.max_values) + " values");
    values_ += more;
    return true;
  }

  bool refuse_at(yaml_mark mark, const std::string& problem) {
    problem_ = refuse(mark, problem).error();
    return false;
  }

  parser parser_;
  tab_check tabs_;
  yaml_limits limits_;
  node_graph graph_;
  std::vector<node_id> open_;
  std::map<std::string, node_id, std::less<>> anchors_;
  std::size_t flows_ = 0; // open collections in brackets
  std::size_t documents_ = 0;
  std::size_t values_ = 0;
  std::size_t bytes_left_ = 0; // for what aliases repeat
  error problem_{};
};

} // namespace

expected<node_graph> compose(std::string_view text, const yaml_limits& limits) {
  return composer{text, limits}.compose();
}

} // namespace cortex::yaml_detail
