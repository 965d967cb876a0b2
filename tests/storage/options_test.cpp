// Options, statistics and the check of a file.

#include "sql_fixture.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;
using storage::database_options;
using storage::transaction;

TEST_CASE("the defaults are valid", "[storage][options]") {
  CHECK(validate(database_options{}));
}

TEST_CASE("every bad option is named in one error", "[storage][options][errors]") {
  database_options bad;
  bad.readers = 0;
  bad.reader_threads = 0;
  bad.lane_bound = 0;
  bad.max_group = 0;
  bad.max_group_bytes = 0;
  bad.default_deadline = 0ns;
  bad.busy_timeout = -1ms;
  bad.checkpoint_pages = 0;
  bad.wal_budget_bytes = 1000;
  bad.reader_patience = 0ms;
  bad.cache_kib = 0;
  bad.schema.component = "Not Good";
  bad.schema.migrations = {{7, "seventh", {}}};
  temp_dir dir;

  auto refused = database::open((dir / "test.db").string(), bad);

  REQUIRE(code_of(refused) == errc::invalid_argument);
  for (const auto* name :
       {"readers", "reader_threads", "lane_bound", "max_group", "max_group_bytes",
        "default_deadline", "busy_timeout", "checkpoint_pages", "wal_budget_bytes",
        "reader_patience", "cache_kib", "schema.component", "schema.migrations"}) {
    INFO(name);
    CHECK(has(refused.error().detail, name));
  }
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("an option beyond its range is refused", "[storage][options][errors]") {
  const auto with = [](auto set) {
    database_options out;
    set(out);
    return code_of(validate(out));
  };
  constexpr auto most = std::numeric_limits<std::size_t>::max();

  CHECK(with([](auto& o) { o.readers = 64; }) == errc{});
  CHECK(with([](auto& o) { o.readers = 65; }) == errc::invalid_argument);
  CHECK(with([](auto& o) { o.reader_threads = 16; }) == errc{});
  CHECK(with([](auto& o) { o.reader_threads = 17; }) == errc::invalid_argument);
  CHECK(with([](auto& o) { o.busy_timeout = 0ms; }) == errc{});
  CHECK(with([](auto& o) { o.busy_timeout = 10'000h; }) == errc::invalid_argument); // 32 bits of ms
  CHECK(with([](auto& o) { o.cache_kib = most; }) == errc::invalid_argument); // 31 bits of KiB
}

TEST_CASE("a file system that SQLite does not know is refused", "[storage][options][errors]") {
  temp_dir dir;
  auto how = with_items();
  how.vfs = "no such file system";

  auto refused = database::open((dir / "test.db").string(), how);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(has(refused.error().detail, "no such file system"));
}

TEST_CASE("the smallest options serve", "[storage][options]") {
  database_options small = with_items();
  small.readers = 1;
  small.reader_threads = 1;
  small.max_group = 1;
  small.max_group_bytes = 1;
  small.checkpoint_pages = 1;
  small.wal_budget_bytes = std::size_t{1} << 20U;
  small.cache_kib = 1;
  small.busy_timeout = 0ms;
  scratch_database t{small};

  for (int i = 0; i < 200; ++i) {
    REQUIRE(execute(t.db, "INSERT INTO item VALUES(?, zeroblob(20000))", i));
    REQUIRE(count_of(t.db, "item") == i + 1);
  }
  CHECK(std::filesystem::file_size(t.path + "-wal") <= (3U << 20U));
}

TEST_CASE("the most readers serve as many leases at once", "[storage][options]") {
  auto how = with_items();
  how.readers = 64;
  how.reader_threads = 16;
  scratch_database t{how};
  std::vector<storage::read_lease> held;

  for (int i = 0; i < 64; ++i)
    held.push_back(t.db.lease({.owner = "many", .deadline = 30s}).value());

  CHECK(t.db.stats().readers.size() == 64);
  CHECK(code_of(t.db.lease({.owner = "late", .deadline = 1ms})) == errc::timeout);
  held.clear();
  CHECK(t.db.stats().readers.empty());
}

TEST_CASE("the counters tell what was done", "[storage][options][stats]") {
  scratch_database t;

  for (int i = 0; i < 5; ++i)
    REQUIRE(execute(t.db, "INSERT INTO item VALUES(?, 1)", i));
  REQUIRE_FALSE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));
  REQUIRE(t.db.read([](storage::snapshot&) {}));
  REQUIRE(t.db.read_async([](storage::snapshot&) {}).get());
  {
    auto held = t.db.lease({.owner = "a report"});
    REQUIRE(held);
    // The reader of an asynchronous read is back a moment after its answer.
    REQUIRE(eventually([&] { return t.db.stats().readers.size() == 1; }));
    const auto now = t.db.stats();
    CHECK(now.readers.front().owner == "a report");
    CHECK(now.readers.front().age >= 0ns);
  }

  const auto before = t.db.stats();
  CHECK(before.path == t.path);
  CHECK(before.commits == 5);
  CHECK(before.writes == 5);
  CHECK(before.failed_writes == 1);
  CHECK(before.largest_group == 1);
  CHECK(before.waiting_writes == 0);
  CHECK(before.reads == 3);
  CHECK(before.reader_waits == 0);
  CHECK(before.readers.empty());
  CHECK(before.checkpoints == 0);
  CHECK(before.wal_pages > 0);
  CHECK(before.foreign_changes == 0);
  CHECK(before.commit_time.count == 5);
  CHECK(t.db.commit_number() == 5);
  REQUIRE(t.db.checkpoint().value() == 0);
  CHECK(t.db.stats().checkpoints == 1);
}

TEST_CASE("the leases at work are told oldest first", "[storage][options][stats]") {
  scratch_database t;

  auto first = t.db.lease({.owner = "first"}).value();
  auto second = t.db.lease({.owner = "second"}).value();
  auto third
    = t.db.lease({.owner = std::string_view{"a name of more than thirty-one letters"}}).value();

  const auto readers = t.db.stats().readers;
  REQUIRE(readers.size() == 3);
  CHECK(readers[0].owner == "first");
  CHECK(readers[1].owner == "second");
  CHECK(readers[2].owner == "a name of more than thirty-one ");
  CHECK(std::ranges::is_sorted(readers, std::ranges::greater{}, &storage::reader_info::age));
}

TEST_CASE("a change by another program is noticed and seen", "[storage][options][stats]") {
  scratch_database t;
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));
  REQUIRE(count_of(t.db, "item") == 1);

  {
    sqlite_probe other{t.path, sqlite_probe::access::read_write};
    other.execute("PRAGMA wal_autocheckpoint=0; INSERT INTO item VALUES(2, 2)");
  }

  CHECK(eventually([&] { return count_of(t.db, "item") == 2; }));
  CHECK(eventually([&] {
    static_cast<void>(execute(t.db, "UPDATE item SET value = 3 WHERE key = 1").value());
    return t.db.stats().foreign_changes == 1;
  }));
}

TEST_CASE("quick_check finds nothing in a sound file", "[storage][options]") {
  scratch_database t;
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));

  CHECK(t.db.quick_check().value().empty());
}

TEST_CASE("quick_check finds a damaged page", "[storage][options][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  {
    auto db = database::open(path, with_items()).value();
    for (int i = 0; i < 500; ++i)
      REQUIRE(execute(db, "INSERT INTO item VALUES(?, ?)", i, std::string(500, 'x')));
  }
  {
    constexpr std::streamoff page = 4096;
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(10 * page); // in the table's leaves
    file << std::string(2 * page, '\x5a');
  }

  auto db = database::open(path, with_items());
  REQUIRE(db);
  auto found = db->quick_check();

  INFO((found ? error{} : found.error()));
  REQUIRE(found);
  CHECK_FALSE(found->empty());
  CHECK(code_of(value_of<int>(*db, "SELECT sum(length(value)) FROM item")) == errc::corrupt);
  CHECK(value_of<int>(*db, "SELECT 1").value() == 1);
}
