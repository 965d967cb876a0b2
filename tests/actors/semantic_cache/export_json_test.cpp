#include "cache_fixture.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cortex::errc;
using nlohmann::json;
using testing::key_of;
using namespace std::chrono_literals;

namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{folder},
                                                std::filesystem::directory_iterator{}));
}

json exported(const cache::cache& opened, const cache::filter& which = {}) {
  std::string document;
  const auto count = opened.export_json(
    [&](std::string_view piece) -> cortex::expected<void> {
      document += piece;
      return {};
    },
    which);
  REQUIRE(count);
  auto parsed = json::parse(document);
  CHECK(parsed.size() == *count);
  return parsed;
}

} // namespace

TEST_CASE("an export has every entry with all that is known of it", "[semantic_cache][export]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  const std::string prompt = "gr\u00fc\u00df \"dich\"\n\U0001f600";
  REQUIRE(opened.call(cache::put{key_of(prompt), {"echo 'a'", "\u00e4"}}));
  REQUIRE(opened.call(cache::put{key_of("short"), {}, 60s}));
  t.clock.advance(5s);
  REQUIRE(opened.call(cache::get{key_of(prompt)})); // not written yet

  const auto all = exported(opened);

  REQUIRE(all.size() == 2);
  const auto& first = all[0];
  CHECK(first.at("id") == 1);
  CHECK(first.at("provider") == "openai");
  CHECK(first.at("model") == "gpt-4");
  CHECK(first.at("system_hash").get<std::string>().size() == 64);
  CHECK(first.at("prompt") == prompt);
  CHECK(first.at("commands") == json{"echo 'a'", "\u00e4"});
  CHECK(first.at("created_at") == "2025-12-22T10:00:00Z");
  CHECK(first.at("last_accessed") == "2025-12-22T10:00:05Z");
  CHECK(first.at("hit_count") == 1);
  CHECK(first.at("expires_at").is_null());
  CHECK(all[1].at("commands") == json::array());
  CHECK(all[1].at("expires_at") == "2025-12-22T10:01:00Z");
}

TEST_CASE("an export takes a filter and leaves out what has expired", "[semantic_cache][export]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  CHECK(exported(opened) == json::array());
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("bravo", "other"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("delta"), {"x"}, 10s}));
  t.clock.advance(10s);

  CHECK(exported(opened).size() == 2);
  const auto others = exported(opened, {.model = "other"});
  REQUIRE(others.size() == 1);
  CHECK(others[0].at("prompt") == "bravo");
}

TEST_CASE("an export comes in pieces of one entry", "[semantic_cache][export]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  const std::string large(10'000, 'x');
  for (int i = 0; i < 50; ++i)
    REQUIRE(opened.call(cache::put{key_of("prompt " + std::to_string(i)), {large}}));
  std::size_t longest = 0;

  const auto count = opened.export_json([&](std::string_view piece) -> cortex::expected<void> {
    longest = std::max(longest, piece.size());
    return {};
  });

  REQUIRE(count);
  CHECK(*count == 50);
  CHECK(longest < 2 * large.size());
}

TEST_CASE("a file gets its name when the export is whole, and is the owner's alone",
          "[semantic_cache][export]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  const std::string large(100'000, 'x'); // more than is collected before a write
  REQUIRE(opened.call(cache::put{key_of("alpha"), {large}}));
  REQUIRE(opened.call(cache::put{key_of("bravo"), {"x"}}));
  const testing::temp_dir folder;
  const auto path = folder / "export.json";
  std::ofstream{path} << "what was there";

  const auto count = opened.export_json(path.string());

  REQUIRE(count);
  CHECK(*count == 2);
  const auto parsed = json::parse(content_of(path));
  CHECK(parsed[0].at("commands")[0] == large);
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777U) == 0600U);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("an export that fails leaves the file that was there and nothing beside it",
          "[semantic_cache][export][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  const testing::temp_dir folder;
  const auto path = folder / "export.json";
  std::ofstream{path} << "what was there";

  CHECK(opened.export_json(path.string(), {.model = "\xff"}).error().code
        == errc::invalid_argument);
  CHECK(opened.export_json((folder / "no folder/export.json").string()).error().code
        == errc::not_found);
  std::filesystem::create_directory(folder / "taken");
  CHECK(opened.export_json((folder / "taken").string()).error().code == errc::invalid_argument);

  CHECK(content_of(path) == "what was there");
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("an error of the receiver ends an export and is its error",
          "[semantic_cache][export][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  for (const auto* prompt : {"alpha", "bravo", "delta"})
    REQUIRE(opened.call(cache::put{key_of(prompt), {"x"}}));
  int pieces = 0;

  const auto ended = opened.export_json([&](std::string_view) -> cortex::expected<void> {
    if (++pieces == 2)
      return cortex::fail(errc::no_space, "enough");
    return {};
  });

  REQUIRE(!ended);
  CHECK(ended.error().code == errc::no_space);
  CHECK(pieces == 2);
}
