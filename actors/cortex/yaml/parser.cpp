#include "cortex/yaml/parser.hpp"

#include "cortex/yaml/source_text.hpp"

#include <new>
#include <string>
#include <tuple>

namespace cortex::yaml_detail {
namespace {

yaml_mark from(const yaml_mark_t& mark) noexcept {
  return {mark.line + 1, mark.column + 1};
}

std::string_view view(const yaml_char_t* text) noexcept {
  return text != nullptr ? reinterpret_cast<const char*>(text) : std::string_view{};
}

} // namespace

yaml_mark event::mark() const noexcept {
  return from(raw_.start_mark);
}

std::string_view event::anchor() const noexcept {
  switch (raw_.type) {
    case YAML_ALIAS_EVENT: return view(raw_.data.alias.anchor);
    case YAML_SCALAR_EVENT: return view(raw_.data.scalar.anchor);
    case YAML_SEQUENCE_START_EVENT: return view(raw_.data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT: return view(raw_.data.mapping_start.anchor);
    default: return {};
  }
}

std::string_view event::tag() const noexcept {
  switch (raw_.type) {
    case YAML_SCALAR_EVENT: return view(raw_.data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT: return view(raw_.data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT: return view(raw_.data.mapping_start.tag);
    default: return {};
  }
}

std::string_view event::value() const noexcept {
  if (raw_.type != YAML_SCALAR_EVENT)
    return {};
  return {reinterpret_cast<const char*>(raw_.data.scalar.value), raw_.data.scalar.length};
}

bool event::typed_by_text() const noexcept {
  return raw_.type == YAML_SCALAR_EVENT && raw_.data.scalar.plain_implicit != 0;
}

bool event::is_quoted() const noexcept {
  return raw_.type == YAML_SCALAR_EVENT
         && (raw_.data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE
             || raw_.data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

bool event::is_block() const noexcept {
  return raw_.type == YAML_SCALAR_EVENT
         && (raw_.data.scalar.style == YAML_LITERAL_SCALAR_STYLE
             || raw_.data.scalar.style == YAML_FOLDED_SCALAR_STYLE);
}

bool event::is_flow() const noexcept {
  if (raw_.type == YAML_SEQUENCE_START_EVENT)
    return raw_.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
  return raw_.type == YAML_MAPPING_START_EVENT
         && raw_.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
}

parser::parser(std::string_view text) : text_(text) {
  if (yaml_parser_initialize(&raw_) == 0)
    throw std::bad_alloc{};
  yaml_parser_set_encoding(&raw_, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&raw_, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
}

expected<void> parser::next(event& out) {
  yaml_event_delete(&out.raw_);
  if (yaml_parser_parse(&raw_, &out.raw_) != 0)
    return {};
  if (raw_.error == YAML_MEMORY_ERROR)
    throw std::bad_alloc{};
  std::string problem = raw_.problem != nullptr ? raw_.problem : "no YAML";
  if (raw_.context != nullptr)
    problem += ", " + std::string{raw_.context};
  // the parser sets the end into a line of its own
  const auto mark = from(raw_.problem_mark);
  const auto end = end_of(text_);
  const bool beyond = std::tie(mark.line, mark.column) > std::tie(end.line, end.column);
  return refuse(beyond ? end : mark, problem);
}

} // namespace cortex::yaml_detail
