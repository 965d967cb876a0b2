#include "cortex/text/unicode.hpp"
#include "cortex/yaml.hpp"
#include "cortex/yaml/base64.hpp"
#include "cortex/yaml/line_writer.hpp"
#include "cortex/yaml/numbers.hpp"
#include "cortex/yaml/order.hpp"
#include "cortex/yaml/scalar_style.hpp"
#include "cortex/yaml/scalar_tag.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cortex {
namespace {

using yaml_detail::analyze;
using yaml_detail::tag;

/// Where a node stands.
struct place {
  bool in_mapping = false; ///< A key or a value.
  bool simple_key = false; ///< A key in one line, without `?`.
};

std::string_view short_tag(const yaml& value) {
  switch (value.kind()) {
    case yaml_kind::null: return "!!null";
    case yaml_kind::boolean: return "!!bool";
    case yaml_kind::integer: return "!!int";
    case yaml_kind::real: return "!!float";
    case yaml_kind::string: return "!!str";
    case yaml_kind::timestamp: return "!!timestamp";
    case yaml_kind::binary: return "!!binary";
    case yaml_kind::sequence: return "!!seq";
    case yaml_kind::mapping: return "!!map";
  }
  return {};
}

std::string scalar_text(const yaml& value) {
  switch (value.kind()) {
    case yaml_kind::null: return "null";
    case yaml_kind::boolean: return *value.as_bool() ? "true" : "false";
    case yaml_kind::integer: return value.digits();
    case yaml_kind::real: return yaml_detail::real_text(*value.as_double());
    case yaml_kind::string: return *value.text();
    case yaml_kind::timestamp: return *value.timestamp_text();
    case yaml_kind::binary: return yaml_detail::base64_lines(*value.binary_content());
    default: return {};
  }
}

/// The places of the members as Python sorts their keys; as they are if it has no order for them.
std::vector<std::size_t> key_order(const yaml::mapping_type& members, bool sorted) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool comparable
    = std::all_of(members.begin(), members.end(), [&members](const yaml_member& each) {
        return yaml_detail::ordered_in_python(members.front().key, each.key);
      });
  if (!sorted || members.size() < 2 || !comparable)
    return order;
  const auto as_number = [](const yaml& key) { // Python's truths are numbers
    const auto truth = key.as_bool();
    return truth ? yaml{*truth ? 1 : 0} : key;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return yaml_detail::compare_scalars(as_number(members[left].key), as_number(members[right].key))
           < 0;
  });
  return order;
}

} // namespace

/// Writes one value in block style; recurses as deep as it is nested. Its functions are false if
/// they noted a problem. *Not thread-safe*.
class yaml_writer {
public:
  explicit yaml_writer(const yaml_format& format) : format_(format) {}

  expected<std::string> write(const yaml& value) {
    if (!node(value, no_indent, {}))
      return fail(errc::invalid_argument, problem_);
    out_.indent(0);
    if (ends_open_) {
      out_.indicator("...", true);
      out_.indent(0);
    }
    return out_.take();
  }

private:
  static constexpr int no_indent = -1; // of what is around the document
  static constexpr int step = 2;
  static constexpr std::size_t deepest = 1000;

  bool node(const yaml& value, int indent, place where) {
    if (value.size() > 0)
      return collection(value, indent, where);
    if (yaml_detail::is_collection(value)) {
      out_.indicator(value.elements() != nullptr ? "[" : "{", true, false, true);
      out_.indicator(value.elements() != nullptr ? "]" : "}", false);
      return true;
    }
    return write_scalar(value, indent, where);
  }

  bool collection(const yaml& value, int indent, place where) {
    if (++depth_ > deepest)
      return refuse("values nested deeper than " + std::to_string(deepest));
    const bool written = value.elements() != nullptr ? sequence(*value.elements(), indent, where)
                                                     : mapping(*value.members(), indent);
    --depth_;
    return written;
  }

  /// The dashes of a mapping's value stand below its key.
  bool sequence(const yaml::sequence_type& elements, int indent, place where) {
    const bool below_key = where.in_mapping && !out_.at_line_begin();
    const int column = indent == no_indent ? 0 : below_key ? indent : indent + step;
    for (const auto& each : elements) {
      out_.indent(static_cast<std::size_t>(column));
      out_.indicator("-", true, true);
      if (!node(each, column, {}))
        return false;
    }
    return true;
  }

  bool mapping(const yaml::mapping_type& members, int indent) {
    const int column = indent == no_indent ? 0 : indent + step;
    for (const auto at : key_order(members, format_.sort_keys))
      if (!member(members[at], column))
        return false;
    return true;
  }

  bool member(const yaml_member& each, int column) {
    out_.indent(static_cast<std::size_t>(column));
    const bool simple = is_simple_key(each.key);
    if (!simple)
      out_.indicator("?", true, true);
    if (!node(each.key, column, {true, simple}))
      return false;
    if (!simple)
      out_.indent(static_cast<std::size_t>(column));
    out_.indicator(":", !simple, !simple);
    return node(each.value, column, {true, false});
  }

  /// One line, not empty, and less than 128 characters with its tag, which counts even though it is
  /// not written. PyYAML stops there, and writes keys that no reader takes: a key before a colon
  /// may have 1,024 characters, escapes included.
  static bool is_simple_key(const yaml& key) {
    constexpr std::size_t too_long = 128;
    constexpr std::size_t most_written = 1024;
    if (yaml_detail::is_collection(key))
      return key.size() == 0;
    const auto text = yaml_detail::code_points(scalar_text(key));
    const auto analysis = analyze(text);
    if (analysis.empty || analysis.has_breaks || short_tag(key).size() + text.size() >= too_long)
      return false;
    yaml_detail::line_writer written;
    written.double_quoted(text, 0, false);
    return written.take().size() <= most_written;
  }

  // -- scalars ------------------------------------------------------------------------------------

  bool write_scalar(const yaml& value, int indent, place where) {
    const auto column = static_cast<std::size_t>(indent == no_indent ? step : indent + step);
    const auto text = scalar_text(value);
    if (!text::valid_utf8(text))
      return refuse("a text that is no UTF-8");
    const auto points = yaml_detail::code_points(text);
    const auto analysis = analyze(points);
    const bool fold = !where.simple_key;
    const bool binary = value.kind() == yaml_kind::binary;
    if (binary)
      out_.indicator(short_tag(value), true);
    if (binary && !analysis.empty)
      out_.literal(points, column);
    else if (binary)
      out_.double_quoted(points, column, fold);
    else if (stands_plain(value, text, analysis))
      plain(points, column, fold, indent == no_indent);
    else if (analysis.single_quoted && !(where.simple_key && analysis.has_breaks))
      out_.single_quoted(points, column, fold);
    else
      out_.double_quoted(points, column, fold);
    return true;
  }

  /// Everything but texts is written plain; a text only if it is read as one.
  static bool stands_plain(const yaml& value, const std::string& text,
                           const yaml_detail::scalar_analysis& analysis) {
    return analysis.plain
           && (value.kind() != yaml_kind::string || yaml_detail::implicit_tag(text) == tag::string);
  }

  void plain(std::u32string_view text, std::size_t column, bool fold, bool is_document) {
    out_.plain(text, column, fold);
    ends_open_ = is_document;
  }

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  yaml_format format_;
  yaml_detail::line_writer out_;
  std::string problem_;
  std::size_t depth_ = 0;
  bool ends_open_ = false;
};

expected<std::string> yaml::dump(const yaml_format& format) const {
  return yaml_writer{format}.write(*this);
}

} // namespace cortex
