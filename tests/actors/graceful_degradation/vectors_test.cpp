// What the original gave for queries, patterns and whole scenarios, down to the rows of the file,
// and a file that it wrote.
#include "cortex/graceful_degradation/words.hpp"
#include "cortex/text/unicode.hpp"

#include "manager_fixture.hpp"
#include "support/make_files/make_files.hpp"
#include "support/vectors.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::storage::snapshot;
using nlohmann::json;

namespace {

const std::string vectors = "graceful_degradation";

json text_or_null(const std::optional<std::string>& text) {
  return text ? json(*text) : json{};
}

json json_of(const degraded::record& one) {
  return {{"query_hash", one.query_hash},
          {"query", one.query},
          {"response", one.response},
          {"created_at", testing::iso_text(one.created_at)},
          {"hit_count", one.hit_count},
          {"last_used", one.last_used ? json(testing::iso_text(*one.last_used)) : json{}}};
}

json json_of(const std::optional<degraded::matched>& found) {
  if (!found)
    return {};
  return {{"type", to_string(found->type)},
          {"command", found->command.text},
          {"confidence", found->confidence},
          {"source", "pattern_matching"}};
}

json json_of(const degraded::answer& got) {
  json out{{"query", got.query},
           {"response", got.response},
           {"command", got.command ? json(got.command->text) : json{}},
           {"source", to_string(got.source)},
           {"confidence", got.confidence},
           {"mode", to_string(got.mode)},
           {"cached", got.cached}};
  if (got.similar_query)
    out["similar_query"] = *got.similar_query;
  return out;
}

json json_of(const degraded::manager_status& now) {
  return {{"mode", to_string(now.mode)},
          {"api_status", to_string(now.api_status)},
          {"api_failures", now.api_failures},
          {"cache_entries", now.cache_entries},
          {"cache_hits", now.cache_hits},
          {"last_check", now.last_check ? json(testing::iso_text(*now.last_check)) : json{}}};
}

json json_of(const degraded::health& found) {
  json latency;
  if (found.latency)
    latency = std::chrono::duration<double, std::milli>(*found.latency).count();
  return {{"status", to_string(found.status)},
          {"latency_ms", latency},
          {"error_message", text_or_null(found.error)},
          {"healthy", found.healthy()}};
}

/// Compares what is expected; `response_contains` lists parts of the response.
void check_fields(const json& got, const json& expect) {
  for (const auto& [name, value] : expect.items()) {
    INFO(name << " of " << got.dump());
    if (name == "response_contains") {
      for (const auto& part : value)
        CHECK(got.at("response").get<std::string>().find(part.get<std::string>())
              != std::string::npos);
    } else {
      CHECK((got.contains(name) ? got.at(name) : json("missing")) == value);
    }
  }
}

json rows_of(const degraded::manager& opened, const json& columns) {
  std::string list;
  for (const auto& name : columns)
    list += (list.empty() ? "" : ", ") + name.get<std::string>();
  auto rows = json::array();
  auto file = opened.database();
  auto done = file.read([&](snapshot& view) -> cortex::expected<void> {
    auto query = view.query("SELECT " + list + " FROM response_cache ORDER BY rowid");
    if (!query)
      return cortex::unexpected{std::move(query).error()};
    return query->each([&](cortex::storage::row at) {
      auto values = json::array();
      for (int i = 0; i < at.size(); ++i) {
        if (columns[static_cast<std::size_t>(i)] == "hit_count")
          values.push_back(at.get<std::int64_t>(i));
        else
          values.push_back(text_or_null(at.get<std::optional<std::string>>(i)));
      }
      rows.push_back(std::move(values));
    });
  });
  REQUIRE(done);
  return rows;
}

/// Sets variables of the environment and gives them back at its end.
class environment {
public:
  explicit environment(const json& wanted) {
    for (const char* name : {"ANTHROPIC_API_KEY", "OPENAI_API_KEY"}) {
      const char* before = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread
      before_.emplace_back(name, before == nullptr ? std::optional<std::string>{} : before);
      set(name, wanted.contains(name) ? wanted.at(name).get<std::string>()
                                      : std::optional<std::string>{});
    }
  }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment() {
    for (const auto& [name, value] : before_)
      set(name, value);
  }

private:
  static void set(const char* name, const std::optional<std::string>& value) {
    if (value)
      ::setenv(name, value->c_str(), 1); // NOLINT(concurrency-mt-unsafe): one thread
    else
      ::unsetenv(name); // NOLINT(concurrency-mt-unsafe): one thread
  }

  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

cortex::expected<degraded::health> run_check(testing::manager_fixture& t,
                                             const degraded::manager& opened, const json& step) {
  const auto how = step.at("check").get<std::string>();
  return opened.check_health([&]() -> cortex::expected<bool> {
    t.pass(std::chrono::microseconds{step.at("elapsed_us").get<std::int64_t>()});
    if (how == "raise")
      throw std::runtime_error{step.at("message").get<std::string>()};
    return how == "up";
  });
}

cortex::expected<degraded::answer> run_query(const degraded::manager& opened, const json& step) {
  const auto what = step.at("query").get<std::string>();
  const auto& model = step.at("llm");
  if (model.is_null())
    return opened.process(what);
  if (model.contains("ok"))
    return opened.process(what, testing::answering(model.at("ok")));
  return opened.process(what, [&](const degraded::model_call&) -> cortex::expected<std::string> {
    throw std::runtime_error{model.at("raise").get<std::string>()};
  });
}

void check_after(const degraded::manager& opened, const json& step) {
  const auto now = opened.call(degraded::status{}).value();
  CHECK(to_string(now.mode) == step.at("mode_after").get<std::string>());
  CHECK(now.api_failures == step.at("failures_after").get<std::int64_t>());
}

degraded::mode mode_named(const std::string& name) {
  for (const auto each : {degraded::mode::full_ai, degraded::mode::cached_only,
                          degraded::mode::pattern_matching, degraded::mode::manual_mode})
    if (to_string(each) == name)
      return each;
  FAIL("no mode '" << name << "'");
  return {};
}

json hash_or_record(const std::optional<degraded::record>& found) {
  return found ? json_of(*found) : json{};
}

/// What the step gave, or null where there is nothing to compare.
json run_cache_step(const degraded::manager& opened, const json& step) {
  const auto operation = step.at("op").get<std::string>();
  if (operation == "get")
    return hash_or_record(opened.call(degraded::get{step.at("query").get<std::string>()}).value());
  if (operation == "put")
    return json_of(
      opened.call(degraded::put{step.at("query").get<std::string>(), step.at("response")}).value());
  auto found = json::array();
  const auto similar = opened.call(
    degraded::similar{step.at("query").get<std::string>(), step.at("limit").get<std::size_t>()});
  REQUIRE(similar);
  // Some lists give the records, some the queries only.
  const auto& expect = step.at("expect");
  for (const auto& each : *similar)
    found.push_back(!expect.empty() && expect[0].is_string() ? json(each.query) : json_of(each));
  return found;
}

void run_step(testing::manager_fixture& t, const degraded::manager& opened, const json& step,
              bool compare) {
  const auto operation = step.at("op").get<std::string>();
  if (operation == "clock") {
    t.wall.set(testing::instant_of(step.at("at")));
  } else if (operation == "get" || operation == "put" || operation == "similar") {
    const auto got = run_cache_step(opened, step);
    if (compare)
      CHECK(got == step.at("expect"));
  } else if (operation == "stats") {
    const auto counted = opened.cache_statistics().value();
    if (compare)
      check_fields({{"total_entries", counted.total_entries}, {"total_hits", counted.total_hits}},
                   step.at("expect"));
  } else if (operation == "clear") {
    const auto done = opened.call(degraded::clear_old{step.at("days").get<std::int64_t>()}).value();
    if (compare)
      CHECK(done.removed == step.at("expect_removed").get<std::size_t>());
  } else if (operation == "rows") {
    REQUIRE(opened.call(degraded::flush{}));
    if (compare)
      CHECK(rows_of(opened, step.at("columns")) == step.at("expect"));
  } else if (operation == "status") {
    if (compare)
      check_fields(json_of(opened.call(degraded::status{}).value()), step.at("expect"));
  } else if (operation == "force") {
    REQUIRE(opened.call(degraded::force{mode_named(step.at("mode"))}));
  } else if (operation == "reset") {
    REQUIRE(opened.call(degraded::reset{}));
  } else if (operation == "health" || operation == "health_env") {
    const environment keys{step.contains("env") ? step.at("env") : json::object()};
    const auto found = operation == "health" ? run_check(t, opened, step) : opened.check_health();
    REQUIRE(found);
    if (compare) {
      check_fields(json_of(*found), step.at("expect"));
      check_after(opened, step);
    }
  } else if (operation == "query") {
    const auto got = run_query(opened, step);
    REQUIRE(got);
    if (compare) {
      check_fields(json_of(*got), step.at("expect"));
      check_after(opened, step);
    }
  } else {
    FAIL("no operation '" << operation << "'");
  }
}

void play(testing::manager_fixture& t, const degraded::manager& opened, const json& steps,
          const std::string& scenario_defects, testing::case_counter& counter) {
  for (const auto& step : steps) {
    const auto defects = scenario_defects.empty() ? testing::defects_of(step) : scenario_defects;
    INFO("step " << step.dump());
    run_step(t, opened, step, defects.empty());
    if (defects.empty())
      counter.ran();
    else
      counter.skipped(defects);
  }
}

} // namespace

TEST_CASE("queries are normalized and hashed as recorded", "[graceful_degradation][vectors]") {
  testing::case_counter counter{"graceful_degradation/hash"};
  for (const auto& item : testing::read_vectors(vectors, "hash")) {
    INFO(item.dump());
    const degraded::query what{item.at("query").get<std::string>()};
    CHECK(what.normalized() == item.at("normalized").get<std::string>());
    CHECK(what.hash() == item.at("hash").get<std::string>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("queries have the recorded words", "[graceful_degradation][vectors]") {
  testing::case_counter counter{"graceful_degradation/words"};
  for (const auto& item : testing::read_vectors(vectors, "words")) {
    INFO(item.dump());
    const degraded::query what{item.at("query").get<std::string>()};
    std::vector<std::string> words;
    for (const auto word : degraded::words_of(what.normalized()))
      words.emplace_back(word);
    auto expect = item.at("words").get<std::vector<std::string>>();
    std::sort(expect.begin(), expect.end());
    CHECK(words == expect);
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("the patterns give the recorded commands", "[graceful_degradation][vectors]") {
  testing::case_counter counter{"graceful_degradation/match"};
  for (const auto& item : testing::read_vectors(vectors, "match")) {
    INFO(item.dump());
    const auto found = degraded::patterns::built_in().match(item.at("query").get<std::string>());
    const auto defects = testing::defects_of(item);
    if (!defects.empty()) {
      counter.skipped(defects);
      continue;
    }
    CHECK(json_of(found) == item.at("expect"));
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("the manager gives the recorded answers and writes the recorded rows",
          "[graceful_degradation][vectors]") {
  testing::case_counter counter{"graceful_degradation/scenarios"};
  for (const auto& scenario : testing::read_vectors(vectors, "scenarios")) {
    INFO("scenario " << scenario.at("name"));
    testing::manager_fixture t{scenario.at("start")};
    const auto opened = t.open();
    play(t, opened, scenario.at("steps"), testing::defects_of(scenario), counter);
  }
  counter.require_any();
}

TEST_CASE("a response cache of the original opens as it is and answers as it did there",
          "[graceful_degradation][vectors]") {
  testing::case_counter counter{"graceful_degradation/database probes"};
  const auto recorded = testing::read_vectors(vectors, "database");
  testing::manager_fixture t{"2025-12-22T12:00:00Z"};
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             t.file());
  const auto opened = t.open();
  const auto& table = recorded.at("tables").at("response_cache");
  CHECK(rows_of(opened, table.at("row_columns")) == table.at("rows"));

  play(t, opened, recorded.at("probes"), "", counter);

  counter.require_any();
}

TEST_CASE("a new response cache has the schema of the original's, to the letter",
          "[graceful_degradation][vectors]") {
  const auto recorded = testing::read_vectors(vectors, "database");
  const auto schema_of = [](const degraded::manager& opened) {
    auto file = opened.database();
    return file
      .read([](snapshot& view) {
        return view.all<std::string, std::string>(
          "SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name");
      })
      .value();
  };
  testing::manager_fixture fresh;
  testing::manager_fixture old;
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             old.file());

  const auto made = schema_of(fresh.open());

  CHECK(made == schema_of(old.open()));
  CHECK(made.size() > 1);
}

TEST_CASE("a file of ours has rows of every kind in the original's form",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  write_response_cache(t.folder.path());
  const auto opened = t.open();

  const auto rows = rows_of(opened, {"query", "response", "created_at", "hit_count", "last_used"});

  CHECK(rows.size() == 38);
  CHECK(rows.back()
        == json{"INSTALL docker ITEM0 ", "replaced", "2025-12-22 10:28:12", 0, nullptr});
  CHECK(rows[0]
        == json{"remove docker item1", "answer 1: \u2713 docker\nline two", "2025-12-22 10:00:47",
                1, "2025-12-22 10:01:34"});
}
