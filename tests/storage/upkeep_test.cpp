// Full checks, and the statistics of the query planner.

#include "copy_fixture.hpp"

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;

namespace {

const std::string family
  = "CREATE TABLE IF NOT EXISTS parent(id INTEGER PRIMARY KEY); CREATE TABLE IF NOT EXISTS "
    "child(id INTEGER PRIMARY KEY, parent REFERENCES parent(id), name); CREATE INDEX IF NOT EXISTS "
    "by_name ON child(name)";

/// The file of a family, changed past everything under test.
struct family_file {
  explicit family_file(const std::string& changes) {
    REQUIRE(database::open(path, with_base(family)));
    sqlite_probe probe{path, sqlite_probe::access::read_write};
    probe.execute(changes);
  }

  temp_dir dir;
  std::string path = (dir / "test.db").string();
};

} // namespace

TEST_CASE(
  "integrity_check finds an index that does not match its table, which quick_check does not",
  "[storage][integrity]") {
  family_file t{"PRAGMA writable_schema=ON; CREATE TABLE hidden AS SELECT * FROM sqlite_master "
                "WHERE name = 'by_name'; DELETE FROM sqlite_master WHERE name = 'by_name'; "
                "PRAGMA writable_schema=RESET; INSERT INTO child VALUES(7, NULL, 'x'); "
                "PRAGMA writable_schema=ON; INSERT INTO sqlite_master SELECT * FROM hidden; "
                "PRAGMA writable_schema=RESET; DROP TABLE hidden"};
  auto db = database::open(t.path, with_base(family)).value();

  CHECK(db.quick_check().value().empty());
  const auto found = db.integrity_check();

  REQUIRE(found);
  REQUIRE_FALSE(found->empty());
  CHECK(has(found->front(), "by_name"));
}

TEST_CASE("integrity_check finds rows without their parent, as many as it may",
          "[storage][integrity]") {
  family_file t{"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 50) "
                "INSERT INTO child SELECT x, 1000 + x, '' FROM n"};
  auto db = database::open(t.path, with_base(family)).value();

  const auto all = db.integrity_check();
  const auto few = db.integrity_check({.most = 3});

  REQUIRE(all);
  CHECK(all->size() == 50);
  CHECK(all->front() == "row 1 of table 'child' refers to none of table 'parent'");
  REQUIRE(few);
  CHECK(few->size() == 3);
}

TEST_CASE("integrity_check of a sound database finds nothing, on disk and in memory",
          "[storage][integrity]") {
  scratch_database t;
  fill(t.db, 1, 100);
  auto memory = database::open(":memory:", with_items()).value();

  CHECK(t.db.integrity_check().value().empty());
  CHECK(memory.integrity_check().value().empty());
  CHECK(execute(memory, "INSERT INTO item VALUES(1, 'x')"));
}

TEST_CASE("integrity_check ends when it is told to, and its reader is as good as before",
          "[storage][integrity][errors]") {
  auto options = with_items();
  options.readers = 1;
  scratch_database t{options};
  fill(t.db, 1, 2000);
  std::stop_source stop;
  stop.request_stop();

  CHECK(code_of(t.db.integrity_check({.stop = stop.get_token()})) == errc::cancelled);
  CHECK(code_of(t.db.integrity_check({.deadline = 1ns})) == errc::timeout);
  CHECK(code_of(t.db.integrity_check({.most = 0})) == errc::invalid_argument);

  CHECK(t.db.integrity_check().value().empty());
}

TEST_CASE("after optimize readers that are open choose the index that tells rows apart",
          "[storage][optimize]") {
  scratch_database t{with_base("CREATE TABLE IF NOT EXISTS item(key INTEGER PRIMARY KEY, many, "
                               "one); CREATE INDEX IF NOT EXISTS by_one ON item(one); CREATE INDEX "
                               "IF NOT EXISTS by_many ON item(many)")};
  REQUIRE(t.db.optimize()); // makes the table of statistics, which alone changes the schema
  REQUIRE(execute(t.db, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < "
                        "2000) INSERT INTO item SELECT x, 1, x FROM n"));
  auto plan = [&](const std::string& comment) {
    return t.db
      .read([&](storage::snapshot& view) {
        static_cast<void>(view.value<std::int64_t>("SELECT count(*) FROM item")); // EXPLAIN is not
        // run, so it would not notice that the schema has changed
        return view.one<std::int64_t, std::int64_t, std::int64_t, std::string>(
          "EXPLAIN QUERY PLAN SELECT * FROM item WHERE many = 1 AND one = 5 --" + comment);
      })
      .value()
      .value();
  };
  REQUIRE(has(std::get<3>(plan("before")), "by_many"));

  REQUIRE(t.db.optimize());

  CHECK(has(std::get<3>(plan("after")), "by_one"));
  CHECK(count_of(t.db, "sqlite_master WHERE name LIKE 'cortex_%'") == 0);
  CHECK(t.db.integrity_check().value().empty());
}
