#include "cortex/context_memory/export_json.hpp"

#include <utility>

namespace cortex::context_memory {
namespace {

constexpr json_format indented{.indent = 2};

/// Writes the arrays of the document, an element at a time.
class array_writer {
public:
  explicit array_writer(const memory::sink& to) : to_(to) {}

  expected<void> begin(const char* name) {
    first_ = true;
    return to_(",\n  " + json{name}.dump() + ": [");
  }
  expected<void> add(const json& element) {
    std::string piece = std::exchange(first_, false) ? "\n    " : ",\n    ";
    for (const char each : element.dump(indented)) { // no text holds a line feed as it is
      piece += each;
      if (each == '\n')
        piece += "    ";
    }
    return to_(piece);
  }
  expected<void> end() { return to_(first_ ? "]" : "\n  ]"); }

private:
  const memory::sink& to_;
  bool first_ = true;
};

json json_of(const entry& each) {
  return json::object({{"id", each.id},
                       {"timestamp", each.timestamp},
                       {"category", each.category},
                       {"context", each.context},
                       {"action", each.action},
                       {"result", each.result},
                       {"success", each.success},
                       {"confidence", each.confidence},
                       {"frequency", each.frequency},
                       {"metadata", each.metadata}});
}

json json_of(const pattern& each) {
  return json::object({{"pattern_id", each.pattern_id},
                       {"pattern_type", each.pattern_type},
                       {"description", each.description},
                       {"frequency", each.frequency},
                       {"last_seen", each.last_seen},
                       {"confidence", each.confidence},
                       {"actions", each.actions},
                       {"context", each.context}});
}

json json_of(const suggestion& each) {
  return json::object({{"suggestion_id", each.suggestion_id},
                       {"suggestion_type", each.suggestion_type},
                       {"title", each.title},
                       {"description", each.description},
                       {"confidence", each.confidence},
                       {"based_on", json::array_of(each.based_on)},
                       {"created_at", each.created_at}});
}

json json_of(const preference_row& each) {
  return json::object({{"key", each.key}, {"value", each.value}, {"category", each.category}});
}

expected<void> write_arrays(storage::snapshot& view, export_options how, const damage_sink& damaged,
                            array_writer& out) {
  auto done = out.begin("entries");
  if (done)
    done = each_entry(view, damaged, [&](const entry& each, const std::string& made) {
      auto row = json_of(each);
      return out.add(how.full ? row.set("created_at", made) : row);
    });
  if (done)
    done = out.end();
  if (done)
    done = out.begin("patterns");
  if (done)
    done = each_pattern(view, damaged, [&](const pattern& each, const std::string& made) {
      auto row = json_of(each);
      return out.add(how.full ? row.set("created_at", made) : row);
    });
  if (done)
    done = out.end();
  if (done)
    done = out.begin("suggestions");
  if (done)
    done = each_suggestion(view, damaged,
                           [&](const suggestion& each, bool dismissed) -> expected<void> {
                             if (dismissed && !how.include_dismissed && !how.full)
                               return {};
                             auto row = json_of(each);
                             return out.add(how.full ? row.set("dismissed", dismissed) : row);
                           });
  if (done)
    done = out.end();
  if (done)
    done = out.begin("preferences");
  if (done)
    done = each_preference(view, damaged, [&](const preference_row& each) {
      auto row = json_of(each);
      return out.add(how.full ? row.set("updated_at", each.updated_at) : row);
    });
  return done ? out.end() : done;
}

expected<void> write_dismissed(storage::snapshot& view, array_writer& out) {
  auto keys = read_dismissed(view);
  if (!keys)
    return unexpected{std::move(keys).error()};
  auto done = out.begin("dismissed");
  for (const auto& each : *keys)
    if (done)
      done = out.add(json::object({{"kind", each.kind}, {"identifier", each.identifier}}));
  return done ? out.end() : done;
}

} // namespace

expected<void> write_json(storage::snapshot& view, export_options how, const std::string& now,
                          const damage_sink& damaged, const memory::sink& to) {
  array_writer out{to};
  auto done = to("{\n  \"exported_at\": " + json{now}.dump());
  if (done)
    done = write_arrays(view, how, damaged, out);
  if (done && how.full)
    done = write_dismissed(view, out);
  return done ? to("\n}") : done;
}

} // namespace cortex::context_memory
