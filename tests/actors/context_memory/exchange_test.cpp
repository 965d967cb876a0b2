// Export and import: CM-9.
#include "memory_fixture.hpp"
#include "support/make_files/make_files.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace testing = cortex::testing;
namespace memory = cortex::context_memory;
using cortex::errc;
using testing::all_patterns;
using testing::record_in;
using testing::value_in;

namespace {

std::string export_of(const memory::memory& opened, memory::export_options how = {}) {
  std::string text;
  REQUIRE(opened.export_json(
    [&](std::string_view piece) -> cortex::expected<void> {
      text += piece;
      return {};
    },
    how));
  return text;
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string rows_in(const memory::memory& opened) {
  return value_in<std::string>(
    opened, "SELECT group_concat(x, char(10)) FROM (SELECT timestamp || category || context || "
            "action || result || success || confidence || frequency || metadata || created_at AS x "
            "FROM memory_entries ORDER BY id) WHERE x IS NOT NULL");
}

/// A memory with a bit of everything.
void fill(testing::memory_fixture& t, const memory::memory& opened) {
  for (int i = 0; i < 4; ++i)
    record_in(opened, "package", "Install nginx", "nginx");
  record_in(opened, "error", "start \"nginx\" \xE2\x9C\x97", "systemctl start nginx", false);
  REQUIRE(opened.call(memory::set_preference{"editor", "vim", "tools"}));
  const auto drawn = opened.call(memory::suggest{});
  REQUIRE(drawn);
  REQUIRE(drawn->size() == 2);
  t.clock.advance(std::chrono::seconds{1});
  REQUIRE(opened.call(memory::dismiss{drawn->front().suggestion_id}));
}

} // namespace

TEST_CASE("CM-9: the full form brings everything to another memory, and twice brings no more",
          "[context_memory]") {
  testing::memory_fixture from;
  const auto source = from.open();
  fill(from, source);
  const auto text = export_of(source, {.full = true});
  testing::memory_fixture to{"2026-01-02T10:00:00Z"};
  const auto target = to.open();

  const auto first = target.import_json(text);
  REQUIRE(first);
  CHECK(first->entries == 5);
  CHECK(first->patterns == 1);
  CHECK(first->suggestions == 2);
  CHECK(first->preferences == 1);
  CHECK(rows_in(target) == rows_in(source));
  CHECK(testing::similar_ids(target, "nginx").size() == 5);
  CHECK(target.call(memory::active_suggestions{})->size() == 1);
  CHECK(target.call(memory::suggest{})->empty()); // one is dismissed, the rest too old

  const auto again = target.import_json(text);
  REQUIRE(again);
  CHECK(again->entries + again->patterns + again->suggestions + again->preferences == 0);
  // But for the time of the export itself.
  const auto after_stamp
    = [](const std::string& document) { return document.substr(document.find("\"entries\"")); };
  CHECK(after_stamp(export_of(target, {.full = true})) == after_stamp(text));
}

TEST_CASE("CM-9: suggestions follow their entries to new ids", "[context_memory]") {
  testing::memory_fixture from;
  const auto source = from.open();
  fill(from, source);
  testing::memory_fixture to;
  const auto target = to.open();
  record_in(target, "other", "something", "else");

  REQUIRE(target.import_json(export_of(source, {.include_dismissed = true})));

  CHECK(value_in<std::string>(target, "SELECT based_on FROM suggestions "
                                      "WHERE suggestion_type = 'alternative'")
        == R"(["6"])");
  CHECK(value_in<std::int64_t>(target, "SELECT id FROM memory_entries WHERE category = 'error'")
        == 6);
}

TEST_CASE("CM-9: an import keeps the newer preference and the larger pattern", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(memory::set_preference{"a", "ours"}));
  REQUIRE(opened.call(memory::set_preference{"b", "ours"}));
  REQUIRE(opened.call(memory::set_preference{"c", "ours"}));
  const auto done = opened.import_json(R"({"entries": [], "preferences": [
    {"key": "a", "value": "theirs", "updated_at": "2025-12-22T10:00:01"},
    {"key": "b", "value": "theirs", "updated_at": "2025-12-22T09:00:00"},
    {"key": "c", "value": "theirs"}, {"key": "d", "value": null}]})");
  REQUIRE(done);
  CHECK(done->preferences == 2);
  const auto value = [&](const char* key) {
    return opened.call(memory::get_preference{key}).value().value().dump();
  };
  CHECK(value("a") == "\"theirs\"");
  CHECK(value("b") == "\"ours\"");
  CHECK(value("c") == "\"ours\"");
  CHECK(value("d") == "null");
}

TEST_CASE("CM-9: a document that is none is refused with its place", "[context_memory][errors]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  const auto refusal = [&](std::string_view text) {
    const auto done = opened.import_json(text);
    REQUIRE(!done);
    return done.error();
  };
  CHECK(refusal("{").code == errc::corrupt);
  CHECK(refusal("[]").code == errc::corrupt);
  CHECK(refusal("{}").code == errc::corrupt);
  CHECK(refusal(R"({"entries": {}})").detail == "entries: no array");
  CHECK(refusal(R"({"entries": [1]})").detail == "entries[0]: no object");
  CHECK(refusal(R"({"entries": [{"category": 1, "action": "a"}]})").detail
        == "entries[0]: 'category' is of the wrong kind");
  CHECK(refusal(R"({"entries": [], "patterns": [{}]})").detail == "patterns[0]: no 'pattern_id'");
  CHECK(refusal(R"({"entries": [{"category": "c", "action": "a", "metadata": 1}]})").detail
        == "entries[0]: metadata: no object");
  CHECK(opened.import_json_file((t.folder / "none.json").string()).error().code == errc::not_found);
  CHECK(value_in<std::int64_t>(opened, "SELECT count(*) FROM memory_entries") == 0);
}

TEST_CASE("CM-9, CM-14: secrets of a document are replaced", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.import_json(R"({"entries": [{"category": "c", "action": "TOKEN=x"}],
    "suggestions": [{"suggestion_id": "1", "suggestion_type": "warning", "title": "TOKEN=x"}]})"));
  CHECK(value_in<std::string>(opened, "SELECT action FROM memory_entries") == "[redacted]");
  CHECK(value_in<std::string>(opened, "SELECT title FROM suggestions") == "[redacted]");
}

TEST_CASE("CM-9: an export to a file is whole and its owner's alone", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  fill(t, opened);
  const auto path = t.folder / "export.json";

  const auto done = opened.export_json(path.string());

  REQUIRE(done);
  CHECK(*done == path.string());
  CHECK(file_text(path) == export_of(opened));
  using std::filesystem::perms;
  CHECK((std::filesystem::status(path).permissions() & perms::all)
        == (perms::owner_read | perms::owner_write));
}

TEST_CASE("CM-9: an export that fails leaves what was there", "[context_memory][errors]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  CHECK(opened.export_json((t.folder / "none" / "x.json").string()).error().code
        == errc::not_found);
  CHECK(opened.export_json(t.folder.path().string()).error().code == errc::invalid_argument);
  std::size_t pieces = 0;
  const auto done = opened.export_json([&](std::string_view /*piece*/) -> cortex::expected<void> {
    if (++pieces == 2)
      return cortex::fail(errc::no_space, "full");
    return {};
  });
  CHECK(done.error().code == errc::no_space);
  CHECK(pieces == 2);
}

TEST_CASE("a file of varied rows holds what was put in", "[context_memory]") {
  testing::memory_fixture t;
  write_context_memory(t.folder.path());
  auto wanted = t.options();
  wanted.path = (t.folder / "context_memory.db").string();
  const auto opened = t.open(wanted);

  CHECK(opened.call(memory::statistics{})->total_entries == 40);
  CHECK(opened.call(memory::statistics{})->damaged == 0);
  CHECK(all_patterns(opened).size() == 2);
  CHECK(value_in<std::int64_t>(opened, "SELECT count(*) FROM suggestions WHERE dismissed = 1")
        == 1);
  CHECK(export_of(opened).find("12345678901234567890123") != std::string::npos);
}
