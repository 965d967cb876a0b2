#include "cortex/semantic_cache/settings.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <limits>
#include <map>
#include <optional>
#include <string>

namespace cache = cortex::semantic_cache;
namespace testing = cortex::testing;

namespace {

using variables = std::map<std::string, std::string>;

cache::environment environment_of(variables values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found != values.end() ? std::optional{found->second} : std::nullopt;
  };
}

cache::resolved_settings resolve(variables values) {
  return cache::resolve_settings({}, environment_of(std::move(values))).value();
}

} // namespace

TEST_CASE("settings come from the environment", "[semantic_cache]") {
  testing::case_counter counter{"environment"};
  const cache::settings defaults;
  for (const auto& item : testing::read_vectors("semantic_cache", "environment")) {
    const auto values = item.at("env").get<variables>();
    INFO("environment: " << item.at("env").dump());
    const auto resolved = resolve(values);
    if (const auto defects = testing::defects_of(item); !defects.empty()) {
      // The right behaviour in the original's place: the default and a notice.
      CHECK(resolved.notices.size() == 1);
      CHECK(resolved.values.max_entries == defaults.max_entries);
      CHECK(resolved.values.threshold == defaults.threshold);
      counter.skipped(defects + ", checked against the right behaviour");
      continue;
    }
    const auto& wanted = item.at("expect");
    CHECK(resolved.values.max_entries == wanted.at("max_entries").get<std::int64_t>());
    CHECK(resolved.values.threshold == wanted.at("threshold").get<double>());
    CHECK(resolved.notices.empty());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("a value that is not usable gives the default and a notice", "[semantic_cache][errors]") {
  const std::string capacity = "CORTEX_CACHE_MAX_ENTRIES";
  const std::string threshold = "CORTEX_CACHE_SIMILARITY_THRESHOLD";
  const auto [name, value]
    = GENERATE_COPY(table<std::string, std::string>({{capacity, "-1"},
                                                     {capacity, "99999999999999999999"},
                                                     {capacity, "1__0"},
                                                     {threshold, "nan"},
                                                     {threshold, "inf"},
                                                     {threshold, "1e999"},
                                                     {threshold, "0x1"},
                                                     {threshold, ""}}));

  const auto resolved = resolve({{name, value}});

  CHECK(resolved.values.max_entries == cache::settings{}.max_entries);
  CHECK(resolved.values.threshold == cache::settings{}.threshold);
  REQUIRE(resolved.notices.size() == 1);
  CHECK(resolved.notices.front().find(name + "='" + value + "'") == 0);
}

TEST_CASE("an argument wins over the environment", "[semantic_cache]") {
  const auto environment = environment_of(
    {{"CORTEX_CACHE_MAX_ENTRIES", "many"}, {"CORTEX_CACHE_SIMILARITY_THRESHOLD", "0.5"}});

  const auto resolved = cache::resolve_settings({0, std::nullopt}, environment).value();

  CHECK(resolved.values.max_entries == 0);
  CHECK(resolved.values.threshold == 0.5);
  CHECK(resolved.notices.empty()); // the bad variable was not asked for
}

TEST_CASE("an argument out of range is refused", "[semantic_cache][errors]") {
  const auto bad
    = GENERATE(cache::requested_settings{-1, std::nullopt},
               cache::requested_settings{std::nullopt, std::numeric_limits<double>::quiet_NaN()},
               cache::requested_settings{std::nullopt, std::numeric_limits<double>::infinity()});

  const auto resolved = cache::resolve_settings(bad, environment_of({}));

  REQUIRE_FALSE(resolved);
  CHECK(resolved.error().code == cortex::errc::invalid_argument);
}
