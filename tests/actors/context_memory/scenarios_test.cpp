// The recorded scenarios of the original through the public interface, down to the rows of the
// file, and a file that the original wrote.
#include "cortex/context_memory/rows.hpp"

#include "memory_fixture.hpp"
#include "memory_vectors.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace testing = cortex::testing;
namespace memory = cortex::context_memory;
using cortex::json;
using cortex::storage::snapshot;
using cortex::storage::transaction;
using testing::at;
using testing::int_at;
using testing::list_at;
using testing::real_at;
using testing::text_at;

namespace {

/// One scenario while it is played.
struct stage {
  testing::memory_fixture& t;
  const memory::memory& opened;
};

memory::entry entry_of(const json& from) {
  memory::entry out;
  const auto text = [&](const char* key, std::string& into) {
    if (const auto* found = from.find(key); found != nullptr && found->text() != nullptr)
      into = *found->text();
  };
  text("timestamp", out.timestamp);
  text("category", out.category);
  text("context", out.context);
  text("action", out.action);
  text("result", out.result);
  if (const auto* found = from.find("success"))
    out.success = found->as_bool().value_or(true);
  if (const auto* found = from.find("confidence"))
    out.confidence = found->as_double().value_or(1.0);
  if (const auto* found = from.find("frequency"))
    out.frequency = found->as_int64().value_or(1);
  if (const auto* found = from.find("metadata"); found != nullptr && !found->is_null())
    out.metadata = *found;
  return out;
}

void run_record(const stage& on, const json& step) {
  const auto done = on.opened.call(memory::record{entry_of(at(step, "entry"))});
  REQUIRE(done);
  const auto& expect = at(step, "expect");
  CHECK(done->id == int_at(expect, "id"));
  CHECK(done->timestamp == text_at(expect, "timestamp"));
}

void run_similar(const stage& on, const json& step) {
  const auto ids = testing::similar_ids(on.opened, text_at(step, "context"), int_at(step, "limit"));
  CHECK(json::array_of(ids) == at(step, "expect_ids"));
}

void run_patterns(const stage& on, const json& step) {
  memory::patterns request;
  if (const auto* type = at(step, "pattern_type").text())
    request.type = *type;
  request.min_confidence = real_at(step, "min_confidence");
  const auto found = on.opened.call(request);
  REQUIRE(found);
  json all = json::array();
  for (const auto& each : *found)
    all.push_back(json::object({{"pattern_id", each.pattern_id},
                                {"pattern_type", each.pattern_type},
                                {"description", each.description},
                                {"frequency", each.frequency},
                                {"last_seen", each.last_seen},
                                {"confidence", each.confidence},
                                {"actions", each.actions},
                                {"context", each.context}}));
  CHECK(all == at(step, "expect"));
}

void check_suggestions(const std::vector<memory::suggestion>& found,
                       const json::array_type& expect) {
  REQUIRE(found.size() == expect.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& each = found[i];
    const auto& wanted = expect[i];
    CHECK(each.suggestion_id == text_at(wanted, "suggestion_id"));
    CHECK(each.suggestion_type == text_at(wanted, "suggestion_type"));
    CHECK(each.title == text_at(wanted, "title"));
    CHECK(json{each.confidence} == at(wanted, "confidence"));
    CHECK(json::array_of(each.based_on) == at(wanted, "based_on"));
    CHECK(each.created_at == text_at(wanted, "created_at"));
    for (const auto& part : list_at(wanted, "description_contains")) {
      INFO(each.description << " with " << part.dump());
      CHECK(each.description.find(*part.text()) != std::string::npos);
    }
  }
}

void run_suggest(const stage& on, const json& step) {
  const auto found = on.opened.call(memory::suggest{});
  REQUIRE(found);
  check_suggestions(*found, list_at(step, "expect"));
}

void run_active(const stage& on, const json& step) {
  const auto found = on.opened.call(memory::active_suggestions{int_at(step, "limit")});
  REQUIRE(found);
  if (step.find("expect") != nullptr) {
    check_suggestions(*found, list_at(step, "expect"));
    return;
  }
  json ids = json::array();
  for (const auto& each : *found)
    ids.push_back(each.suggestion_id);
  CHECK(ids == at(step, "expect_ids"));
}

void run_store_suggestion(const stage& on, const json& step) {
  const auto& from = at(step, "suggestion");
  memory::suggestion what{text_at(from, "suggestion_id"), text_at(from, "suggestion_type"),
                          text_at(from, "title"),         text_at(from, "description"),
                          real_at(from, "confidence"),    {},
                          text_at(from, "created_at")};
  for (const auto& each : list_at(from, "based_on"))
    what.based_on.push_back(*each.text());
  auto file = on.opened.database();
  REQUIRE(file.write([&](transaction& in) { return memory::insert_suggestion(in, what); }));
}

void run_set_preference(const stage& on, const json& step) {
  memory::set_preference request{text_at(step, "key"), at(step, "value")};
  if (const auto* category = step.find("category"); category != nullptr && !category->is_null())
    request.category = *category->text();
  REQUIRE(on.opened.call(request));
}

void run_get_preference(const stage& on, const json& step) {
  const auto found = on.opened.call(memory::get_preference{text_at(step, "key")});
  REQUIRE(found);
  CHECK((*found ? **found : at(step, "default")) == at(step, "expect"));
}

void run_statistics(const stage& on, const json& step) {
  const auto counted = on.opened.call(memory::statistics{});
  REQUIRE(counted);
  CHECK(counted->to_json() == at(step, "expect"));
  if (const auto* text = step.find("expect_json"))
    CHECK(counted->to_json().dump() == *text->text());
}

void run_export(const stage& on, const json& step) {
  std::string text;
  memory::export_options how;
  how.include_dismissed = at(step, "include_dismissed").as_bool().value();
  REQUIRE(on.opened.export_json(
    [&](std::string_view piece) -> cortex::expected<void> {
      text += piece;
      return {};
    },
    how));
  CHECK(text == text_at(step, "expect_text"));
}

json value_of(const cortex::storage::row& row, int column, const json& like) {
  if (row.get<std::optional<std::string>>(column) == std::nullopt)
    return nullptr;
  switch (like.kind()) {
    case cortex::json_kind::integer: return row.get<std::int64_t>(column);
    case cortex::json_kind::real: return row.get<double>(column);
    default: return row.get<std::string>(column);
  }
}

void run_rows(const stage& on, const json& step) {
  std::string columns;
  for (const auto& name : list_at(step, "columns"))
    columns += (columns.empty() ? "" : ", ") + *name.text();
  const auto& expect = list_at(step, "expect");
  auto file = on.opened.database();
  std::size_t count = 0;
  const auto read = file.read([&](snapshot& view) -> cortex::expected<void> {
    auto rows
      = view.query("SELECT " + columns + " FROM " + text_at(step, "table") + " ORDER BY rowid");
    if (!rows)
      return cortex::unexpected{std::move(rows).error()};
    return rows->each([&](cortex::storage::row row) {
      REQUIRE(count < expect.size());
      const auto& wanted = *expect[count++].elements();
      json values = json::array();
      for (std::size_t i = 0; i < wanted.size(); ++i)
        values.push_back(value_of(row, static_cast<int>(i), wanted[i]));
      CHECK(values.dump() == json{wanted}.dump());
    });
  });
  REQUIRE(read);
  CHECK(count == expect.size());
}

void play(const stage& on, const json::array_type& steps, testing::case_counter& counter) {
  const std::map<std::string, std::function<void(const stage&, const json&)>> operations{
    {"clock", [](const stage& with, const json& step) { with.t.set_clock(text_at(step, "at")); }},
    {"dismiss",
     [](const stage& with, const json& step) {
       REQUIRE(with.opened.call(memory::dismiss{text_at(step, "suggestion_id")}));
     }},
    {"record", run_record},
    {"similar", run_similar},
    {"patterns", run_patterns},
    {"suggest", run_suggest},
    {"active", run_active},
    {"store_suggestion", run_store_suggestion},
    {"set_preference", run_set_preference},
    {"get_preference", run_get_preference},
    {"statistics", run_statistics},
    {"export", run_export},
    {"rows", run_rows},
  };
  std::string diverged;
  for (const auto& step : steps) {
    if (diverged.empty())
      diverged = testing::memory_defects(step);
    if (!diverged.empty()) {
      counter.skipped(diverged);
      continue;
    }
    INFO("step " << step.dump());
    const auto operation = operations.find(text_at(step, "op"));
    REQUIRE(operation != operations.end());
    operation->second(on, step);
    counter.ran();
  }
}

std::string copy_of_database(const testing::memory_fixture& t, const json& recorded) {
  std::filesystem::copy_file(testing::vector_folder() / text_at(recorded, "file"), t.file());
  return t.file();
}

} // namespace

TEST_CASE("the memory gives the recorded answers and writes the recorded rows",
          "[context_memory][vectors]") {
  testing::case_counter counter{"context_memory/scenarios, steps"};
  const auto vectors = testing::read_memory_vectors();
  for (const auto& scenario : list_at(vectors, "scenarios")) {
    INFO("scenario " << text_at(scenario, "name"));
    if (const auto defects = testing::memory_defects(scenario); !defects.empty()) {
      for (std::size_t i = 0; i < list_at(scenario, "steps").size(); ++i)
        counter.skipped(defects);
      continue;
    }
    testing::memory_fixture t{text_at(scenario, "start")};
    const auto opened = t.open();
    play({t, opened}, list_at(scenario, "steps"), counter);
  }
  counter.require_any();
}

TEST_CASE("a memory of the original opens as it is and answers as it did there",
          "[context_memory][vectors]") {
  testing::case_counter counter{"context_memory/database probes"};
  const auto vectors = testing::read_memory_vectors();
  testing::memory_fixture t{"2025-12-22T12:00:00Z"};
  copy_of_database(t, at(vectors, "database"));
  const auto opened = t.open();

  play({t, opened}, list_at(at(vectors, "database"), "probes"), counter);

  counter.require_any();
}

TEST_CASE("opening a memory of the original changes neither its rows nor its schema",
          "[context_memory][vectors]") {
  const auto vectors = testing::read_memory_vectors();
  const auto& recorded = at(vectors, "database");
  testing::memory_fixture t;
  copy_of_database(t, recorded);
  const auto schema = [&] {
    testing::sqlite_probe probe{t.file(), testing::sqlite_probe::access::read_write};
    return probe.text("SELECT group_concat(type || name || tbl_name || coalesce(sql, ''), char(10))"
                      " FROM (SELECT * FROM sqlite_master ORDER BY rowid)");
  };
  const auto before = schema();
  testing::case_counter counter{"context_memory/database rows"};
  {
    const auto opened = t.open();
    for (const auto& [table, content] : *at(recorded, "tables").members()) {
      INFO(table);
      auto step = json::object({{"table", table},
                                {"columns", at(content, "row_columns")},
                                {"expect", at(content, "rows")}});
      run_rows({t, opened}, step);
      counter.ran();
    }
    CHECK(testing::value_in<std::int64_t>(opened, "PRAGMA user_version") == 0);
  }
  t.restart();

  REQUIRE(before);
  CHECK(schema() == before);
  counter.require_any();
}

TEST_CASE("a new memory has the schema of the original's, to the byte",
          "[context_memory][vectors]") {
  const auto vectors = testing::read_memory_vectors();
  testing::memory_fixture t;
  const auto source = testing::vector_folder() / text_at(at(vectors, "database"), "file");
  const auto copy = t.folder / "original.db";
  std::filesystem::copy_file(source, copy);
  const std::string sql = "SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_master "
                          "WHERE sql IS NOT NULL ORDER BY name)";
  const auto opened = t.open();

  testing::sqlite_probe original{copy, testing::sqlite_probe::access::read_write};
  const auto wanted = original.text(sql);
  REQUIRE(wanted);
  CHECK(testing::value_in<std::string>(opened, sql) == *wanted);
}
