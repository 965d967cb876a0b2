/// libyaml's parser as a C++ object: events one by one, errors as values.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/yaml.hpp"

#include <yaml.h>

#include <string_view>

namespace cortex::yaml_detail {

/// One event. *Not thread-safe*.
class event {
public:
  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() { yaml_event_delete(&raw_); }

  [[nodiscard]] yaml_event_type_t type() const noexcept { return raw_.type; }
  [[nodiscard]] yaml_mark mark() const noexcept;
  /// In code points from the start of the text.
  [[nodiscard]] std::size_t begin() const noexcept { return raw_.start_mark.index; }
  [[nodiscard]] std::size_t end() const noexcept { return raw_.end_mark.index; }

  /// Of an alias the name that it refers to, of others their own; empty if there is none.
  [[nodiscard]] std::string_view anchor() const noexcept;
  /// The full name of the tag; `!`, or empty, if there is none.
  [[nodiscard]] std::string_view tag() const noexcept;
  /// Of a scalar.
  [[nodiscard]] std::string_view value() const noexcept;
  [[nodiscard]] bool typed_by_text() const noexcept;
  [[nodiscard]] bool is_quoted() const noexcept;
  [[nodiscard]] bool is_block() const noexcept;
  /// Of a sequence or mapping: it stands in brackets.
  [[nodiscard]] bool is_flow() const noexcept;

private:
  friend class parser;
  yaml_event_t raw_{};
};

/// Gives the events of a text, which must outlive it. *Not thread-safe*.
class parser {
public:
  explicit parser(std::string_view text);
  parser(const parser&) = delete;
  parser& operator=(const parser&) = delete;
  ~parser() { yaml_parser_delete(&raw_); }

  /// Replaces `out`. Errors: `corrupt` with the place.
  [[nodiscard]] expected<void> next(event& out);

private:
  std::string_view text_;
  yaml_parser_t raw_{};
};

} // namespace cortex::yaml_detail
