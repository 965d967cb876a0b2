// The recorded scenarios of the original through the public interface, down to the rows of the
// file, and a file that the original wrote.
#include "cache_fixture.hpp"
#include "support/vectors.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cortex::storage::snapshot;
using nlohmann::json;

namespace {

std::string kind_name(cache::match kind) {
  if (kind == cache::match::exact)
    return "exact";
  return kind == cache::match::near ? "semantic" : "miss";
}

cache::key key_of(const json& step) {
  return {step.at("prompt"), step.at("provider"), step.at("model"),
          step.at("system").get_ref<const std::string&>()};
}

std::set<std::int64_t> ids_in(const cache::cache& opened) {
  auto file = opened.database();
  auto ids = file.read(
    [](snapshot& view) { return view.all<std::int64_t>("SELECT id FROM llm_cache_entries"); });
  REQUIRE(ids);
  return {ids->begin(), ids->end()};
}

json rows_of(const cache::cache& opened, const json& columns) {
  std::string list;
  for (const auto& name : columns)
    list += (list.empty() ? "" : ", ") + name.get<std::string>();
  auto rows = json::array();
  auto file = opened.database();
  auto done = file.read([&](snapshot& view) -> cortex::expected<void> {
    auto query = view.query("SELECT " + list + " FROM llm_cache_entries ORDER BY id");
    if (!query)
      return cortex::unexpected{std::move(query).error()};
    return query->each([&](cortex::storage::row at) {
      auto values = json::array();
      for (int i = 0; i < at.size(); ++i) {
        const auto name = columns[static_cast<std::size_t>(i)].get<std::string>();
        if (name == "id" || name == "hit_count")
          values.push_back(at.get<std::int64_t>(i));
        else
          values.push_back(at.get<std::string>(i));
      }
      rows.push_back(std::move(values));
    });
  });
  REQUIRE(done);
  return rows;
}

json difference(const std::set<std::int64_t>& left, const std::set<std::int64_t>& right) {
  auto out = json::array();
  for (const auto id : left)
    if (!right.contains(id))
      out.push_back(id);
  return out;
}

void run_get(const cache::cache& opened, const json& step, bool compare) {
  cache::get request{key_of(step)};
  request.candidate_limit = step.value("candidate_limit", request.candidate_limit);
  const auto answer = opened.call(request);
  REQUIRE(answer);
  if (!compare)
    return;
  const auto& expect = step.at("expect");
  const json commands = answer->commands == nullptr ? json{} : json(*answer->commands);
  if (!expect.is_object()) {
    CHECK(commands == expect);
    return;
  }
  CHECK(commands == expect.at("commands"));
  CHECK(kind_name(answer->kind) == expect.at("kind").get<std::string>());
  CHECK((answer->id == 0 ? json{} : json(answer->id)) == expect.at("matched_id"));
}

void run_put(const cache::cache& opened, const json& step, bool compare) {
  const auto before = ids_in(opened);
  REQUIRE(opened.call(cache::put{key_of(step), step.at("commands")}));
  if (!compare)
    return;
  const auto after = ids_in(opened);
  const auto& expect = step.at("expect");
  CHECK(difference(after, before) == expect.at("new_ids"));
  CHECK(difference(before, after) == expect.at("gone_ids"));
  CHECK(after.size() == expect.at("rows").get<std::size_t>());
}

void run_stats(const cache::cache& opened, const json& step) {
  const auto counted = opened.call(cache::stats{}).value();
  const json all{{"hits", counted.hits},
                 {"misses", counted.misses},
                 {"total", counted.total},
                 {"hit_rate", counted.hit_rate}};
  for (const auto& [name, value] : step.at("expect").items())
    CHECK(all.at(name) == value);
}

void run_step(testing::cache_fixture& t, const cache::cache& opened, const json& step,
              bool compare) {
  const auto operation = step.at("op").get<std::string>();
  if (operation == "clock") {
    t.set_clock(step.at("at"));
  } else if (operation == "get") {
    run_get(opened, step, compare);
  } else if (operation == "put") {
    run_put(opened, step, compare);
  } else if (operation == "stats" && compare) {
    run_stats(opened, step);
  } else if (operation == "rows" && compare) {
    REQUIRE(opened.call(cache::flush{}));
    CHECK(rows_of(opened, step.at("columns")) == step.at("expect"));
  }
}

void play(testing::cache_fixture& t, const cache::cache& opened, const json& steps,
          testing::case_counter& counter) {
  bool diverged = false;
  for (const auto& step : steps) {
    const auto defects = testing::defects_of(step);
    if (diverged || !defects.empty())
      counter.skipped(diverged ? "after a defect" : defects);
    else
      counter.ran();
    if (diverged)
      continue;
    INFO("step " << step.dump());
    run_step(t, opened, step, defects.empty());
    const auto operation = step.at("op").get<std::string>();
    diverged = !defects.empty() && (operation == "get" || operation == "put");
  }
}

} // namespace

TEST_CASE("the cache gives the recorded answers and writes the recorded rows",
          "[semantic_cache][vectors]") {
  testing::case_counter counter{"semantic_cache/scenarios, through the file"};
  for (const auto& scenario : testing::read_vectors("semantic_cache", "scenarios")) {
    INFO("scenario " << scenario.at("name"));
    testing::cache_fixture t{scenario.at("start")};
    auto wanted = t.options();
    wanted.max_entries = scenario.at("max_entries").get<std::int64_t>();
    wanted.threshold = scenario.at("threshold").get<double>();
    const auto opened = t.open(wanted);
    play(t, opened, scenario.at("steps"), counter);
  }
  counter.require_any();
}

TEST_CASE("a file of the original opens as it is and answers as it did there",
          "[semantic_cache][vectors]") {
  testing::case_counter counter{"semantic_cache/database probes"};
  const auto recorded = testing::read_vectors("semantic_cache", "database");
  testing::cache_fixture t{"2025-12-22T12:00:00Z"};
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             t.file());
  const auto opened = t.open();

  play(t, opened, recorded.at("probes"), counter);

  counter.require_any();
}

TEST_CASE("opening a file of the original changes neither its rows nor its schema",
          "[semantic_cache][vectors]") {
  const auto recorded = testing::read_vectors("semantic_cache", "database");
  testing::cache_fixture t;
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             t.file());
  const auto opened = t.open();
  auto file = opened.database();

  const auto columns = json{"id",         "provider",      "model",     "system_hash",
                            "prompt",     "prompt_hash",   "embedding", "commands_json",
                            "created_at", "last_accessed", "hit_count"};
  const auto before = rows_of(opened, columns);
  t.restart();
  const auto again = t.open();

  CHECK(rows_of(again, columns) == before);
  CHECK(before.size() > 0);
  auto reopened = again.database();
  const auto schema = reopened.read([](snapshot& view) {
    return view.all<std::string>("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' "
                                 "ORDER BY name");
  });
  REQUIRE(schema);
  CHECK(*schema
        == std::vector<std::string>{"idx_llm_cache_lru", "idx_llm_cache_unique",
                                    "llm_cache_entries", "llm_cache_stats"});
  const auto version
    = reopened.read([](snapshot& view) { return view.one<int>("PRAGMA user_version"); });
  REQUIRE(version);
  CHECK(version->value() == 0);
}

TEST_CASE("a new file has the tables and columns of the original's", "[semantic_cache][vectors]") {
  const auto recorded = testing::read_vectors("semantic_cache", "database");
  testing::cache_fixture t;
  const auto opened = t.open();
  auto file = opened.database();
  testing::case_counter counter{"semantic_cache/database columns"};
  for (const auto& [table, content] : recorded.at("tables").items()) {
    for (std::size_t i = 0; i < content.at("columns").size(); ++i) {
      const auto& column = content.at("columns")[i];
      INFO(table << " " << column.dump());
      const auto made = file.read([&, name = table](snapshot& view) {
        return view.one<std::string, std::string, bool, std::optional<std::string>, int>(
          "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?) WHERE cid = ?",
          name, static_cast<int>(i));
      });
      REQUIRE(made);
      REQUIRE(*made);
      const auto& [name, type, not_null, fallback, primary] = **made;
      CHECK(name == column.at("name").get<std::string>());
      CHECK(type == column.at("type").get<std::string>());
      CHECK(not_null == column.at("not_null").get<bool>());
      CHECK((fallback ? json(*fallback) : json{}) == column.at("default"));
      CHECK(primary == column.at("pk").get<int>());
      counter.ran();
    }
  }
  counter.require_any();
}
