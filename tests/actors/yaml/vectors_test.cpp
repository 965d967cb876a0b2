#include "actors/yaml/yaml_texts.hpp"
#include "support/vectors.hpp"

#include <cstdint>

using namespace cortex;
using namespace cortex::testing;

namespace {

yaml from_json(const nlohmann::json& value) {
  if (value.is_null())
    return {};
  if (value.is_boolean())
    return value.get<bool>();
  if (value.is_number_float())
    return value.get<double>();
  if (value.is_number())
    return value.get<std::int64_t>();
  if (value.is_string())
    return value.get<std::string>();
  yaml out = value.is_array() ? yaml::sequence() : yaml::mapping();
  for (const auto& [key, member] : value.items())
    if (value.is_array())
      out.push_back(from_json(member));
    else
      out.set(key, from_json(member));
  return out;
}

/// What the loader of preferences makes of a document.
yaml as_preferences(const yaml& read) {
  const bool nothing = read.is_null() || read == yaml{false} || read == yaml{0} || read == yaml{""}
                       || read == yaml::sequence();
  return nothing ? yaml::mapping() : read;
}

} // namespace

TEST_CASE("values are written as the vectors have them", "[yaml]") {
  case_counter count{"config_manager yaml_dump"};
  for (const auto& item : read_vectors("config_manager", "yaml_dump")) {
    if (const auto defects = defects_of(item); !defects.empty()) {
      count.skipped(defects);
      continue;
    }
    INFO(item.dump());
    const auto written = yaml::mapping({{"k", from_json(item.at("value"))}}).dump();
    REQUIRE(written);
    CHECK(*written == item.at("text").get<std::string>());
    CHECK(read_yaml(*written) == yaml::mapping({{"k", from_json(item.at("value"))}}));
    count.ran();
  }
  count.require_any();
}

TEST_CASE("texts are read as the vectors have them", "[yaml]") {
  case_counter count{"config_manager yaml_load"};
  for (const auto& item : read_vectors("config_manager", "yaml_load")) {
    if (const auto defects = defects_of(item); !defects.empty()) {
      count.skipped(defects);
      continue;
    }
    INFO(item.dump());
    const auto read = yaml::parse(item.at("text").get<std::string>());
    if (item.value("error", false)) {
      CHECK_FALSE(read);
    } else {
      REQUIRE(read);
      const auto type = item.value("python_type", "");
      if (type == "date" || type == "datetime") // JSON has no such value
        CHECK(read->root.members()->front().value.kind() == yaml_kind::timestamp);
      else
        CHECK(read->root == from_json(item.at("value")));
    }
    count.ran();
  }
  count.require_any();
}

TEST_CASE("files of preferences are written and read as the vectors have them", "[yaml]") {
  case_counter count{"config_manager preferences"};
  for (const auto& item : read_vectors("config_manager", "preferences")) {
    if (const auto defects = defects_of(item); !defects.empty()) {
      count.skipped(defects);
      continue;
    }
    INFO(item.dump());
    if (item.at("file_text").is_null()) {
      count.skipped("no file");
      continue;
    }
    const auto text = item.at("file_text").get<std::string>();
    if (item.contains("save"))
      CHECK(from_json(item.at("save")).dump().value_or("") == text);
    const auto& wanted = item.contains("save") ? item.at("loaded_back") : item.at("loaded");
    CHECK(as_preferences(read_yaml(text)) == from_json(wanted));
    count.ran();
  }
  count.require_any();
}
