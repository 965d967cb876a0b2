#include "cortex/context_memory/rows.hpp"
#include "cortex/context_memory/schema.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>

namespace cortex::context_memory {
namespace {

template <class T>
expected<void> outcome_of(expected<T> done) {
  if (!done)
    return unexpected{std::move(done).error()};
  return {};
}

// What cannot be read was told when it was shown.
void ignore_damage(std::string_view /*where*/) {}

/// Every suggestion with whether it was dismissed.
expected<std::vector<std::pair<suggestion, bool>>> read_suggestions(storage::snapshot& view) {
  std::vector<std::pair<suggestion, bool>> out;
  auto read = each_suggestion(view, ignore_damage,
                              [&](const suggestion& each, bool dismissed) -> expected<void> {
                                out.emplace_back(each, dismissed);
                                return {};
                              });
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

/// Ids and keys of what was dismissed, by us or by the original.
struct dismissals {
  std::set<std::string> ids;
  std::set<std::pair<std::string, std::string>> keys;
};

expected<dismissals> find_dismissals(storage::snapshot& view) {
  dismissals out;
  auto remembered = read_dismissed(view);
  if (!remembered)
    return unexpected{std::move(remembered).error()};
  for (auto& each : *remembered)
    out.keys.emplace(std::move(each.kind), std::move(each.identifier));
  auto stored = read_suggestions(view);
  if (!stored)
    return unexpected{std::move(stored).error()};
  for (const auto& [each, dismissed] : *stored) {
    if (!dismissed)
      continue;
    out.ids.insert(each.suggestion_id);
    if (auto key = key_of(each))
      out.keys.emplace(std::move(key->kind), std::move(key->identifier));
  }
  return out;
}

/// What a suggestion names as the action that worked, or nothing.
std::string_view named_action(const suggestion& what) {
  const std::string_view text = what.description;
  const auto colon = text.find(": ");
  return colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 2);
}

} // namespace

// -- entries and patterns -------------------------------------------------------------------------

expected<std::int64_t> insert_entry(storage::transaction& in, const new_entry& row) {
  const auto& what = row.what;
  auto done = in.execute("INSERT INTO memory_entries(timestamp, category, context, action, result, "
                         "success, confidence, frequency, metadata, created_at) "
                         "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         what.timestamp, what.category, what.context, what.action, what.result,
                         what.success, what.confidence, what.frequency, row.metadata_text,
                         row.created_at);
  if (!done)
    return unexpected{std::move(done).error()};
  return done->last_id;
}

expected<void> write_pattern(storage::transaction& in, const new_entry& row,
                             const pattern_change& change) {
  const auto& what = row.what;
  return outcome_of(in.execute(
    "INSERT INTO patterns(pattern_id, pattern_type, description, frequency, last_seen, confidence, "
    "actions, context, created_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT(pattern_id) DO UPDATE SET frequency = excluded.frequency, "
    "last_seen = excluded.last_seen, confidence = min(1.0, coalesce(confidence, 0.0) + 0.1)",
    change.pattern_id, what.category, "Recurring pattern: " + what.action, change.frequency,
    what.timestamp, std::min(1.0, static_cast<double>(change.frequency) / 10.0),
    json::array({what.action}).dump(), json::object({{"category", what.category}}).dump(),
    row.created_at));
}

expected<void> correct_pattern(storage::transaction& in, const pattern_change& change,
                               const std::string& made_since) {
  constexpr std::int64_t fewest = 3;
  if (change.frequency >= fewest)
    return outcome_of(in.execute("UPDATE patterns SET frequency = ? WHERE pattern_id = ?",
                                 change.frequency, change.pattern_id));
  return outcome_of(in.execute("DELETE FROM patterns WHERE pattern_id = ? AND frequency = ? "
                               "AND created_at >= ?",
                               change.pattern_id, fewest, made_since));
}

expected<std::int64_t> delete_entries(storage::transaction& in,
                                      const std::vector<std::int64_t>& ids) {
  std::int64_t count = 0;
  for (const auto id : ids) {
    auto gone = in.execute("DELETE FROM memory_entries WHERE id = ?", id);
    if (!gone)
      return unexpected{std::move(gone).error()};
    count += gone->rows;
  }
  return count;
}

// -- suggestions ----------------------------------------------------------------------------------

expected<bool> insert_suggestion(storage::transaction& in, const suggestion& what, bool dismissed) {
  auto done = in.execute(
    "INSERT OR IGNORE INTO suggestions(suggestion_id, suggestion_type, title, description, "
    "confidence, based_on, created_at, dismissed) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    what.suggestion_id, what.suggestion_type, what.title, what.description, what.confidence,
    json::array_of(what.based_on).dump(), what.created_at, dismissed);
  if (!done)
    return unexpected{std::move(done).error()};
  return done->rows > 0;
}

expected<std::vector<suggestion>> store_suggestions(storage::transaction& in,
                                                    const std::vector<suggestion>& drawn) {
  auto gone = find_dismissals(in);
  if (!gone)
    return unexpected{std::move(gone).error()};
  std::vector<suggestion> out;
  for (const auto& each : drawn) {
    auto key = key_of(each);
    if (gone->ids.contains(each.suggestion_id)
        || (key && gone->keys.contains({key->kind, key->identifier})))
      continue;
    if (auto stored = insert_suggestion(in, each); !stored)
      return unexpected{std::move(stored).error()};
    out.push_back(each);
  }
  return out;
}

expected<void> remember_dismissal(storage::transaction& in, const suggestion_key& key,
                                  const std::string& now) {
  if (auto made = in.execute_script(dismissed_schema); !made)
    return made;
  return outcome_of(in.execute("INSERT OR IGNORE INTO cortex_context_memory_dismissed "
                               "VALUES(?, ?, ?)",
                               key.kind, key.identifier, now));
}

expected<void> dismiss_suggestion(storage::transaction& in, const std::string& id,
                                  const std::string& now) {
  auto stored = read_suggestions(in);
  if (!stored)
    return unexpected{std::move(stored).error()};
  const auto named = std::ranges::find(
    *stored, id, [](const auto& each) -> const std::string& { return each.first.suggestion_id; });
  if (named == stored->end())
    return {};
  const auto key = key_of(named->first);
  for (const auto& [each, dismissed] : *stored) {
    if (dismissed || (each.suggestion_id != id && (!key || key_of(each) != key)))
      continue;
    auto done = in.execute("UPDATE suggestions SET dismissed = 1 WHERE suggestion_id = ?",
                           each.suggestion_id);
    if (!done)
      return unexpected{std::move(done).error()};
  }
  return key ? remember_dismissal(in, *key, now) : expected<void>{};
}

// -- preferences ----------------------------------------------------------------------------------

expected<void> write_preference(storage::transaction& in, const std::string& key,
                                const std::string& value_text,
                                const std::optional<std::string>& category,
                                const std::string& now) {
  return outcome_of(in.execute(
    "INSERT INTO preferences(key, value, category, updated_at) VALUES(?1, ?2, "
    "coalesce(?3, 'general'), ?4) ON CONFLICT(key) DO UPDATE SET value = excluded.value, "
    "category = coalesce(?3, category), updated_at = excluded.updated_at",
    key, value_text, category, now));
}

// -- forgetting -----------------------------------------------------------------------------------

expected<forgotten>
forget_entries(storage::transaction& in, const std::vector<std::int64_t>& ids,
               const std::vector<std::pair<std::string, std::string>>& vanished) {
  forgotten out;
  auto entries = delete_entries(in, ids);
  if (!entries)
    return unexpected{std::move(entries).error()};
  out.entries = *entries;
  std::unordered_set<std::string> sources; // that suggestions may rest on
  std::unordered_set<std::string_view> actions;
  for (const auto id : ids)
    sources.insert(std::to_string(id));
  for (const auto& [category, action] : vanished) {
    const auto id = pattern_id_of(category, action);
    auto gone = in.execute("DELETE FROM patterns WHERE pattern_id = ?", id);
    if (!gone)
      return unexpected{std::move(gone).error()};
    out.patterns += gone->rows;
    sources.insert(id);
    actions.insert(action);
  }
  auto stored = read_suggestions(in);
  if (!stored)
    return unexpected{std::move(stored).error()};
  for (const auto& [each, dismissed] : *stored) {
    const bool rests_on_it = std::ranges::any_of(
      each.based_on, [&](const std::string& source) { return sources.contains(source); });
    if (!rests_on_it && !actions.contains(named_action(each)))
      continue;
    auto gone = in.execute("DELETE FROM suggestions WHERE suggestion_id = ?", each.suggestion_id);
    if (!gone)
      return unexpected{std::move(gone).error()};
    out.suggestions += gone->rows;
  }
  auto remembered = read_dismissed(in);
  if (!remembered)
    return unexpected{std::move(remembered).error()};
  for (const auto& [kind, identifier] : *remembered) {
    if (!actions.contains(identifier) && !(kind == "proactive" && sources.contains(identifier)))
      continue;
    auto gone = in.execute("DELETE FROM cortex_context_memory_dismissed "
                           "WHERE kind = ? AND identifier = ?",
                           kind, identifier);
    if (!gone)
      return unexpected{std::move(gone).error()};
  }
  return out;
}

} // namespace cortex::context_memory
