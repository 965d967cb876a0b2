// Schemas: run once each, in order, whole or not at all.

#include "sql_fixture.hpp"

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using storage::database;
using storage::database_options;
using storage::migration;
using storage::transaction;

namespace {

expected<void> nothing(transaction&) {
  return {};
}

auto script(std::string sql) {
  return [sql = std::move(sql)](transaction& in) { return in.execute_script(sql); };
}

database_options with_migrations(std::vector<migration> steps, std::string component = "main") {
  database_options out;
  out.schema.component = std::move(component);
  out.schema.migrations = std::move(steps);
  return out;
}

// `component version name` of each migration that the file knows.
std::vector<std::string> recorded(const std::string& path) {
  std::vector<std::string> out;
  auto db = database::open(path, read_only()).value();
  auto lines = db.read([](storage::snapshot& view) {
    return view.all<std::string>("SELECT component || ' ' || version || ' ' || name FROM "
                                 "cortex_schema ORDER BY component, version");
  });
  return lines.value();
}

std::optional<std::string> tables_of(const std::string& path) {
  return sqlite_probe{path, sqlite_probe::access::read_write}.text(
    "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY "
    "name)");
}

struct file {
  temp_dir dir;
  std::string path = (dir / "test.db").string();
};

} // namespace

TEST_CASE("migrations run once each, in order, and are recorded", "[storage][migrations]") {
  file t;
  std::string ran;
  std::vector<migration> steps;
  for (int version = 1; version <= 3; ++version)
    steps.push_back({version, "step", [&ran, version](transaction& in) -> expected<void> {
                       ran += std::to_string(version);
                       return in.execute_script("CREATE TABLE t" + std::to_string(version) + "(x)");
                     }});
  const auto two = std::vector<migration>{steps[0], steps[1]};

  REQUIRE(database::open(t.path, with_migrations(two)));
  CHECK(ran == "12");
  REQUIRE(database::open(t.path, with_migrations(two)));
  CHECK(ran == "12");
  REQUIRE(database::open(t.path, with_migrations(steps)));
  CHECK(ran == "123");

  CHECK(recorded(t.path) == std::vector<std::string>{"main 1 step", "main 2 step", "main 3 step"});
  CHECK(tables_of(t.path) == "cortex_schema,t1,t2,t3");
}

TEST_CASE("a migration that fails is undone and named, and those before it stay",
          "[storage][migrations][errors]") {
  file t;
  const migration first{1, "first", script("CREATE TABLE one(x)")};
  struct way {
    const char* name;
    errc code;
    std::function<expected<void>(transaction&)> rest;
  };
  const way ways[] = {
    {"an error of its own", errc::not_found,
     [](transaction&) -> expected<void> { return fail(errc::not_found, "its own"); }},
    {"bad SQL", errc::invalid_argument, script("CREATE TABL x(y)")},
    {"a constraint", errc::constraint,
     script("CREATE TABLE u(x UNIQUE); INSERT INTO u VALUES(1), (1)")},
    {"an exception", errc::internal,
     [](transaction&) -> expected<void> { throw std::runtime_error{"thrown"}; }},
    {"something thrown that is no exception", errc::internal,
     [](transaction&) -> expected<void> { throw 1; }},
    {"a row without its parent", errc::constraint,
     script("CREATE TABLE p(x PRIMARY KEY); CREATE TABLE c(p REFERENCES p(x) DEFERRABLE INITIALLY "
            "DEFERRED); INSERT INTO c VALUES(1)")},
    {"a COMMIT", errc::invalid_argument, script("COMMIT")},
    {"an INSERT OR ROLLBACK", errc::constraint,
     script("CREATE TABLE u(x UNIQUE); INSERT INTO u VALUES(1); INSERT OR ROLLBACK INTO u "
            "VALUES(1)")},
    {"an INSERT OR ROLLBACK that it ignores", errc::internal,
     [](transaction& in) -> expected<void> {
       static_cast<void>(in.execute_script("CREATE TABLE u(x UNIQUE); INSERT INTO u VALUES(1); "
                                           "INSERT OR ROLLBACK INTO u VALUES(1)"));
       static_cast<void>(in.execute_script("CREATE TABLE stray(x)"));
       static_cast<void>(in.execute("CREATE TABLE stray2(x)"));
       return {};
     }},
  };

  for (const auto& way : ways) {
    INFO(way.name);
    const migration second{2, "second", [&way](transaction& in) -> expected<void> {
                             if (auto made = in.execute_script("CREATE TABLE two(x)"); !made)
                               return made;
                             return way.rest(in);
                           }};

    auto db = database::open(t.path, with_migrations({first, second}));

    REQUIRE_FALSE(db);
    CHECK(db.error().code == way.code);
    CHECK(has(db.error().detail, "migration 2 'second'"));
    CHECK(recorded(t.path) == std::vector<std::string>{"main 1 first"});
    CHECK(tables_of(t.path) == "cortex_schema,one");
  }
  const migration good{2, "second", script("CREATE TABLE two(x)")};
  CHECK(database::open(t.path, with_migrations({first, good})));
  CHECK(tables_of(t.path) == "cortex_schema,one,two");
}

TEST_CASE("a migration may rebuild a table that others refer to", "[storage][migrations]") {
  file t;
  const migration first{1, "first",
                        script("CREATE TABLE p(x INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES "
                               "p(x) DEFERRABLE INITIALLY DEFERRED); INSERT INTO p VALUES(1); "
                               "INSERT INTO c VALUES(1)")};
  const migration second{2, "second",
                         script("CREATE TABLE q(x INTEGER PRIMARY KEY, more); INSERT INTO q SELECT "
                                "x, 'more' FROM p; DROP TABLE p; ALTER TABLE q RENAME TO p")};

  auto db = database::open(t.path, with_migrations({first, second}));

  REQUIRE(db);
  CHECK(value_of<std::string>(*db, "SELECT more FROM p JOIN c ON c.p = p.x").value() == "more");
}

TEST_CASE("a file that knows a later version is refused and stays as it is",
          "[storage][migrations][errors]") {
  file t;
  const migration first{1, "first", script("CREATE TABLE one(x)")};
  const migration second{2, "second", script("CREATE TABLE two(x)")};
  REQUIRE(database::open(t.path, with_migrations({first, second})));
  auto older = with_migrations({first});
  older.schema.base = "CREATE TABLE IF NOT EXISTS late(x)";

  auto db = database::open(t.path, older);

  REQUIRE(code_of(db) == errc::newer_format);
  CHECK(has(db.error().detail, "2"));
  CHECK(tables_of(t.path) == "cortex_schema,one,two");
  CHECK(database::open(t.path, with_migrations({first, second})));
}

TEST_CASE("components in one file have versions of their own", "[storage][migrations]") {
  file t;
  int ran = 0;
  auto count = [&ran](transaction&) -> expected<void> {
    ++ran;
    return {};
  };
  const auto cache = with_migrations({{1, "c1", count}, {2, "c2", count}}, "cache");
  const auto ledger = with_migrations({{1, "l1", count}}, "ledger");

  REQUIRE(database::open(t.path, cache));
  REQUIRE(database::open(t.path, ledger));
  REQUIRE(database::open(t.path, cache));

  CHECK(ran == 3);
  CHECK(recorded(t.path) == std::vector<std::string>{"cache 1 c1", "cache 2 c2", "ledger 1 l1"});
}

TEST_CASE("the base script is run at each open, before the migrations", "[storage][migrations]") {
  file t;
  database_options how;
  how.schema.base = "CREATE TABLE IF NOT EXISTS a(x); -- a comment\n; CREATE INDEX IF NOT EXISTS i "
                    "ON a(x); -- the end";
  how.schema.migrations = {{1, "fill", script("INSERT INTO a VALUES(1)")}};

  REQUIRE(database::open(t.path, how));
  REQUIRE(database::open(t.path, how));

  CHECK(count_of(database::open(t.path, how).value(), "a") == 1);
  sqlite_probe{t.path, sqlite_probe::access::read_write}.execute("DROP INDEX i");
  CHECK(count_of(database::open(t.path, how).value(), "sqlite_master WHERE name = 'i'") == 1);
}

TEST_CASE("a base script that fails leaves nothing of itself", "[storage][migrations][errors]") {
  file t;

  auto db = database::open(t.path, with_base("CREATE TABLE a(x); CREATE TABLE a(x)"));

  CHECK(code_of(db) == errc::invalid_argument);
  CHECK(tables_of(t.path) == std::nullopt);
  CHECK(code_of(database::open(t.path, with_base("COMMIT"))) == errc::invalid_argument);
  CHECK(code_of(database::open(t.path, with_base("PRAGMA user_version=7")))
        == errc::invalid_argument);
  CHECK(database::open(t.path));
}

TEST_CASE("a file of another program with version 0 opens and keeps its tables",
          "[storage][migrations]") {
  file t;
  {
    sqlite_probe other{t.path, sqlite_probe::access::create};
    other.execute("CREATE TABLE foreign_one(x, y TEXT); INSERT INTO foreign_one VALUES(1, 'a')");
  }
  const auto before = sqlite_probe{t.path}.text("SELECT group_concat(sql) FROM sqlite_master");

  {
    auto db = database::open(t.path);
    REQUIRE(db);
    CHECK(count_of(*db, "foreign_one") == 1);
    CHECK(execute(*db, "INSERT INTO foreign_one VALUES(2, 'b')"));
  }

  sqlite_probe probe{t.path};
  CHECK(probe.text("SELECT group_concat(sql) FROM sqlite_master") == before);
  CHECK(probe.text("PRAGMA user_version") == "0");
  CHECK(probe.text("PRAGMA application_id") == "0");
  CHECK(probe.count("foreign_one") == 2);
}

TEST_CASE("a read-only open runs no migration", "[storage][migrations]") {
  file t;
  REQUIRE(database::open(t.path));
  auto how = with_migrations({{1, "first", script("CREATE TABLE one(x)")}});
  how.access = storage::access::read_only;

  CHECK(database::open(t.path, how));

  CHECK(tables_of(t.path) == std::nullopt);
}

TEST_CASE("a schema that is declared wrongly is refused", "[storage][migrations][errors]") {
  file t;
  const std::vector<std::vector<migration>> wrong{
    {{2, "gap at the beginning", nothing}},
    {{1, "a", nothing}, {3, "gap", nothing}},
    {{1, "a", nothing}, {1, "twice", nothing}},
    {{2, "b", nothing}, {1, "descending", nothing}},
    {{0, "zero", nothing}},
    {{1, "no function", {}}},
  };
  for (const auto& steps : wrong)
    CHECK(code_of(database::open(t.path, with_migrations(steps))) == errc::invalid_argument);
  for (const auto& name : {std::string{}, std::string{"A"}, std::string{"a-b"}, std::string{"a b"},
                           std::string{"\xc3"}, std::string(65, 'a')})
    CHECK(code_of(database::open(t.path, with_migrations({}, name))) == errc::invalid_argument);
  CHECK_FALSE(exists(t.path));

  CHECK(database::open(t.path, with_migrations({{1, "a", nothing}}, std::string(64, '_'))));
}

TEST_CASE("a migration takes everything that a write takes", "[storage][migrations]") {
  file t;
  const migration step{1, "all", [](transaction& in) -> expected<void> {
                         if (auto made = in.execute_script("CREATE TABLE a(x)"); !made)
                           return made;
                         std::vector<std::tuple<int>> rows(1000);
                         if (auto done = in.execute_many("INSERT INTO a VALUES(?)", rows); !done)
                           return unexpected{std::move(done).error()};
                         static_cast<void>(in.savepoint([&]() -> expected<void> {
                           static_cast<void>(in.execute("DELETE FROM a"));
                           return fail(errc::cancelled);
                         }));
                         auto open_cursor = in.query("SELECT x FROM a");
                         return open_cursor && open_cursor->next() ? expected<void>{}
                                                                   : fail(errc::internal);
                       }};

  auto db = database::open(t.path, with_migrations({step}));

  REQUIRE(db);
  CHECK(count_of(*db, "a") == 1000);
}

TEST_CASE("a migration may open another file, not its own", "[storage][migrations]") {
  file t;
  scratch_database other;
  REQUIRE(execute(other.db, "INSERT INTO item VALUES(1, 'from there')"));
  const migration take_over{1, "take over", [&](transaction& in) -> expected<void> {
                              CHECK(code_of(database::open(t.path)) == errc::would_deadlock);
                              auto from = database::open(other.path, with_items());
                              if (!from)
                                return fail(from.error());
                              auto text = value_of<std::string>(*from, "SELECT value FROM item");
                              if (!text)
                                return fail(text.error());
                              auto made = in.execute("CREATE TABLE a AS SELECT ? AS x", *text);
                              return made ? expected<void>{} : fail(made.error());
                            }};

  auto db = database::open(t.path, with_migrations({take_over}));

  REQUIRE(db);
  CHECK(value_of<std::string>(*db, "SELECT x FROM a").value() == "from there");
}

TEST_CASE("foreign keys are enforced once the migrations are done", "[storage][migrations]") {
  file t;
  auto how = with_migrations({{1, "first",
                               script("CREATE TABLE p(x INTEGER PRIMARY KEY); CREATE "
                                      "TABLE c(p REFERENCES p(x))")}});

  auto db = database::open(t.path, how);

  REQUIRE(db);
  CHECK(code_of(execute(*db, "INSERT INTO c VALUES(1)")) == errc::constraint);
}
