// The recorded scenarios and thresholds of the original, through the entry table alone.
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/text/utc_time.hpp"

#include "row_store.hpp"
#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace cache = cortex::semantic_cache;
namespace testing = cortex::testing;
using nlohmann::json;

namespace {

std::int64_t seconds(const json& stamp) {
  return cortex::text::parse_utc(stamp.get<std::string>()).value();
}

std::string kind_name(cache::match kind) {
  switch (kind) {
    case cache::match::exact: return "exact";
    case cache::match::near: return "semantic";
    case cache::match::miss: return "miss";
    default: return "unknown";
  }
}

json commands_of(const cache::answer& found) {
  return found.commands == nullptr ? json{} : json(*found.commands);
}

json column(const cache::raw_row& row, const std::string& name) {
  const std::map<std::string, json> columns{{"id", row.id},
                                            {"provider", row.provider},
                                            {"model", row.model},
                                            {"system_hash", row.system_hash},
                                            {"prompt", row.prompt},
                                            {"prompt_hash", row.prompt_hash},
                                            {"embedding", row.embedding},
                                            {"commands_json", row.commands_json},
                                            {"created_at", row.created_at},
                                            {"last_accessed", row.last_accessed},
                                            {"hit_count", row.hit_count}};
  return columns.at(name);
}

/// A cache without a file, that runs the steps of a scenario.
class player {
public:
  player(std::int64_t max_entries, double threshold, std::int64_t now)
    : max_entries_(max_entries), threshold_(threshold), now_(now) {}

  testing::row_store store;
  cache::entry_table table;

  /// Runs a step; compares what it expects unless it rests on a defect.
  void run(const json& step, bool compare) {
    const auto operation = step.at("op").get<std::string>();
    const json expect = compare && step.contains("expect") ? step.at("expect") : json::object();
    if (operation == "clock")
      now_ = seconds(step.at("at"));
    else if (operation == "get")
      get(step, expect, compare);
    else if (operation == "put")
      put(step, expect);
    else if (operation == "stats")
      stats(expect);
    else if (operation == "rows" && compare)
      rows(step.at("columns"), expect);
    else if (operation != "rows")
      FAIL("unknown operation " << operation);
  }

private:
  static cache::question question_of(const json& step) {
    return cache::make_question(step.at("provider").get_ref<const std::string&>(),
                                step.at("model").get_ref<const std::string&>(),
                                step.at("system").get_ref<const std::string&>(),
                                step.at("prompt").get_ref<const std::string&>());
  }

  void get(const json& step, const json& expect, bool compare) {
    const cache::near_rule defaults;
    const auto limit = step.value("candidate_limit", defaults.candidate_limit);
    const auto found = table.lookup(question_of(step), {limit, threshold_}, now_);
    if (!compare)
      return;
    if (!expect.is_object()) { // a probe: the commands alone, or null
      CHECK(commands_of(found) == expect);
      return;
    }
    CHECK(commands_of(found) == expect.at("commands"));
    CHECK(kind_name(found.kind) == expect.at("kind").get<std::string>());
    CHECK((found.id == 0 ? json{} : json(found.id)) == expect.at("matched_id"));
    if (expect.contains("similarity"))
      CHECK(std::bit_cast<std::uint64_t>(found.similarity)
            == std::bit_cast<std::uint64_t>(expect.at("similarity").get<double>()));
  }

  void put(const json& step, const json& expect) {
    const auto before = present_ids();
    const auto commands = std::make_shared<const std::vector<std::string>>(
      step.at("commands").get<std::vector<std::string>>());
    const auto made = table.put(question_of(step), commands, max_entries_, now_);
    REQUIRE(made);
    store.apply(*made);
    const auto after = present_ids();
    if (expect.empty())
      return;
    CHECK(difference(after, before) == expect.at("new_ids").get<std::vector<std::int64_t>>());
    CHECK(difference(before, after) == expect.at("gone_ids").get<std::vector<std::int64_t>>());
    CHECK(after.size() == expect.at("rows").get<std::size_t>());
  }

  void stats(const json& expect) const {
    const auto found = table.stats();
    const json all{{"hits", found.hits},
                   {"misses", found.misses},
                   {"total", found.total},
                   {"hit_rate", found.hit_rate}};
    for (const auto& [name, value] : expect.items())
      CHECK(all.at(name) == value);
  }

  void rows(const json& columns, const json& expect) {
    store.apply(table.take_accesses());
    auto found = json::array();
    for (const auto& [id, row] : store.rows()) {
      auto values = json::array();
      for (const auto& name : columns)
        values.push_back(column(row, name.get<std::string>()));
      found.push_back(values);
    }
    CHECK(found == expect);
    CHECK(present_ids().size() == table.stats().entries);
  }

  [[nodiscard]] std::vector<std::int64_t> present_ids() const {
    std::vector<std::int64_t> ids;
    for (const auto& [id, row] : store.rows())
      ids.push_back(id);
    return ids;
  }

  static std::vector<std::int64_t> difference(const std::vector<std::int64_t>& left,
                                              const std::vector<std::int64_t>& right) {
    std::vector<std::int64_t> result;
    std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                        std::back_inserter(result));
    return result;
  }

  std::int64_t max_entries_;
  double threshold_;
  std::int64_t now_;
};

/// Runs steps until one that rests on a defect may have changed what later ones see.
void play(player& cache, const json& steps, testing::case_counter& counter) {
  bool diverged = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    const auto defects = testing::defects_of(step);
    if (diverged || !defects.empty())
      counter.skipped(diverged ? "after a defect" : defects);
    else
      counter.ran();
    if (diverged)
      continue;
    INFO("step " << i << ": " << step.dump());
    cache.run(step, defects.empty());
    const auto operation = step.at("op").get<std::string>();
    diverged = !defects.empty() && (operation == "get" || operation == "put");
  }
}

cache::raw_row listed_row(const json& columns, const json& values) {
  std::map<std::string, json> named;
  for (std::size_t i = 0; i < columns.size(); ++i)
    named[columns[i].get<std::string>()] = values[i];
  const auto text = [&](const char* name) { return named.at(name).get<std::string>(); };
  return {named.at("id").get<std::int64_t>(),
          text("provider"),
          text("model"),
          text("system_hash"),
          text("prompt"),
          text("prompt_hash"),
          cache::to_blob(cache::embed(text("prompt"))),
          text("commands_json"),
          text("created_at"),
          text("last_accessed"),
          named.at("hit_count").get<std::int64_t>()};
}

cache::match ask_with_threshold(const json& item, double threshold) {
  cache::entry_table table;
  const auto stored = item.at("stored").get<std::string>();
  const auto query = item.at("query").get<std::string>();
  const auto commands = std::make_shared<const std::vector<std::string>>();
  REQUIRE(table.put(cache::make_question("p", "m", "", stored), commands, 5, 1));
  return table.lookup(cache::make_question("p", "m", "", query), {200, threshold}, 2).kind;
}

} // namespace

TEST_CASE("scenarios of the original have the same answers, ids and rows", "[semantic_cache]") {
  testing::case_counter scenarios{"scenarios"};
  testing::case_counter steps{"scenario steps"};
  for (const auto& item : testing::read_vectors("semantic_cache", "scenarios")) {
    INFO("scenario: " << item.at("name").get<std::string>());
    if (const auto defects = testing::defects_of(item); !defects.empty()) {
      scenarios.skipped(defects);
      continue;
    }
    player cache{item.at("max_entries").get<std::int64_t>(), item.at("threshold").get<double>(),
                 seconds(item.at("start"))};
    play(cache, item.at("steps"), steps);
    scenarios.ran();
  }
  scenarios.require_any();
  steps.require_any();
}

TEST_CASE("a file of the original answers as it did there", "[semantic_cache]") {
  const auto database = testing::read_vectors("semantic_cache", "database");
  const auto& entries = database.at("tables").at("llm_cache_entries");
  const auto& counters = database.at("tables").at("llm_cache_stats").at("rows").at(0);
  const cache::near_rule defaults;
  player cache{500, defaults.threshold, 1'766'404'800}; // the probes do not look at the time
  for (const auto& values : entries.at("rows"))
    cache.store.add(listed_row(entries.at("row_columns"), values));
  cache.store.set_counters(counters.at(1), counters.at(2));
  REQUIRE(cache.store.load_into(cache.table));

  testing::case_counter probes{"database, probes"};
  play(cache, database.at("probes"), probes);
  probes.require_any();
}

TEST_CASE("a similarity equal to the threshold is a hit, one below is not", "[semantic_cache]") {
  testing::case_counter counter{"near_threshold"};
  for (const auto& item : testing::read_vectors("semantic_cache", "near_threshold")) {
    INFO(item.dump());
    const auto similarity = std::stod(item.at("similarity_hex").get<std::string>());
    const auto above = std::nextafter(similarity, std::numeric_limits<double>::infinity());
    const auto is_hit
      = [&](double threshold) { return ask_with_threshold(item, threshold) != cache::match::miss; };
    CHECK(above == item.at("threshold_next_above").get<double>());
    CHECK(is_hit(0.86) == item.at("hit_at_default_0.86").get<bool>());
    CHECK(is_hit(similarity) == item.at("hit_at_threshold_equal").get<bool>());
    CHECK(is_hit(above) == item.at("hit_at_next_above").get<bool>());
    counter.ran();
  }
  counter.require_any();
}
