// The recorded operations of the original, down to the rows of the file, and a file that the
// original wrote.
#include "cortex/accelerator_limits/codec.hpp"

#include "limits_fixture.hpp"
#include "support/vectors.hpp"

#include <filesystem>
#include <map>
#include <sstream>
#include <string>

namespace testing = cortex::testing;
namespace limits = cortex::accelerator_limits;
using cortex::errc;
using cortex::storage::snapshot;
using nlohmann::json;

namespace {

limits::cpu_percent percent_of(const json& value) {
  if (value.is_number_integer())
    return value.get<std::int64_t>();
  return value.get<double>();
}

limits::profile profile_of(const json& args) {
  limits::profile what;
  what.name = args.at("name").get<std::string>();
  what.preset = args.value("preset", what.preset);
  if (args.contains("cpu_quota"))
    what.cpu_quota = percent_of(args.at("cpu_quota"));
  what.memory_max = args.value("memory_max", what.memory_max);
  if (args.contains("gpu_ids") && !args.at("gpu_ids").is_null())
    what.gpu_ids = args.at("gpu_ids").get<std::vector<std::int64_t>>();
  what.oom_score_adj = args.value("oom_score_adj", what.oom_score_adj);
  return what;
}

json json_of(const limits::profile& what) {
  return json{{"name", what.name},
              {"preset", what.preset},
              {"cpu_quota", std::visit([](auto number) { return json(number); }, what.cpu_quota)},
              {"memory_max", what.memory_max},
              {"gpu_ids", what.gpu_ids},
              {"oom_score_adj", what.oom_score_adj}};
}

json rows_json(const limits::limits& opened) {
  auto rows = json::array();
  for (const auto& [name, config] : testing::rows_of(opened))
    rows.push_back(json::array({name, config}));
  return rows;
}

/// The lines of the original, but for those where it rounds CPUs away (AL-8).
void check_status(const std::string& ours, const std::string& original,
                  const std::vector<limits::profile>& profiles) {
  std::istringstream left{ours};
  std::istringstream right{original};
  std::string line;
  std::string wanted;
  for (int number = 0; std::getline(right, wanted); ++number) {
    REQUIRE(std::getline(left, line));
    constexpr int heading = 3;
    const auto at = static_cast<std::size_t>(number - heading);
    const bool fraction = number >= heading
                          && std::fmod(limits::value_of(profiles[at].cpu_quota), 100.0) != 0.0;
    if (!fraction)
      CHECK(line == wanted);
  }
  CHECK_FALSE(std::getline(left, line));
}

json listed(const limits::limits& opened) {
  auto all = json::array();
  const auto found = opened.call(limits::list{}).value(); // a loop over its part would dangle
  for (const auto& each : found.profiles)
    all.push_back(json_of(each));
  return all;
}

json found(const limits::limits& opened, const std::string& name) {
  const auto answer = opened.call(limits::get{name});
  if (!answer)
    CHECK(answer.error().code == errc::not_found);
  return answer ? json_of(*answer) : json{};
}

json variables(const limits::limits& opened, const std::string& name) {
  const auto answer = opened.call(limits::get_environment{name});
  REQUIRE(answer);
  auto all = json::object();
  for (const auto& [key, value] : answer->variables)
    all[key] = value;
  return all;
}

void run_step(const limits::limits& opened, const json& step) {
  const auto operation = step.at("op").get<std::string>();
  if (operation == "create_from_preset") {
    const auto what
      = limits::from_preset(step.at("name"), step.at("preset").get<std::string>(), step.at("gpus"));
    REQUIRE(what);
    REQUIRE(opened.call(limits::create{*what}));
  } else if (operation == "create") {
    REQUIRE(opened.call(limits::create{profile_of(step.at("limits"))}));
  } else if (operation == "list") {
    CHECK(listed(opened) == step.at("expect"));
  } else if (operation == "get") {
    CHECK(found(opened, step.at("name")) == step.at("expect"));
  } else if (operation == "env") {
    CHECK(variables(opened, step.at("name")) == step.at("expect"));
  } else if (operation == "status") {
    const auto all = opened.call(limits::list{}).value().profiles;
    check_status(limits::status_text(all), step.at("console"), all);
  } else {
    FAIL("an unknown operation: " << operation);
  }
  if (step.contains("rows"))
    CHECK(rows_json(opened) == step.at("rows"));
}

/// False if the step was skipped. One that changes the file ends the scenario then.
bool run_or_skip(const limits::limits& opened, const json& step, testing::case_counter& counter) {
  INFO("step: " << step.dump());
  if (const auto defects = testing::defects_of(step); !defects.empty()) {
    counter.skipped(defects);
    return step.at("op").get<std::string>().rfind("create", 0) != 0;
  }
  run_step(opened, step);
  counter.ran();
  return true;
}

} // namespace

TEST_CASE("the presets have the original's numbers", "[accelerator_limits][vectors]") {
  testing::case_counter counter{"accelerator_limits/presets"};
  const auto recorded = testing::read_vectors("accelerator_limits", "presets");
  CHECK(limits::presets().size() == recorded.size());
  for (const auto& preset : limits::presets()) {
    const auto& numbers = recorded.at(std::string{preset.name});
    CHECK(preset.cpu_quota == numbers.at("cpu").get<std::int64_t>());
    CHECK(preset.memory_max == numbers.at("memory_gb").get<std::int64_t>() * 1'000'000'000);
    CHECK(preset.oom_score_adj == numbers.at("oom_adj").get<std::int64_t>());
    CHECK(preset.gpu_share == numbers.at("gpu_pct").get<std::int64_t>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("profiles are made of presets as the original makes them",
          "[accelerator_limits][vectors]") {
  testing::case_counter counter{"accelerator_limits/from_preset"};
  for (const auto& item : testing::read_vectors("accelerator_limits", "from_preset")) {
    INFO(item.dump());
    const auto made
      = limits::from_preset(item.at("name"), item.at("preset").get<std::string>(), item.at("gpus"));
    if (const auto defects = testing::defects_of(item); !defects.empty()) {
      counter.skipped(defects);
      CHECK(made.error() == errc::invalid_argument); // AL-3, AL-7
      continue;
    }
    REQUIRE(made);
    CHECK(limits::encode_profile(*made) == item.at("json").get<std::string>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("profiles are written and read as the original writes them",
          "[accelerator_limits][vectors]") {
  testing::case_counter counter{"accelerator_limits/direct"};
  for (const auto& item : testing::read_vectors("accelerator_limits", "direct")) {
    INFO(item.dump());
    if (const auto defects = testing::defects_of(item); !defects.empty()) {
      counter.skipped(defects);
      continue;
    }
    const auto what = profile_of(item.at("args"));
    const auto text = item.at("json").get<std::string>();
    CHECK(limits::encode_profile(what) == text);
    CHECK(limits::decode_profile(text).value() == what);
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("a recorded scenario leaves the original's rows", "[accelerator_limits][vectors]") {
  testing::case_counter counter{"accelerator_limits/scenario"};
  testing::limits_fixture t;
  const auto opened = t.open();
  bool goes_on = true;
  for (const auto& step : testing::read_vectors("accelerator_limits", "scenario")) {
    if (!goes_on)
      counter.skipped("after a defect");
    else
      goes_on = run_or_skip(opened, step, counter);
  }
  counter.require_any();
}

TEST_CASE("a file of the original opens as it is", "[accelerator_limits][vectors]") {
  const auto recorded = testing::read_vectors("accelerator_limits", "database");
  const auto& table = recorded.at("tables").at("profiles");
  testing::limits_fixture t;
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             t.file());
  const auto opened = t.open();
  testing::case_counter counter{"accelerator_limits/database"};

  CHECK(opened.notices().empty());
  CHECK(rows_json(opened) == table.at("rows"));
  CHECK(listed(opened).size() == table.at("rows").size());
  for (const auto& probe : recorded.at("probes"))
    run_or_skip(opened, probe, counter);
  for (const auto& row : table.at("rows")) { // the name of a row is that of its profile
    CHECK(found(opened, row[0]).at("name") == row[0]);
    counter.ran();
  }
  counter.require_any();
  auto file = opened.database();
  const auto objects = file.read([](snapshot& view) {
    return view.all<std::string>("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'");
  });
  CHECK(objects.value() == std::vector<std::string>{"profiles"});
  CHECK(
    file.read([](snapshot& view) { return view.one<int>("PRAGMA user_version"); }).value().value()
    == 0);
}

TEST_CASE("a new file of profiles has the schema text of the original's",
          "[accelerator_limits][vectors]") {
  const auto recorded = testing::read_vectors("accelerator_limits", "database");
  testing::limits_fixture t;
  testing::limits_fixture original;
  std::filesystem::copy_file(testing::vector_folder() / recorded.at("file").get<std::string>(),
                             original.file());
  const auto schema_of = [](const limits::limits& opened) {
    auto file = opened.database();
    return file
      .read([](snapshot& view) {
        return view.all<std::string, std::optional<std::string>>(
          "SELECT name, sql FROM sqlite_master ORDER BY name");
      })
      .value();
  };

  CHECK(schema_of(t.open()) == schema_of(original.open()));
}
