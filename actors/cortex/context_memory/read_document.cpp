#include "cortex/context_memory/document.hpp"
#include "cortex/context_memory/intake.hpp"
#include "cortex/text/redaction.hpp"

#include <cstddef>
#include <functional>

namespace cortex::context_memory {
namespace {

constexpr json_limits import_limits{
  .max_bytes = std::size_t{64} << 20U, .max_depth = 200, .max_values = 2'000'000};

/// Reads the members of one object and remembers the first that is wrong.
class object_reader {
public:
  object_reader(const json& object, std::string place) : object_(object), place_(std::move(place)) {
    if (object.kind() != json_kind::object)
      problem_ = "no object";
  }

  /// The member if there is one and it is not null.
  template <class T>
  void optional(const char* name, T& out) {
    const auto* found = object_.find(name);
    if (found == nullptr || found->is_null())
      return;
    auto value = object_.get<T>(name);
    if (value)
      out = *std::move(value);
    else if (problem_.empty())
      problem_ = std::string{"'"} + name + "' is of the wrong kind";
  }
  template <class T>
  void required(const char* name, T& out) {
    const auto* found = object_.find(name);
    if ((found == nullptr || found->is_null()) && problem_.empty())
      problem_ = std::string{"no '"} + name + "'";
    optional(name, out);
  }
  void texts(const char* name, std::vector<std::string>& out) {
    auto list = json::array();
    optional(name, list);
    const auto* elements = list.elements();
    if (elements == nullptr) {
      problem_ = std::string{"'"} + name + "' is no array";
      return;
    }
    for (const auto& each : *elements)
      out.push_back(each.text() != nullptr ? *each.text() : each.dump());
  }

  [[nodiscard]] expected<void> outcome() const {
    if (problem_.empty())
      return {};
    return fail(errc::corrupt, place_ + ": " + problem_);
  }
  [[nodiscard]] error at_place(error why) const {
    why.detail = place_ + ": " + why.detail;
    return why;
  }

private:
  const json& object_;
  std::string place_;
  std::string problem_;
};

/// What all parts of a document are read with.
struct reading {
  wall_time now;
  bool redact;

  void clean(std::string& text) const {
    if (redact)
      text = text::redacted(text);
  }
};

expected<void> read_entry(object_reader& from, const reading& how, document& out) {
  entry what;
  std::string made;
  from.optional("id", what.id);
  from.optional("timestamp", what.timestamp);
  from.required("category", what.category);
  from.optional("context", what.context);
  from.required("action", what.action);
  from.optional("result", what.result);
  from.optional("success", what.success);
  from.optional("confidence", what.confidence);
  from.optional("frequency", what.frequency);
  from.optional("metadata", what.metadata);
  from.optional("created_at", made);
  if (auto good = from.outcome(); !good)
    return good;
  auto ready = prepare(std::move(what), how.now, how.redact);
  if (!ready)
    return unexpected{from.at_place(std::move(ready).error())};
  if (!made.empty())
    ready->created_at = std::move(made);
  out.entries.push_back(*std::move(ready));
  return {};
}

expected<void> read_pattern(object_reader& from, const reading& how, document& out) {
  pattern what;
  auto made = created_at(how.now);
  from.required("pattern_id", what.pattern_id);
  from.required("pattern_type", what.pattern_type);
  from.optional("description", what.description);
  from.optional("frequency", what.frequency);
  from.optional("last_seen", what.last_seen);
  from.optional("confidence", what.confidence);
  from.optional("actions", what.actions);
  from.optional("context", what.context);
  from.optional("created_at", made);
  if (auto good = from.outcome(); !good)
    return good;
  how.clean(what.description);
  if (how.redact)
    text::redact(what.actions);
  out.patterns.push_back({std::move(what), std::move(made)});
  return {};
}

expected<void> read_suggestion(object_reader& from, const reading& how, document& out) {
  suggestion what;
  bool dismissed = false;
  from.required("suggestion_id", what.suggestion_id);
  from.required("suggestion_type", what.suggestion_type);
  from.required("title", what.title);
  from.optional("description", what.description);
  from.optional("confidence", what.confidence);
  from.texts("based_on", what.based_on);
  from.optional("created_at", what.created_at);
  from.optional("dismissed", dismissed);
  if (auto good = from.outcome(); !good)
    return good;
  how.clean(what.title);
  how.clean(what.description);
  out.suggestions.push_back({std::move(what), dismissed});
  return {};
}

expected<void> read_preference(object_reader& from, const reading& /*how*/, document& out) {
  preference_row what;
  what.category = "general";
  from.required("key", what.key);
  from.optional("value", what.value);
  from.optional("category", what.category);
  from.optional("updated_at", what.updated_at);
  if (auto good = from.outcome(); !good)
    return good;
  if (auto good = checked_json("value", what.value); !good)
    return unexpected{from.at_place(std::move(good).error())};
  out.preferences.push_back(std::move(what));
  return {};
}

expected<void> read_key(object_reader& from, const reading& /*how*/, document& out) {
  suggestion_key what;
  from.required("kind", what.kind);
  from.required("identifier", what.identifier);
  if (auto good = from.outcome(); !good)
    return good;
  out.dismissed.push_back(std::move(what));
  return {};
}

using part_reader = expected<void> (*)(object_reader&, const reading&, document&);

expected<void> read_part(const json& whole, const char* name, part_reader read, const reading& how,
                         document& out) {
  const auto* part = whole.find(name);
  if (part == nullptr)
    return {};
  const auto* elements = part->elements();
  if (elements == nullptr)
    return fail(errc::corrupt, std::string{name} + ": no array");
  for (std::size_t i = 0; i < elements->size(); ++i) {
    object_reader element{(*elements)[i], std::string{name} + '[' + std::to_string(i) + ']'};
    if (auto done = read(element, how, out); !done)
      return done;
  }
  return {};
}

} // namespace

expected<std::shared_ptr<const document>> read_document(std::string_view text, wall_time now,
                                                        bool redact) {
  auto whole = json::parse(text, import_limits);
  if (!whole)
    return unexpected{std::move(whole).error()};
  if (whole->find("entries") == nullptr)
    return fail(errc::corrupt, "no exported memory: no 'entries'");
  const reading how{now, redact};
  auto out = std::make_shared<document>();
  const std::pair<const char*, part_reader> parts[] = {{"entries", read_entry},
                                                       {"patterns", read_pattern},
                                                       {"suggestions", read_suggestion},
                                                       {"preferences", read_preference},
                                                       {"dismissed", read_key}};
  for (const auto& [name, read] : parts)
    if (auto done = read_part(*whole, name, read, how, *out); !done)
      return unexpected{std::move(done).error()};
  return std::shared_ptr<const document>{std::move(out)};
}

} // namespace cortex::context_memory
