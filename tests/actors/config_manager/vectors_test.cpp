// Vectors of whole operations, on files.
#include "cortex/text/local_time.hpp"

#include "actors/config_manager/config_fixture.hpp"
#include "support/vectors.hpp"

using namespace cortex;
using namespace cortex::testing;

namespace {

nlohmann::json vectors(const std::string& group) {
  return read_vectors("config_manager", group);
}

void put(const std::filesystem::path& path, const nlohmann::json& text) {
  if (!text.is_null())
    write_file(path, text.get<std::string>());
}

nlohmann::json content_of(const std::filesystem::path& path) {
  const auto text = read_file(path);
  return text ? nlohmann::json(*text) : nlohmann::json{};
}

std::vector<cm::package> packages_in(const nlohmann::json& entries) {
  std::vector<cm::package> out;
  for (const auto& each : entries)
    out.push_back({each.at("name").get<std::string>(), each.at("version").get<std::string>(),
                   each.at("source").get<std::string>()});
  return out;
}

/// Warnings on entries are compared by their beginning.
nlohmann::json comparable(nlohmann::json diff) {
  const std::string malformed = "Malformed package entry skipped:";
  auto warnings = nlohmann::json::array();
  for (const auto& each : diff.at("warnings")) {
    const auto text = each.get<std::string>();
    warnings.push_back(text.starts_with(malformed) ? malformed : text);
  }
  diff["warnings"] = std::move(warnings);
  return diff;
}

std::string category_of(const nlohmann::json& diff, const std::string& name) {
  for (const char* category : {"install", "upgrade", "downgrade", "already_installed"}) {
    const std::string key = category == std::string{"already_installed"}
                              ? "packages_already_installed"
                              : std::string{"packages_to_"} + category;
    for (const auto& each : diff.at(key))
      if (each.at("name") == name)
        return category;
  }
  return "nowhere";
}

} // namespace

TEST_CASE("config_manager vectors: diff", "[config_manager][vectors]") {
  case_counter counter{"config_manager diff"};
  for (const auto& item : vectors("diff")) {
    INFO(item.dump());
    const auto defects = defects_of(item);
    if (!defects.empty()
        && (!item.contains("corrected") || item.at("corrected").contains("note"))) {
      counter.skipped(defects + ", see the tests of the defects");
      continue;
    }
    config_fixture t;
    t.machine.install(packages_in(item.at("current_packages")));
    put(t.file(), item.at("preferences_file"));
    const auto config = t.open();

    const auto diff
      = to_json(to_yaml(good(config.call(cm::diff{parsed(item.at("yaml").get<std::string>())}))));

    if (defects.empty())
      CHECK(comparable(diff) == comparable(item.at("diff")));
    else
      for (const auto& [name, category] : item.at("corrected").items())
        CHECK(category_of(diff, name) == category.get<std::string>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: export", "[config_manager][vectors]") {
  case_counter counter{"config_manager export"};
  for (const auto& item : vectors("export")) {
    INFO(item.dump());
    config_fixture t;
    t.machine.answer(item.at("runner"));
    const auto now = text::parse_local(item.at("now").get<std::string>());
    REQUIRE(now);
    t.wall.set(wall_time{std::chrono::microseconds{*now}});
    put(t.file(), item.at("preferences_file"));
    put(t.folder / "os-release", item.at("os_release"));
    auto how = t.options();
    for (const auto& [name, value] : item.at("environment").items())
      how.environment->emplace_back(name, value.get<std::string>());
    how.hardware = [&item]() -> expected<yaml> {
      if (!item.at("hardware_error").is_null())
        return fail(errc::unavailable, item.at("hardware_error").get<std::string>());
      return parsed(nlohmann::ordered_json(item.at("hardware_profile")).dump());
    };
    // The order of the profile's members is that of the file; JSON here has lost it.
    const auto expected_text = item.at("file_text").get<std::string>();
    if (!item.at("hardware_profile").is_null()) {
      const auto expected_document = parsed(expected_text);
      how.hardware
        = [profile = *expected_document.find("hardware")]() -> expected<yaml> { return profile; };
      CHECK(to_json(*expected_document.find("hardware")) == item.at("hardware_profile"));
    }
    const auto& arguments = item.at("arguments");
    cm::export_to what;
    what.path = (t.folder / "new").string() + "/folders/export.yaml";
    what.include_hardware = arguments.at("include_hardware").get<bool>();
    what.include_preferences = arguments.at("include_preferences").get<bool>();
    if (!arguments.at("package_sources").is_null())
      what.sources = arguments.at("package_sources").get<std::vector<std::string>>();

    const auto said = good(t.open(how).call(what));

    CHECK(said.message == "Configuration exported successfully to " + what.path);
    CHECK(read_file(what.path) == expected_text);
    CHECK(mode_of(what.path) == 0600);
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: import", "[config_manager][vectors]") {
  case_counter counter{"config_manager import"};
  for (const auto& item : vectors("import")) {
    INFO(item.dump());
    const auto defects = defects_of(item);
    const auto corrected = item.value("corrected", nlohmann::json::object());
    if (!defects.empty() && corrected.empty()) {
      counter.skipped(defects + ", see the tests of the defects");
      continue;
    }
    config_fixture t;
    t.machine.install(packages_in(item.at("current_packages")));
    t.machine.answer(item.at("runner"));
    t.machine.unlisted = fake_machine::otherwise::success;
    put(t.file(), item.at("preferences_file"));
    put(t.folder / "os-release", item.at("os_release"));
    put(t.folder / "import.yaml", item.at("yaml"));
    cm::import_from what{(t.folder / "import.yaml").string()};
    const auto& arguments = item.at("arguments");
    what.dry_run = arguments.value("dry_run", false);
    what.force = arguments.value("force", false);
    if (arguments.contains("selective"))
      what.sections = arguments.at("selective").get<std::vector<std::string>>();

    const auto done = t.open().call(what);

    if (corrected.contains("error")) {
      REQUIRE_FALSE(done);
      CHECK(done.error().detail == corrected.at("error").get<std::string>());
    } else if (item.contains("raises")) {
      REQUIRE_FALSE(done);
      const auto text = item.at("raises").at("text").get<std::string>();
      // Of what a reader of YAML says, the beginning is ours to choose.
      const std::string prefix = "Failed to load configuration file: ";
      if (text.starts_with(prefix))
        CHECK(done.error().detail.starts_with(prefix));
      else
        CHECK(done.error().detail == text);
    } else {
      const auto summary = to_json(to_yaml(good(done)));
      if (what.dry_run)
        CHECK(comparable(summary.at("diff")) == comparable(item.at("result").at("diff")));
      else
        CHECK(summary == item.at("result"));
      std::string printed;
      for (const auto& each : done->warnings)
        if (each.starts_with("Warning: OS"))
          printed += "⚠️  " + each + '\n';
      CHECK(printed == item.at("printed"));
    }
    CHECK(t.machine.installs() == item.at("calls").get<std::vector<fake_machine::words>>());
    CHECK(content_of(t.file())
          == corrected.value("preferences_file_after", item.at("preferences_file_after")));
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("config_manager vectors: preferences", "[config_manager][vectors]") {
  case_counter counter{"config_manager preferences"};
  for (const auto& item : vectors("preferences")) {
    INFO(item.dump());
    const auto defects = defects_of(item);
    if (!defects.empty()) {
      counter.skipped(defects + ", see the tests of the defects");
      continue;
    }
    config_fixture t;
    if (item.contains("save")) {
      const auto config = t.open();
      good(config.call(cm::save_preferences{from_json(item.at("save"))}));
      CHECK(read_file(t.file()) == item.at("file_text").get<std::string>());
      CHECK(mode_of(t.file()) == 0600);
      CHECK(to_json(good(config.call(cm::load_preferences{}))) == item.at("loaded_back"));
    } else {
      put(t.file(), item.at("file_text"));
      CHECK(to_json(good(t.open().call(cm::load_preferences{}))) == item.at("loaded"));
    }
    counter.ran();
  }
  counter.require_any();
}
