// What SQL of callers cannot do, and what errors do not tell.

#include "cortex/runtime.hpp"

#include "sql_fixture.hpp"

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::string_literals;
using storage::database;
using storage::snapshot;
using storage::transaction;

namespace {

// Each way to hand SQL to a database.
struct route {
  const char* name;
  std::function<expected<void>(database&, const std::string&)> run;
};

expected<void> step_through(expected<storage::cursor> rows) {
  if (!rows)
    return unexpected{std::move(rows).error()};
  return rows->each([](storage::row) {});
}

template <class T>
expected<void> dropped(expected<T> result) {
  if (!result)
    return unexpected{std::move(result).error()};
  return {};
}

std::vector<route> reading_routes() {
  return {
    {"read",
     [](database& db, const std::string& sql) {
       return db.read([&](snapshot& view) { return step_through(view.query(sql)); });
     }},
    {"lease",
     [](database& db, const std::string& sql) -> expected<void> {
       auto held = db.lease();
       if (!held)
         return unexpected{std::move(held).error()};
       return step_through((*held)->query(sql));
     }},
    {"read_async",
     [](database& db, const std::string& sql) {
       return db.read_async([sql](snapshot& view) { return step_through(view.query(sql)); }).get();
     }},
    {"query in a write",
     [](database& db, const std::string& sql) {
       return dropped(db.write([&](transaction& in) { return step_through(in.query(sql)); }));
     }},
  };
}

std::vector<route> writing_routes() {
  return {
    {"execute", [](database& db, const std::string& sql) { return dropped(execute(db, sql)); }},
    {"execute_script",
     [](database& db, const std::string& sql) { return dropped(execute_script(db, sql)); }},
  };
}

std::vector<route> all_routes() {
  auto out = reading_routes();
  for (auto& each : writing_routes())
    out.push_back(std::move(each));
  return out;
}

// A database and one of memory, where reads use the connection that writes.
struct both_kinds {
  scratch_database file;
  database memory = database::open(":memory:", with_items()).value();

  void for_each(const std::vector<route>& routes, const std::vector<std::string>& texts,
                const std::function<void(database&, const expected<void>&)>& check) {
    for (auto* db : {&file.db, &memory})
      for (const auto& way : routes)
        for (const auto& sql : texts) {
          INFO(db->path() << ", " << way.name << ": " << sql);
          check(*db, way.run(*db, sql));
        }
  }
};

void check_refused(const expected<void>& result) {
  CHECK(code_of(result) == errc::invalid_argument);
}

} // namespace

TEST_CASE("SQL of callers cannot control transactions, attach files or load extensions",
          "[storage][security]") {
  both_kinds t;

  t.for_each(all_routes(),
             {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "END", "ROLLBACK", "SAVEPOINT x", "RELEASE x",
              "ROLLBACK TO x", "RELEASE cortex_member", "ATTACH ':memory:' AS other",
              "ATTACH 'other.db' AS other", "DETACH main", "SELECT load_extension('x')",
              "SELECT load_extension('x', 'y')", "VACUUM", "VACUUM INTO 'copy.db'"},
             [](database& db, const expected<void>& result) {
               check_refused(result);
               CHECK(execute(db, "INSERT INTO item(value) VALUES(1)"));
             });

  CHECK(count_of(t.file.db, "item") == 6 * 16);
  CHECK_FALSE(exists("copy.db"));
}

TEST_CASE("SQL of callers cannot set what the database relies on", "[storage][security]") {
  both_kinds t;

  t.for_each(all_routes(), {"PRAGMA journal_mode=DELETE",   "PRAGMA main.journal_mode=OFF",
                            "PRAGMA journal_mode(MEMORY)",  "pragma JOURNAL_MODE = delete",
                            "PRAGMA synchronous=OFF",       "PRAGMA foreign_keys=OFF",
                            "PRAGMA query_only=1",          "PRAGMA locking_mode=EXCLUSIVE",
                            "PRAGMA wal_autocheckpoint=1",  "PRAGMA writable_schema=ON",
                            "PRAGMA user_version=5",        "PRAGMA application_id=5",
                            "PRAGMA schema_version=5",      "PRAGMA cache_size=1",
                            "PRAGMA mmap_size=1000000",     "PRAGMA temp_store=FILE",
                            "PRAGMA busy_timeout=0",        "PRAGMA optimize",
                            "PRAGMA page_size=512",         "PRAGMA incremental_vacuum",
                            "PRAGMA auto_vacuum=FULL",      "PRAGMA encoding='UTF-16'",
                            "PRAGMA secure_delete=OFF",     "PRAGMA trusted_schema=ON",
                            "PRAGMA defer_foreign_keys=ON", "PRAGMA ignore_check_constraints=ON",
                            "PRAGMA journal_size_limit=1",  "PRAGMA shrink_memory",
                            "PRAGMA recursive_triggers=ON", "PRAGMA reverse_unordered_selects=ON",
                            "PRAGMA hard_heap_limit=1",     "PRAGMA threads=8",
                            "PRAGMA no_such_pragma",        "UPDATE sqlite_master SET sql = ''",
                            "DELETE FROM sqlite_schema",    "SELECT * FROM pragma_wal_checkpoint"},
             [](database&, const expected<void>& result) { check_refused(result); });

  CHECK(sqlite_probe{t.file.path}.text("PRAGMA journal_mode") == "wal");
  CHECK(sqlite_probe{t.file.path}.text("PRAGMA user_version") == "0");
  CHECK(code_of(execute_script(t.file.db, "CREATE TABLE p(x PRIMARY KEY); CREATE TABLE c(p "
                                          "REFERENCES p(x)); INSERT INTO c VALUES(1)"))
        == errc::constraint);
}

TEST_CASE("no SQL of callers checkpoints, not even a log that was copied back in full",
          "[storage][security]") {
  scratch_database t;
  REQUIRE(execute(t.db, "INSERT INTO item(value) VALUES(zeroblob(100000))"));
  const auto check_modes = [&] {
    const auto log_size = std::filesystem::file_size(t.path + "-wal");
    const auto checkpoints = t.db.stats().checkpoints;
    for (const auto& way : all_routes())
      for (const auto* mode : {"", "(PASSIVE)", "(FULL)", "(RESTART)", "(TRUNCATE)", "=TRUNCATE"})
        for (const auto* start :
             {"PRAGMA wal_checkpoint", "PRAGMA main.wal_checkpoint", "pragma WAL_CHECKPOINT"}) {
          INFO(way.name << ": " << start << mode);
          check_refused(way.run(t.db, start + std::string{mode}));
        }
    CHECK(std::filesystem::file_size(t.path + "-wal") == log_size);
    CHECK(t.db.stats().checkpoints == checkpoints);
  };

  check_modes();
  REQUIRE(t.db.checkpoint().value() == 0);
  check_modes();

  REQUIRE(execute(t.db, "INSERT INTO item(value) VALUES(2)"));
  CHECK(count_of(t.db, "item") == 2);
}

TEST_CASE("a read changes nothing", "[storage][security]") {
  both_kinds t;
  for (auto* db : {&t.file.db, &t.memory})
    REQUIRE(execute_script(*db, "INSERT INTO item VALUES(1, 1); CREATE INDEX j ON item(value)"));
  const std::vector<std::string> texts{"INSERT INTO item VALUES(2, 2)",
                                       "INSERT INTO item VALUES(2, 2) RETURNING key",
                                       "REPLACE INTO item VALUES(1, 2)",
                                       "UPDATE item SET value = 2",
                                       "DELETE FROM item",
                                       "WITH x AS (SELECT 2) INSERT INTO item SELECT 2, 2 FROM x",
                                       "CREATE TABLE a(x)",
                                       "CREATE TEMP TABLE a(x)",
                                       "CREATE INDEX i ON item(value)",
                                       "DROP TABLE item",
                                       "ANALYZE",

                                       "ALTER TABLE item RENAME TO other"};
  // Once before and once after they are in the statement cache of the connection that writes.
  t.for_each(reading_routes(), texts,
             [](database&, const expected<void>& result) { check_refused(result); });
  for (auto* db : {&t.file.db, &t.memory})
    static_cast<void>(db->write([&](transaction& in) -> expected<void> {
      for (const auto& sql : texts)
        static_cast<void>(in.execute(sql));
      return fail(errc::cancelled, "undo all of it");
    }));
  t.for_each(reading_routes(), texts,
             [](database&, const expected<void>& result) { check_refused(result); });

  for (auto* db : {&t.file.db, &t.memory}) {
    CHECK(value_of<int>(*db, "SELECT sum(value) FROM item").value() == 1);
    CHECK(count_of(*db, "sqlite_master") == 2);
  }
}

TEST_CASE("pragmas that only tell something are allowed", "[storage][security]") {
  both_kinds t;

  t.for_each(reading_routes(),
             {"PRAGMA table_info(item)", "PRAGMA user_version", "PRAGMA foreign_keys",
              "PRAGMA page_count", "PRAGMA quick_check", "PRAGMA compile_options",
              "SELECT name FROM pragma_table_info('item')"},
             [](database&, const expected<void>& result) { CHECK(code_of(result) == errc{}); });
}

TEST_CASE("a text is one statement, and comments may stand around it", "[storage][security]") {
  both_kinds t;

  t.for_each(reading_routes(),
             {"", " ", ";", "-- nothing", "/* nothing */", "SELECT 1; SELECT 2", "SELECT 1; x",
              "SELECT 1; DELETE FROM item", "SELECT 1;\0 SELECT 2"s, "SELECT 1\0"s, "SELECT",
              "SELECT 1; /*", "nonsense", "SELECT * FROM missing", "SELECT missing FROM item"},
             [](database&, const expected<void>& result) { check_refused(result); });
  t.for_each(reading_routes(),
             {"SELECT 1;", "SELECT 1 ; ; ", "SELECT 1 -- one", "SELECT 1; -- one",
              "-- before\nSELECT 1 /* after */; /* and after */ -- that\n"},
             [](database&, const expected<void>& result) { CHECK(code_of(result) == errc{}); });
}

TEST_CASE("a text of more than 1 MiB is refused", "[storage][security]") {
  both_kinds t;

  t.for_each(reading_routes(), {"SELECT 1 --" + std::string(1U << 20U, 'x')},
             [](database&, const expected<void>& result) { check_refused(result); });
}

TEST_CASE("the number of parameters must be that of the text", "[storage][security][errors]") {
  scratch_database t;

  CHECK(code_of(value_of<int>(t.db, "SELECT 1", 1)) == errc::invalid_argument);
  CHECK(code_of(value_of<int>(t.db, "SELECT ?")) == errc::invalid_argument);
  CHECK(code_of(value_of<int>(t.db, "SELECT ?, ?", 1)) == errc::invalid_argument);
  CHECK(code_of(execute(t.db, "INSERT INTO item VALUES(?, ?)", 1)) == errc::invalid_argument);
  CHECK(code_of(execute(t.db, "INSERT INTO item VALUES(?, ?)", 1, 2, 3)) == errc::invalid_argument);
  auto refused = value_of<int>(t.db, "SELECT ? -- of 1", 1, 2);
  REQUIRE_FALSE(refused);
  CHECK(has(refused.error().detail, "SELECT ? -- of 1"));
  CHECK(execute(t.db, "INSERT INTO item VALUES(?, ?)", 1, 2));
}

TEST_CASE("errors and the log tell the SQL but never a value that was bound",
          "[storage][security][errors]") {
  const auto canary = "CANARY-7f3a"s;
  std::mutex mutex;
  std::string log;
  runtime_options on;
  on.log = [&](severity, std::string_view component, std::string_view text) {
    const std::lock_guard guard{mutex};
    log.append(component).append(text);
  };
  const auto rt = runtime::open(on).value();
  temp_dir dir;
  auto how = with_base("CREATE TABLE u(x TEXT UNIQUE CHECK(length(x) < 20), n INTEGER NOT NULL) "
                       "STRICT; CREATE TRIGGER g BEFORE DELETE ON u BEGIN SELECT RAISE(ABORT, "
                       "'kept'); END");
  auto db = database::open(rt, (dir / "test.db").string(), how).value();
  REQUIRE(execute(db, "INSERT INTO u VALUES(?, 1)", canary));
  struct attempt {
    const char* sql;
    std::string value;
  };
  const std::vector<attempt> attempts{
    {"INSERT INTO u VALUES(?, 1)", canary},
    {"INSERT INTO u VALUES(?, NULL)", canary + "x"},
    {"INSERT INTO u VALUES('a', ?)", canary},
    {"INSERT INTO u VALUES(?, 1)", canary + std::string(40, 'x')},
    {"DELETE FROM u WHERE x = ?", canary},
    {"SELECT json_extract('{}', ?)", canary},
    {"SELECT json('[' || ?)", canary},
    {"SELECT json_set('{}', ?, 1)", canary},
    {"SELECT 'a' LIKE 'b' ESCAPE ?", canary},
    {"SELECT abs(-9223372036854775807 - 1) + length(?)", canary},
    {"SELECT zeroblob(2000000000) || ?", canary},
    {"SELECT no_such_function(?)", canary},
    {"SELECT ?, ?", canary},
    {"PRAGMA user_version = ?", canary},
    {"COMMIT -- ?", canary},
  };

  for (const auto& [sql, value] : attempts) {
    INFO(sql);
    auto failed = execute(db, sql, value);
    REQUIRE_FALSE(failed);
    INFO(failed.error());
    CHECK(has(failed.error().detail, std::string_view{sql}.substr(0, 12)));
    CHECK_FALSE(has(to_string(failed.error()), "CANARY"));
    auto read = value_of<std::string>(db, sql, value);
    REQUIRE_FALSE(read);
    CHECK_FALSE(has(to_string(read.error()), "CANARY"));
  }
  auto stats = db.stats();
  CHECK_FALSE(has(stats.pinned_by + stats.path, "CANARY"));
  REQUIRE(db.close(default_deadline));
  const std::lock_guard guard{mutex};
  CHECK_FALSE(has(log, "CANARY"));
}

TEST_CASE("the message of a full-text query does not quote it", "[storage][security][errors]") {
  scratch_database t;
  if (!execute_script(t.db, "CREATE VIRTUAL TABLE words USING fts5(text)"))
    CORTEX_SKIP("this SQLite has no FTS5");

  for (const auto* text : {"CANARY:x", "\"CANARY", "a ^ CANARY *)", "CANARY AND AND"}) {
    auto failed = value_of<int>(t.db, "SELECT rowid FROM words WHERE words MATCH ?", text);
    REQUIRE_FALSE(failed);
    INFO(failed.error());
    CHECK(has(failed.error().detail, "MATCH ?"));
    CHECK_FALSE(has(failed.error().detail, "CANARY"));
  }
}
