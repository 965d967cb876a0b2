#include "cortex/context_memory/intake.hpp"

#include "cortex/text/redaction.hpp"
#include "cortex/text/unicode.hpp"
#include "cortex/text/utc_time.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace cortex::context_memory {
namespace {

bool deeper_than(const json& value, std::size_t levels) {
  const auto child_is = [levels](const json& child) { return deeper_than(child, levels - 1); };
  if (const auto* elements = value.elements())
    return levels == 0 || std::ranges::any_of(*elements, child_is);
  if (const auto* members = value.members())
    return levels == 0 || std::ranges::any_of(*members, child_is, &json_member::value);
  return false;
}

} // namespace

text::micros micros_of(wall_time instant) noexcept {
  return std::chrono::floor<std::chrono::microseconds>(instant).time_since_epoch().count();
}

std::string created_at(wall_time now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  auto made = text::format_utc(seconds); // YYYY-MM-DDTHH:MM:SSZ
  made.pop_back();
  made[10] = ' ';
  return made;
}

expected<void> check_text(std::string_view name, std::string_view text) {
  if (text.size() > max_text_bytes)
    return fail(errc::invalid_argument,
                std::string{name} + ": longer than " + std::to_string(max_text_bytes) + " bytes");
  if (!text::valid_utf8(text))
    return fail(errc::invalid_argument, std::string{name} + ": no valid UTF-8");
  return {};
}

expected<std::string> checked_json(std::string_view name, const json& value) {
  if (deeper_than(value, max_json_depth))
    return fail(errc::invalid_argument, std::string{name} + ": nested deeper than "
                                          + std::to_string(max_json_depth) + " levels");
  auto text = value.dump();
  if (text.size() > max_text_bytes)
    return fail(errc::invalid_argument, std::string{name} + ": a text of more than "
                                          + std::to_string(max_text_bytes) + " bytes");
  return text;
}

expected<new_entry> prepare(entry what, wall_time now, bool redact) {
  const std::pair<std::string_view, const std::string*> texts[] = {{"timestamp", &what.timestamp},
                                                                   {"category", &what.category},
                                                                   {"context", &what.context},
                                                                   {"action", &what.action},
                                                                   {"result", &what.result}};
  for (const auto& [name, text] : texts)
    if (auto good = check_text(name, *text); !good)
      return unexpected{std::move(good).error()};
  if (!std::isfinite(what.confidence))
    return fail(errc::invalid_argument, "confidence: not finite");
  if (what.metadata.is_null())
    what.metadata = json::object();
  if (what.metadata.kind() != json_kind::object)
    return fail(errc::invalid_argument, "metadata: no object");
  auto metadata = checked_json("metadata", what.metadata);
  if (!metadata)
    return unexpected{std::move(metadata).error()};
  if (redact) {
    what.context = text::redacted(what.context);
    what.action = text::redacted(what.action);
    what.result = text::redacted(what.result);
    if (what.metadata.size() > 0) {
      text::redact(what.metadata);
      metadata = what.metadata.dump();
    }
  }
  if (what.timestamp.empty())
    what.timestamp = text::format_local(micros_of(now));
  return new_entry{std::move(what), *std::move(metadata), created_at(now)};
}

} // namespace cortex::context_memory
