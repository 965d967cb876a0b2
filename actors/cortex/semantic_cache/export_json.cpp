#include "cortex/semantic_cache/export_json.hpp"

#include "cortex/semantic_cache/rows.hpp"
#include "cortex/text/python_json.hpp"
#include "cortex/text/utc_time.hpp"

#include <utility>

namespace cortex::semantic_cache {
namespace {

void append_member(std::string& out, const char* name, std::string_view text) {
  out += ", \"";
  out += name;
  out += "\": ";
  text::append_python_json(out, text);
}

std::string object_of(const raw_row& row, const std::vector<std::string>& commands,
                      std::optional<std::int64_t> ends_at) {
  std::string out = "{\"id\": " + std::to_string(row.id);
  append_member(out, "provider", row.provider);
  append_member(out, "model", row.model);
  append_member(out, "system_hash", row.system_hash);
  append_member(out, "prompt", row.prompt);
  out += ", \"commands\": " + text::python_json(commands);
  append_member(out, "created_at", row.created_at);
  append_member(out, "last_accessed", row.last_accessed);
  out += ", \"hit_count\": " + std::to_string(row.hit_count);
  if (ends_at)
    append_member(out, "expires_at", text::format_utc(*ends_at));
  else
    out += ", \"expires_at\": null";
  return out + '}';
}

} // namespace

expected<std::size_t> write_json(storage::snapshot& view, const selection& which,
                                 const cache::sink& to) {
  std::size_t count = 0;
  auto written = each_row(
    view, which, [&](const raw_row& row, std::optional<std::int64_t> ends_at) -> expected<void> {
      const auto commands = text::read_json_texts(row.commands_json);
      if (!commands)
        return {};
      return to((count++ == 0 ? "[\n" : ",\n") + object_of(row, *commands, ends_at));
    });
  if (written)
    written = to(count == 0 ? "[]\n" : "\n]\n");
  if (!written)
    return unexpected{std::move(written).error()};
  return count;
}

} // namespace cortex::semantic_cache
