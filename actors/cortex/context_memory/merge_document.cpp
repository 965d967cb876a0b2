#include "cortex/context_memory/document.hpp"

#include <map>
#include <tuple>
#include <unordered_map>

namespace cortex::context_memory {
namespace {

/// Old ids of entries to new ones.
using id_map = std::unordered_map<std::string, std::string>;

/// What makes two entries the same. Equal ones count: three here and one there make two new ones.
using identity = std::tuple<std::string_view, std::string_view, std::string_view, std::string_view,
                            std::string_view>;

struct occurrences {
  std::vector<std::int64_t> ids; ///< That were there before.
  std::size_t seen = 0;          ///< In the document.
};

expected<std::vector<std::int64_t>> find_equal(storage::snapshot& view, const entry& what) {
  return view.all<std::int64_t>(
    "SELECT id FROM memory_entries WHERE timestamp = ? AND category = ? AND action = ? "
    "AND coalesce(context, '') = ? AND coalesce(result, '') = ? ORDER BY id",
    what.timestamp, what.category, what.action, what.context, what.result);
}

expected<void> merge_entries(storage::transaction& in, const document& from, merged& out,
                             id_map& names) {
  std::map<identity, occurrences> known;
  for (std::size_t i = 0; i < from.entries.size(); ++i) {
    const auto& what = from.entries[i].what;
    const auto [place, is_new] = known.try_emplace(
      identity{what.timestamp, what.category, what.action, what.context, what.result});
    auto& equal = place->second;
    if (is_new) {
      auto found = find_equal(in, what);
      if (!found)
        return unexpected{std::move(found).error()};
      equal.ids = *std::move(found);
    }
    const auto nth = equal.seen++;
    if (nth < equal.ids.size()) {
      names.emplace(std::to_string(what.id), std::to_string(equal.ids[nth]));
      continue;
    }
    auto id = insert_entry(in, from.entries[i]);
    if (!id)
      return unexpected{std::move(id).error()};
    names.emplace(std::to_string(what.id), std::to_string(*id));
    out.entries.emplace_back(*id, i);
  }
  out.counts.entries = static_cast<std::int64_t>(out.entries.size());
  return {};
}

expected<void> merge_patterns(storage::transaction& in, const document& from, merged& out) {
  for (const auto& [what, made] : from.patterns) {
    auto done = in.execute(
      "INSERT INTO patterns(pattern_id, pattern_type, description, frequency, last_seen, "
      "confidence, actions, context, created_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT(pattern_id) DO UPDATE SET frequency = max(frequency, excluded.frequency), "
      "last_seen = max(last_seen, excluded.last_seen), "
      "confidence = max(confidence, excluded.confidence) "
      "WHERE excluded.frequency > frequency OR excluded.last_seen > last_seen "
      "OR excluded.confidence > confidence",
      what.pattern_id, what.pattern_type, what.description, what.frequency, what.last_seen,
      what.confidence, what.actions.dump(), what.context.dump(), made);
    if (!done)
      return unexpected{std::move(done).error()};
    out.counts.patterns += done->rows;
  }
  return {};
}

expected<void> merge_suggestions(storage::transaction& in, const document& from,
                                 const id_map& names, merged& out) {
  for (const auto& [what, dismissed] : from.suggestions) {
    auto renamed = what;
    const auto key = key_of(what);
    if (!key || key->kind != "proactive") // those name a pattern
      for (auto& each : renamed.based_on)
        if (const auto name = names.find(each); name != names.end())
          each = name->second;
    auto is_new = insert_suggestion(in, renamed, dismissed);
    if (!is_new)
      return unexpected{std::move(is_new).error()};
    out.counts.suggestions += *is_new ? 1 : 0;
    if (*is_new || !dismissed)
      continue;
    auto done = in.execute("UPDATE suggestions SET dismissed = 1 "
                           "WHERE suggestion_id = ? AND dismissed = 0",
                           what.suggestion_id);
    if (!done)
      return unexpected{std::move(done).error()};
    out.counts.suggestions += done->rows;
  }
  return {};
}

expected<void> merge_preferences(storage::transaction& in, const document& from,
                                 const std::string& now, merged& out) {
  for (const auto& each : from.preferences) {
    const auto stamped = each.updated_at.empty() ? now : each.updated_at;
    auto done = in.execute(
      "INSERT INTO preferences(key, value, category, updated_at) VALUES(?1, ?2, ?3, ?4) "
      "ON CONFLICT(key) DO UPDATE SET value = excluded.value, category = excluded.category, "
      "updated_at = excluded.updated_at WHERE ?5 AND excluded.updated_at > updated_at",
      each.key, each.value.dump(), each.category, stamped, !each.updated_at.empty());
    if (!done)
      return unexpected{std::move(done).error()};
    out.counts.preferences += done->rows;
  }
  return {};
}

} // namespace

expected<merged> merge_document(storage::transaction& in, const document& from,
                                const std::string& now) {
  merged out;
  id_map names;
  auto done = merge_entries(in, from, out, names);
  if (done)
    done = merge_patterns(in, from, out);
  if (done)
    done = merge_suggestions(in, from, names, out);
  if (done)
    done = merge_preferences(in, from, now, out);
  for (const auto& each : from.dismissed)
    if (done)
      done = remember_dismissal(in, each, now);
  if (!done)
    return unexpected{std::move(done).error()};
  return out;
}

} // namespace cortex::context_memory
