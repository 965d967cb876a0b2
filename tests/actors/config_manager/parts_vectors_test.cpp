// Vectors of what is worked out without a file of preferences.
#include "cortex/config_manager/install.hpp"

#include "actors/config_manager/config_fixture.hpp"
#include "support/vectors.hpp"

#include <set>

using namespace cortex;
using namespace cortex::testing;

namespace {

nlohmann::json vectors(const std::string& group) {
  return read_vectors("config_manager", group);
}

nlohmann::json to_json(const std::vector<cm::package>& packages) {
  auto out = nlohmann::json::array();
  for (const auto& [name, version, source] : packages)
    out.push_back({{"name", name}, {"version", version}, {"source", source}});
  return out;
}

bool flagged(const nlohmann::json& item) {
  return !defects_of(item).empty();
}

int sign(std::weak_ordering order) {
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

} // namespace

TEST_CASE("config_manager vectors: detect", "[config_manager][vectors]") {
  case_counter counter{"config_manager detect"};
  for (const auto& item : vectors("detect")) {
    INFO(item.dump());
    config_fixture t;
    t.machine.answer(item.at("runner"));
    cm::detect wanted;
    if (!item.at("sources").is_null())
      wanted.sources = item.at("sources").get<std::vector<std::string>>();
    const auto config = t.open();

    const auto found = good(config.call(wanted));

    // A wrong entry contributes nothing, and here it is the only one.
    CHECK(to_json(found.packages)
          == (flagged(item) ? nlohmann::json::array() : item.at("packages")));
    using words = fake_machine::words;
    const auto calls = t.machine.calls(); // in the order in which the threads came
    const auto expected = item.at("calls").get<std::vector<words>>();
    CHECK(std::multiset<words>(calls.begin(), calls.end())
          == std::multiset<words>(expected.begin(), expected.end()));
    for (const auto& limit : t.machine.limits())
      CHECK(limit == std::chrono::seconds{30});
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: os_version", "[config_manager][vectors]") {
  case_counter counter{"config_manager os_version"};
  for (const auto& item : vectors("os_version")) {
    INFO(item.dump());
    const auto& text = item.at("os_release");
    CHECK((text.is_null() ? "unknown" : cm::os_text(text.get<std::string>()))
          == item.at(flagged(item) ? "corrected" : "os"));
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: compare", "[config_manager][vectors]") {
  case_counter counter{"config_manager compare"};
  for (const auto& item : vectors("compare")) {
    INFO(item.dump());
    const auto left = item.at("a").get<std::string>();
    const auto right = item.at("b").get<std::string>();
    CHECK(sign(cm::compare_versions(cm::version_order::numeric, left, right))
          == item.at("numeric"));
    CHECK(sign(cm::compare_versions(cm::version_order::debian, left, right)) == item.at("debian"));
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: identifiers", "[config_manager][vectors]") {
  case_counter counter{"config_manager identifiers"};
  for (const auto& item : vectors("identifiers")) {
    INFO(item.dump());
    CHECK(cm::is_identifier(item.at("text").get<std::string>(), item.at("allow_slash").get<bool>())
          == item.at(flagged(item) ? "corrected" : "valid"));
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: install", "[config_manager][vectors]") {
  case_counter counter{"config_manager install"};
  for (const auto& item : vectors("install")) {
    INFO(item.dump());
    const auto& entry = item.at("package");
    const cm::package what{entry.at("name").get<std::string>(), entry.value("version", ""),
                           entry.at("source").get<std::string>()};

    const auto command = cm::install_command({what}, cm::install_action::install, false);

    const bool accepted = item.at(flagged(item) ? "corrected_accepted" : "accepted").get<bool>();
    REQUIRE(command.has_value() == accepted);
    if (accepted && !flagged(item)) {
      CHECK(*command == item.at("argv").get<std::vector<std::string>>());
      CHECK(cm::joined(*command) == item.at("sandbox_command"));
      CHECK(std::chrono::seconds{item.at("timeout_seconds").get<int>()}
            == cm::options{}.install_limit);
    }
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: validate", "[config_manager][vectors]") {
  case_counter counter{"config_manager validate"};
  for (const auto& item : vectors("validate")) {
    INFO(item.dump());
    config_fixture t;
    if (!item.at("os_release").is_null())
      t.os_release(item.at("os_release").get<std::string>());
    const auto config = t.open();

    const auto checked
      = good(config.call(cm::validate{parsed(item.at("yaml").get<std::string>())}));

    const auto& expected = item.at(flagged(item) ? "corrected" : "result");
    CHECK(checked.ok == expected.at(0).get<bool>());
    CHECK((checked.reason ? nlohmann::json(*checked.reason) : nlohmann::json{}) == expected.at(1));
    counter.ran();
  }
  counter.require_any();
}
