// The recorded scenario of the original through the public interface, down to the rows of the file,
// and a file that the original wrote.
#include "cortex/kv_cache/segment.hpp"

#include "registry_fixture.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::storage::snapshot;
using nlohmann::json;

namespace {

json told(const kv::configuration& config) {
  return {{"name", config.name},
          {"size_bytes", config.size_bytes},
          {"policy", config.policy},
          {"max_sequences", config.max_sequences}};
}

json told(const std::vector<kv::configuration>& all) {
  auto out = json::array();
  for (const auto& each : all)
    out.push_back(told(each));
  return out;
}

kv::configuration config_of(const json& from) {
  kv::configuration out;
  out.name = from.at("name");
  out.size_bytes = from.at("size_bytes");
  out.policy = from.value("policy", out.policy);
  out.max_sequences = from.value("max_sequences", out.max_sequences);
  return out;
}

/// All rows of a table in their order, as the vectors have them.
json rows_of(const kv::registry& pools, const std::string& sql) {
  auto rows = json::array();
  auto file = pools.database();
  const auto done = file.read([&](snapshot& view) -> cortex::expected<void> {
    auto query = view.query(sql);
    if (!query)
      return cortex::unexpected{std::move(query).error()};
    return query->each([&](cortex::storage::row at) {
      auto values = json::array();
      for (int i = 0; i < at.size(); i += 2)
        if (at.get<std::string>(i) == "text")
          values.push_back(at.get<std::string>(i + 1));
        else
          values.push_back(at.get<double>(i + 1));
      rows.push_back(std::move(values));
    });
  });
  REQUIRE(done);
  return rows;
}

json table_of(const kv::registry& pools, const std::string& table) {
  const std::map<std::string, std::string> queries{
    {"pools", "SELECT typeof(name), name, typeof(config), config, typeof(shm_name), shm_name "
              "FROM pools ORDER BY rowid"},
    {"entries", "SELECT typeof(seq_id), seq_id, typeof(pool), pool, typeof(created), created, "
                "typeof(accessed), accessed, typeof(count), count, typeof(tokens), tokens, "
                "typeof(size), size, typeof(offset), offset FROM entries ORDER BY seq_id, pool"},
    {"stats", "SELECT typeof(pool), pool, typeof(hits), hits, typeof(misses), misses FROM stats "
              "ORDER BY rowid"}};
  return rows_of(pools, queries.at(table));
}

json sorted(json rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

class player {
public:
  explicit player(testing::registry_fixture& t) : t_(t), pools_(t.open()) {}

  void play(const json& steps, testing::case_counter& counter) {
    for (const auto& step : steps) {
      const auto defects = testing::defects_of(step);
      if (diverged_ || !defects.empty())
        counter.skipped(diverged_ ? "after a defect" : defects);
      else
        counter.ran();
      if (diverged_)
        continue;
      INFO("step " << step.dump());
      run(step, defects.empty());
    }
  }

private:
  void run(const json& step, bool compare) {
    static const std::set<std::string> known{"create", "destroy", "save_row",
                                             "list",   "get",     "status"};
    const auto operation = step.at("op").get<std::string>();
    REQUIRE(known.contains(operation));
    if (operation == "create")
      create(step, compare);
    else if (operation == "destroy")
      destroy(step, compare);
    else if (operation == "save_row")
      REQUIRE(pools_.call(kv::save{config_of(step.at("config"))}));
    else if (operation == "list" && compare)
      CHECK(told(pools_.call(kv::list{}).value()) == step.at("expect"));
    else if (operation == "get" && compare)
      get(step);
    else if (operation == "status" && compare)
      status(step);
    if (compare && step.contains("tables"))
      for (const auto& [name, rows] : step.at("tables").items()) {
        INFO("table " << name);
        // The original keeps counters of pools that are gone, which moves the order of others.
        CHECK((name == "stats" ? sorted(table_of(pools_, name)) : table_of(pools_, name))
              == (name == "stats" ? sorted(rows) : rows));
      }
  }

  void create(const json& step, bool compare) {
    const auto config = config_of(step.at("config"));
    const auto made = pools_.create(config, {.force = !compare});
    if (!made && !compare) { // what the original lets pass
      diverged_ = true;
      return;
    }
    INFO((made ? std::string{} : to_string(made.error())));
    REQUIRE(made);
    const auto& expect = step.at("expect");
    CHECK(made->segment == expect.at("shm_name").get<std::string>());
    CHECK(std::filesystem::file_size(t_.memory / made->segment)
          == expect.at("segment_bytes").get<std::uint64_t>());
    const auto pool = pools_.attach(config.name).value();
    const auto used = pool.usage().value();
    CHECK(json{used.size_bytes, used.used_bytes, used.sequences} == expect.at("usage"));
    CHECK(std::ranges::all_of(pool.data(), [](std::byte each) { return each == std::byte{0}; })
          == expect.at("first_bytes_zero").get<bool>());
    CHECK(kv::created_text(made->config) == expect.at("console").get<std::string>());
  }

  void destroy(const json& step, bool compare) {
    const auto name = step.at("name").get<std::string>();
    const bool there = pools_.call(kv::get{name})->has_value();
    const auto gone = pools_.destroy(name);
    CHECK(gone.has_value() == there);
    CHECK_FALSE(t_.memory.has(kv::segment_name(name)));
    if (compare)
      CHECK(gone.has_value() == step.at("expect").at("returned").get<bool>());
  }

  void get(const json& step) {
    const auto found = pools_.call(kv::get{step.at("name")}).value();
    const auto& expect = step.at("expect");
    CHECK(found.has_value() == !expect.is_null());
    if (!found || expect.is_null())
      return;
    CHECK(told(found->config) == expect.at("config"));
    CHECK(found->segment == expect.at("shm_name").get<std::string>());
  }

  void status(const json& step) {
    std::vector<std::string> line{"status"};
    if (!step.at("name").is_null())
      line.push_back(step.at("name"));
    const auto said = kv::run_command(pools_, line);
    CHECK(said.exit_code == 0);
    CHECK(said.text == step.at("console").get<std::string>());
  }

  testing::registry_fixture& t_;
  kv::registry pools_;
  bool diverged_ = false; // a corrected step has left another state
};

void copy_recorded(const json& recorded, const testing::registry_fixture& t) {
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             t.file());
}

} // namespace

TEST_CASE("the pools give the recorded answers and write the recorded rows",
          "[kv_cache][vectors]") {
  testing::case_counter counter{"kv_cache/scenario"};
  testing::registry_fixture t;

  player{t}.play(testing::read_vectors("kv_cache", "scenario"), counter);

  counter.require_any();
}

TEST_CASE("a file of the original opens as it is and stays so", "[kv_cache][vectors]") {
  const auto recorded = testing::read_vectors("kv_cache", "database");
  testing::registry_fixture t;
  copy_recorded(recorded, t);
  const auto before
    = testing::sqlite_probe{t.file()}.text("SELECT group_concat(sql, '|') FROM sqlite_master");

  testing::case_counter counter{"kv_cache/database"};
  player{t}.play(recorded.at("probes"), counter);
  t.restart();
  {
    const auto pools = t.open();
    CHECK(pools.notices().empty());
    for (const auto& [name, table] : recorded.at("tables").items()) {
      INFO("table " << name);
      CHECK(table_of(pools, name) == table.at("rows"));
      counter.ran();
    }
    REQUIRE(pools.flush());
  }
  t.restart();

  CHECK(testing::sqlite_probe{t.file()}.text("SELECT group_concat(sql, '|') FROM sqlite_master")
        == before);
  CHECK(t.text("PRAGMA user_version") == "0");
  counter.require_any();
}

TEST_CASE("a new file has the tables of the original's to the letter", "[kv_cache][vectors]") {
  const auto recorded = testing::read_vectors("kv_cache", "database");
  const testing::registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 4096}));
  REQUIRE(pools.flush());
  testing::registry_fixture original;
  copy_recorded(recorded, original);
  const auto* sql = "SELECT group_concat(type || name || coalesce(sql, ''), '|') FROM "
                    "(SELECT * FROM sqlite_master ORDER BY name)";

  CHECK(t.text(sql) == original.text(sql));

  testing::case_counter counter{"kv_cache/database columns"};
  for (const auto& [name, table] : recorded.at("tables").items()) {
    const auto columns = rows_of(pools, "SELECT 'text', name, 'text', type, 'int', \"notnull\", "
                                        "'int', pk FROM pragma_table_info('"
                                          + name + "')");
    REQUIRE(columns.size() == table.at("columns").size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto& expect = table.at("columns")[i];
      CHECK(columns[i]
            == json{expect.at("name"), expect.at("type"), expect.at("not_null").get<bool>() ? 1 : 0,
                    expect.at("pk")});
      counter.ran();
    }
  }
  counter.require_any();
}
