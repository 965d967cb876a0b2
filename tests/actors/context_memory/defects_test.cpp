// What the memory promises beyond the original: its defects CM-1 to CM-15 with the right behaviour.
#include "memory_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/wait.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace memory = cortex::context_memory;
using cortex::errc;
using cortex::json;
using testing::all_patterns;
using testing::record_in;
using testing::similar_ids;
using testing::value_in;

namespace {

using ids = std::vector<std::int64_t>;

std::vector<std::string> titles_of(const cortex::expected<std::vector<memory::suggestion>>& found) {
  REQUIRE(found);
  std::vector<std::string> titles;
  for (const auto& each : *found)
    titles.push_back(each.title);
  return titles;
}

/// Another time zone while it lives.
class zone {
public:
  explicit zone(const char* name) {
    ::setenv("TZ", name, 1); // NOLINT(concurrency-mt-unsafe): no other thread runs yet
    ::tzset();
  }
  zone(const zone&) = delete;
  zone& operator=(const zone&) = delete;
  ~zone() {
    ::setenv("TZ", "UTC", 1); // NOLINT(concurrency-mt-unsafe)
    ::tzset();
  }
};

} // namespace

TEST_CASE("CM-1: a record counts in the pattern of its own action only", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  for (int i = 0; i < 3; ++i)
    record_in(opened, "package", "", "install nginx");
  t.set_clock("2025-12-22T11:00:00Z");
  for (int i = 0; i < 4; ++i)
    record_in(opened, "package", "", "install redis");

  const auto found = all_patterns(opened);

  REQUIRE(found.size() == 2);
  CHECK(found[0].description == "Recurring pattern: install redis");
  CHECK(found[0].confidence == 0.4);
  CHECK(found[1].confidence == 0.3);
  CHECK(found[1].last_seen == "2025-12-22T10:00:00");
}

TEST_CASE("CM-2: windows compare instants, strictly, whatever the zone", "[context_memory]") {
  const zone here{"America/New_York"};
  testing::memory_fixture t{"2025-12-22T10:00:00Z"};
  const auto opened = t.open();
  auto what = testing::entry_of("package", "nginx", "install nginx");
  // Local time is five hours behind UTC; the window of a week begins at 05:00 there.
  for (const auto* stamp :
       {"2025-12-15T04:59:59", "2025-12-15T05:00:00", "2025-12-15T05:00:00.000001",
        "2025-12-22T04:00:00", "yesterday", "2025-12-15T10:00:00Z", "2025-12-15T10:00:01Z"}) {
    what.timestamp = stamp;
    record_in(opened, what);
  }

  CHECK(opened.call(memory::statistics{})->recent_activity == 3);
  CHECK(record_in(opened, "package", "", "x") > 0);
  CHECK(value_in<std::string>(opened, "SELECT timestamp FROM memory_entries WHERE action = 'x'")
        == "2025-12-22T05:00:00");
}

TEST_CASE("CM-2: an action counts in its pattern while it is younger than 30 days",
          "[context_memory]") {
  testing::memory_fixture t{"2025-12-31T10:00:00Z"};
  const auto opened = t.open();
  auto what = testing::entry_of("package", "", "install nginx");
  for (const auto* stamp :
       {"2025-12-01T10:00:00", "2025-12-01T10:00:00.000001", "", "not a time"}) {
    what.timestamp = stamp;
    record_in(opened, what);
  }
  CHECK(all_patterns(opened).empty());

  what.timestamp.clear();
  record_in(opened, what);

  REQUIRE(all_patterns(opened).size() == 1);
  CHECK(all_patterns(opened).front().frequency == 3);
}

TEST_CASE("CM-3: a document without an action is refused as a whole, and the next record works",
          "[context_memory][errors]") {
  testing::memory_fixture t;
  const auto opened = t.open();

  const auto refused = opened.import_json(
    R"({"entries": [{"category": "a", "action": "b"}, {"category": "a", "action": null}]})");

  REQUIRE(!refused);
  CHECK(refused.error().code == errc::corrupt);
  CHECK(refused.error().detail == "entries[1]: no 'action'");
  CHECK(record_in(opened, "package", "", "install nginx") == 1);
}

TEST_CASE("CM-3, CM-5: a record that the file refuses leaves nothing, and the next one works",
          "[context_memory][errors]") {
  testing::fault_vfs disk;
  testing::memory_fixture t;
  auto wanted = t.options();
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  record_in(opened, "package", "nginx", "install nginx");
  record_in(opened, "package", "nginx", "install nginx");
  disk.disk_full_after(0);
  const auto refused
    = opened.call(memory::record{testing::entry_of("package", "nginx", "install nginx")});
  disk.clear();

  REQUIRE(!refused);
  CHECK(refused.error().code == errc::no_space);
  CHECK(similar_ids(opened, "nginx") == ids{2, 1});
  CHECK(all_patterns(opened).empty());
  CHECK(value_in<std::int64_t>(opened, "SELECT count(*) FROM memory_entries") == 2);
  CHECK(opened.call(memory::statistics{})->total_entries == 2);

  record_in(opened, "package", "nginx", "install nginx");
  REQUIRE(all_patterns(opened).size() == 1);
  CHECK(all_patterns(opened).front().frequency == 3);
}

TEST_CASE("CM-5: an entry whose pattern cannot be written is not stored either",
          "[context_memory][errors]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  testing::change_file(opened, "CREATE TRIGGER refuse BEFORE INSERT ON patterns "
                               "BEGIN SELECT RAISE(ABORT, 'refused'); END;");
  record_in(opened, "package", "nginx", "install nginx");
  record_in(opened, "package", "nginx", "install nginx");

  const auto refused
    = opened.call(memory::record{testing::entry_of("package", "nginx", "install nginx")});

  REQUIRE(!refused);
  CHECK(value_in<std::int64_t>(opened, "SELECT count(*) FROM memory_entries") == 2);
  testing::change_file(opened, "DROP TRIGGER refuse;");
  record_in(opened, "package", "nginx", "install nginx");
  CHECK(all_patterns(opened).front().frequency == 3);
}

TEST_CASE("CM-4: an underscore is one, and letters of all scripts match without regard to case",
          "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  record_in(opened, "config", "set max_size", "a");
  record_in(opened, "config", "set maxXsize", "b");
  record_in(opened, "config", "Über den CAFÉ", "c");

  CHECK(similar_ids(opened, "max_size") == ids{1});
  CHECK(similar_ids(opened, "maxxsize") == ids{2});
  CHECK(similar_ids(opened, "ÜBER") == ids{3});
  CHECK(similar_ids(opened, "café") == ids{3});
}

TEST_CASE("CM-6: what was dismissed does not come again on another day", "[context_memory]") {
  testing::memory_fixture t;
  auto opened = t.open();
  for (int i = 0; i < 3; ++i)
    record_in(opened, "package", "", "nginx");
  const auto first = opened.call(memory::suggest{});
  REQUIRE(first);
  REQUIRE(first->size() == 1);
  t.set_clock("2025-12-23T10:00:00Z");
  REQUIRE(opened.call(memory::suggest{})->size() == 1); // another id, not dismissed yet
  REQUIRE(opened.call(memory::active_suggestions{})->size() == 2);

  REQUIRE(opened.call(memory::dismiss{first->front().suggestion_id}));

  CHECK(opened.call(memory::active_suggestions{})->empty());
  t.set_clock("2025-12-24T10:00:00Z");
  CHECK(opened.call(memory::suggest{})->empty());
  t.restart();
  opened = t.open();
  CHECK(opened.call(memory::suggest{})->empty());
  CHECK(value_in<std::string>(opened, "SELECT kind || ':' || identifier "
                                      "FROM cortex_context_memory_dismissed")
        == "optimization:nginx");
}

TEST_CASE("CM-6: what the original dismissed stays dismissed, too", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  for (int i = 0; i < 3; ++i)
    record_in(opened, "package", "", "nginx");
  REQUIRE(opened.call(memory::suggest{})->size() == 1);
  testing::change_file(opened, "UPDATE suggestions SET dismissed = 1;");

  t.set_clock("2025-12-24T10:00:00Z");

  CHECK(opened.call(memory::suggest{})->empty());
}

TEST_CASE("CM-6: two failures of one action are one suggestion", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  record_in(opened, "package", "Install nginx", "snap install nginx", false);
  record_in(opened, "package", "Install nginx", "snap install nginx", false);
  record_in(opened, "package", "Install nginx", "apt install nginx");

  const auto found = opened.call(memory::suggest{});

  CHECK(titles_of(found) == std::vector<std::string>{"Alternative to: snap install nginx"});
  CHECK(found->front().based_on == std::vector<std::string>{"2"}); // the newer failure
  CHECK(found->front().description.find("apt install nginx") != std::string::npos);
}

TEST_CASE("CM-7: the category of a preference changes when one is given", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  const auto category
    = [&] { return value_in<std::string>(opened, "SELECT category FROM preferences"); };
  REQUIRE(opened.call(memory::set_preference{"editor", "vim"}));
  CHECK(category() == "general");
  REQUIRE(opened.call(memory::set_preference{"editor", "nano", "tools"}));
  CHECK(category() == "tools");
  REQUIRE(opened.call(memory::set_preference{"editor", "ed"}));
  CHECK(category() == "tools");
}

TEST_CASE("CM-8: negative limits are refused", "[context_memory][errors]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  record_in(opened, "package", "nginx", "install nginx");

  CHECK(opened.call(memory::similar{"nginx", -1}).error().code == errc::invalid_argument);
  CHECK(opened.call(memory::active_suggestions{-1}).error().code == errc::invalid_argument);
  CHECK(similar_ids(opened, "nginx", 0).empty());
}

TEST_CASE("CM-10: with a context only suggestions that share a keyword come", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  for (int i = 0; i < 3; ++i) {
    record_in(opened, "package", "", "nginx");
    record_in(opened, "package", "", "redis server");
  }

  CHECK(titles_of(opened.call(memory::suggest{"tune my Redis"}))
        == std::vector<std::string>{"Frequent Installation: redis server"});
  CHECK(titles_of(opened.call(memory::suggest{"of the"})).empty());
  CHECK(titles_of(opened.call(memory::suggest{})).size() == 2);
}

TEST_CASE("CM-11: entries beyond a number or an age are removed, the oldest first",
          "[context_memory]") {
  testing::memory_fixture t{"2025-12-22T10:00:00Z"};
  auto wanted = t.options();
  wanted.max_entries = 2;
  wanted.max_age = std::chrono::hours{48};
  const auto opened = t.open(wanted);
  auto what = testing::entry_of("package", "nginx", "install nginx");
  for (const auto* stamp : {"2025-12-22T09:00:00", "2025-12-22T08:00:00", "2025-12-22T09:30:00",
                            "2025-12-20T09:59:59"}) {
    what.timestamp = stamp;
    record_in(opened, what);
  }

  t.set_clock("2025-12-22T10:02:00Z"); // looked at each minute
  REQUIRE(testing::eventually(
    [&] { return value_in<std::int64_t>(opened, "SELECT count(*) FROM memory_entries") == 2; }));

  CHECK(similar_ids(opened, "nginx") == ids{3, 1});
  CHECK(all_patterns(opened).size() == 1);
}

TEST_CASE("CM-11: nothing is removed unless asked", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  auto what = testing::entry_of("package", "nginx", "install nginx");
  what.timestamp = "1999-12-31T00:00:00";
  record_in(opened, what);

  t.set_clock("2035-12-22T10:00:00Z");
  record_in(opened, what);

  CHECK(similar_ids(opened, "nginx") == ids{2, 1});
}

TEST_CASE("CM-13: rows with nulls or without JSON are shown as empty and told",
          "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  for (int i = 0; i < 3; ++i)
    record_in(opened, "package", "nginx", "install nginx");
  REQUIRE(opened.call(memory::set_preference{"editor", "vim"}));
  testing::change_file(opened, "UPDATE memory_entries SET context = NULL WHERE id = 1;"
                               "UPDATE memory_entries SET metadata = '{' WHERE id = 2;"
                               "UPDATE patterns SET actions = 'x', context = NULL;"
                               "UPDATE preferences SET value = '';");

  const auto found = opened.call(memory::similar{"nginx"});
  REQUIRE(found);
  REQUIRE(found->size() == 3);
  CHECK((*found)[2].context.empty());
  CHECK((*found)[1].metadata == json::object());
  REQUIRE(all_patterns(opened).size() == 1);
  CHECK(all_patterns(opened).front().actions == json::array());
  CHECK(opened.call(memory::get_preference{"editor"}).value() == std::nullopt);
  CHECK(opened.call(memory::suggest{}));
  CHECK(opened.call(memory::statistics{})->damaged > 0);
}

TEST_CASE("CM-14: the file is its owner's alone, and secrets do not get into it",
          "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  auto what = testing::entry_of("command", "with sk-0123456789abcdefghij please",
                                "mysql --password=hunter2 -u root");
  what.result = "TOKEN=abc";
  what.metadata = json::object({{"url", "https://joe:hunter2@host/x"}});
  record_in(opened, what);

  CHECK(value_in<std::string>(opened, "SELECT context || '|' || action || '|' || result || '|' || "
                                      "metadata FROM memory_entries")
        == "with [redacted] please|mysql [redacted] -u root|[redacted]|"
           R"({"url": "https://[redacted]@host/x"})");
  using std::filesystem::perms;
  CHECK((std::filesystem::status(t.file()).permissions() & perms::all)
        == (perms::owner_read | perms::owner_write));
}

TEST_CASE("CM-14: redaction can be switched off", "[context_memory]") {
  testing::memory_fixture t;
  auto wanted = t.options();
  wanted.redact = false;
  const auto opened = t.open(wanted);
  record_in(opened, "command", "", "mysql --password=hunter2");

  CHECK(value_in<std::string>(opened, "SELECT action FROM memory_entries")
        == "mysql --password=hunter2");
}

TEST_CASE("CM-15: a suggestion rests on entries of its category alone", "[context_memory]") {
  testing::memory_fixture t;
  const auto opened = t.open();
  for (int i = 0; i < 3; ++i) {
    record_in(opened, "package", "", "nginx");
    record_in(opened, "command", "", "nginx");
  }

  const auto found = opened.call(memory::suggest{});

  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().based_on == std::vector<std::string>{"5", "3", "1"});
  CHECK(found->front().confidence == 0.6);
}
