#include "cortex/context_memory/rows.hpp"
#include "cortex/context_memory/schema.hpp"

namespace cortex::context_memory {
namespace {

constexpr std::string_view entry_columns
  = "SELECT id, timestamp, category, context, action, result, success, confidence, frequency, "
    "metadata, created_at FROM memory_entries ";
constexpr std::string_view pattern_columns
  = "SELECT pattern_id, pattern_type, description, frequency, last_seen, confidence, actions, "
    "context, created_at FROM patterns ";
constexpr std::string_view suggestion_columns
  = "SELECT suggestion_id, suggestion_type, title, description, confidence, based_on, created_at, "
    "dismissed FROM suggestions ";
constexpr std::string_view preference_columns
  = "SELECT key, value, category, updated_at FROM preferences ";

std::string sql_of(std::string_view columns, std::string_view rest) {
  return std::string{columns}.append(rest);
}

/// Nothing if the text is empty or null, or cannot be read; only that is told.
std::optional<json> read_json(const storage::row& at, int column, const damage_sink& damaged,
                              std::string_view table) {
  const auto text = at.get<std::string_view>(column);
  if (text.empty())
    return std::nullopt;
  auto value = json::parse(text);
  if (value)
    return *std::move(value);
  damaged(std::string{table}.append(" ").append(at.get<std::string_view>(0)));
  return std::nullopt;
}

json read_container(const storage::row& at, int column, json_kind kind, const damage_sink& damaged,
                    std::string_view table) {
  auto value = read_json(at, column, damaged, table);
  if (value && value->kind() == kind)
    return *std::move(value);
  return kind == json_kind::array ? json::array() : json::object();
}

entry entry_of(const storage::row& at, const damage_sink& damaged) {
  entry out;
  out.id = at.get<std::int64_t>(0);
  out.timestamp = at.get<std::string>(1);
  out.category = at.get<std::string>(2);
  out.context = at.get<std::string>(3);
  out.action = at.get<std::string>(4);
  out.result = at.get<std::string>(5);
  out.success = at.get<bool>(6);
  out.confidence = at.get<double>(7);
  out.frequency = at.get<std::int64_t>(8);
  out.metadata = read_container(at, 9, json_kind::object, damaged, "memory_entries");
  return out;
}

pattern pattern_of(const storage::row& at, const damage_sink& damaged) {
  pattern out;
  out.pattern_id = at.get<std::string>(0);
  out.pattern_type = at.get<std::string>(1);
  out.description = at.get<std::string>(2);
  out.frequency = at.get<std::int64_t>(3);
  out.last_seen = at.get<std::string>(4);
  out.confidence = at.get<double>(5);
  out.actions = read_container(at, 6, json_kind::array, damaged, "patterns");
  out.context = read_container(at, 7, json_kind::object, damaged, "patterns");
  return out;
}

suggestion suggestion_of(const storage::row& at, const damage_sink& damaged) {
  suggestion out;
  out.suggestion_id = at.get<std::string>(0);
  out.suggestion_type = at.get<std::string>(1);
  out.title = at.get<std::string>(2);
  out.description = at.get<std::string>(3);
  out.confidence = at.get<double>(4);
  const auto based_on = read_container(at, 5, json_kind::array, damaged, "suggestions");
  for (const auto& each : *based_on.elements())
    out.based_on.push_back(each.text() != nullptr ? *each.text() : each.dump());
  out.created_at = at.get<std::string>(6);
  return out;
}

/// Calls `take` for each row of a query.
template <class Take, class... Bound>
expected<void> each_row(storage::snapshot& view, const std::string& sql, Take take,
                        const Bound&... bound) {
  auto rows = view.query(sql, bound...);
  if (!rows)
    return unexpected{std::move(rows).error()};
  return rows->each(take);
}

} // namespace

// -- entries --------------------------------------------------------------------------------------

expected<std::shared_ptr<entry_table>> load_entries(storage::snapshot& view) {
  auto table = std::make_shared<entry_table>();
  facts each;
  auto read = each_row(
    view,
    "SELECT id, timestamp, category, context, action, success FROM memory_entries ORDER BY id",
    [&](storage::row at) {
      each.id = at.get<std::int64_t>(0);
      each.timestamp = at.get<std::string_view>(1);
      each.category = at.get<std::string_view>(2);
      each.context = at.get<std::string_view>(3);
      each.action = at.get<std::string_view>(4);
      each.success = at.get<bool>(5);
      table->append(each);
    });
  if (!read)
    return unexpected{std::move(read).error()};
  table->sort();
  return table;
}

expected<std::vector<entry>> read_entries(storage::snapshot& view,
                                          const std::vector<std::int64_t>& ids,
                                          const damage_sink& damaged) {
  const auto sql = sql_of(entry_columns, "WHERE id = ?");
  std::vector<entry> out;
  out.reserve(ids.size());
  for (const auto id : ids) {
    auto read = each_row(
      view, sql, [&](storage::row at) { out.push_back(entry_of(at, damaged)); }, id);
    if (!read)
      return unexpected{std::move(read).error()};
  }
  return out;
}

expected<void>
each_entry(storage::snapshot& view, const damage_sink& damaged,
           const std::function<expected<void>(const entry&, const std::string& created_at)>& take) {
  return each_row(view, sql_of(entry_columns, "ORDER BY id"), [&](storage::row at) {
    return take(entry_of(at, damaged), at.get<std::string>(10));
  });
}

expected<std::vector<entry>> read_newest(storage::snapshot& view, std::size_t count,
                                         text::micros newer_than, const damage_sink& damaged) {
  // Two days of zones and changed clocks: what comes before in the order of texts is older.
  constexpr text::micros margin = 2 * std::int64_t{86'400} * 1'000'000;
  auto rows = view.query(sql_of(entry_columns, "WHERE timestamp >= ? "
                                               "ORDER BY timestamp DESC, id DESC"),
                         text::format_local(newer_than - margin));
  if (!rows)
    return unexpected{std::move(rows).error()};
  std::vector<entry> out;
  text::local_time_reader reader;
  while (out.size() < count) {
    auto more = rows->next();
    if (!more)
      return unexpected{std::move(more).error()};
    if (!*more)
      break;
    const auto at = rows->current();
    const auto instant = reader.read(at.get<std::string_view>(1));
    if (instant && *instant > newer_than)
      out.push_back(entry_of(at, damaged));
  }
  return out;
}

// -- patterns -------------------------------------------------------------------------------------

expected<std::vector<pattern>> read_patterns(storage::snapshot& view, const std::string& type,
                                             double min_confidence, const damage_sink& damaged) {
  std::vector<pattern> out;
  const auto take = [&](storage::row at) { out.push_back(pattern_of(at, damaged)); };
  constexpr std::string_view order = "ORDER BY confidence DESC, frequency DESC, rowid";
  auto read
    = type.empty()
        ? each_row(view,
                   sql_of(pattern_columns, std::string{"WHERE confidence >= ? "}.append(order)),
                   take, min_confidence)
        : each_row(view,
                   sql_of(pattern_columns,
                          std::string{"WHERE confidence >= ? AND pattern_type = ? "}.append(order)),
                   take, min_confidence, type);
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

expected<void> each_pattern(
  storage::snapshot& view, const damage_sink& damaged,
  const std::function<expected<void>(const pattern&, const std::string& created_at)>& take) {
  return each_row(view, sql_of(pattern_columns, "ORDER BY rowid"), [&](storage::row at) {
    return take(pattern_of(at, damaged), at.get<std::string>(8));
  });
}

// -- suggestions ----------------------------------------------------------------------------------

expected<std::vector<suggestion>> read_active(storage::snapshot& view, std::int64_t limit,
                                              const damage_sink& damaged) {
  std::vector<suggestion> out;
  auto read = each_row(
    view,
    sql_of(suggestion_columns, "WHERE dismissed = 0 "
                               "ORDER BY confidence DESC, created_at DESC, rowid LIMIT ?"),
    [&](storage::row at) { out.push_back(suggestion_of(at, damaged)); }, limit);
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

expected<void>
each_suggestion(storage::snapshot& view, const damage_sink& damaged,
                const std::function<expected<void>(const suggestion&, bool dismissed)>& take) {
  return each_row(view, sql_of(suggestion_columns, "ORDER BY rowid"), [&](storage::row at) {
    return take(suggestion_of(at, damaged), at.get<bool>(7));
  });
}

expected<std::vector<suggestion_key>> read_dismissed(storage::snapshot& view) {
  std::vector<suggestion_key> out;
  auto there = view.one<int>("SELECT 1 FROM sqlite_master WHERE type = 'table' "
                             "AND name = 'cortex_context_memory_dismissed'");
  if (!there)
    return unexpected{std::move(there).error()};
  if (!*there)
    return out;
  auto read = each_row(view,
                       "SELECT kind, identifier FROM cortex_context_memory_dismissed "
                       "ORDER BY kind, identifier",
                       [&](storage::row at) {
                         out.push_back({at.get<std::string>(0), at.get<std::string>(1)});
                       });
  if (!read)
    return unexpected{std::move(read).error()};
  return out;
}

// -- preferences ----------------------------------------------------------------------------------

expected<void> each_preference(storage::snapshot& view, const damage_sink& damaged,
                               const std::function<expected<void>(const preference_row&)>& take) {
  return each_row(view, sql_of(preference_columns, "ORDER BY rowid"),
                  [&](storage::row at) -> expected<void> {
                    auto value = read_json(at, 1, damaged, "preferences");
                    if (!value)
                      return {};
                    return take({at.get<std::string>(0), *std::move(value), at.get<std::string>(2),
                                 at.get<std::string>(3)});
                  });
}

expected<std::optional<json>> read_preference(storage::snapshot& view, const std::string& key,
                                              const damage_sink& damaged) {
  std::optional<json> out;
  auto read = each_row(
    view, sql_of(preference_columns, "WHERE key = ?"),
    [&](storage::row at) { out = read_json(at, 1, damaged, "preferences"); }, key);
  if (!read)
    return unexpected{std::move(read).error()};
  return expected<std::optional<json>>{std::in_place, std::move(out)};
}

} // namespace cortex::context_memory
