// Transactions of borrowers: how they begin and end, and what fails in them.

#include "storage/pool_fixture.hpp"
#include "support/fault_vfs.hpp"

#include <sqlite3.h>

#include <optional>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::connection_pool;
using storage::pooled_connection;

// -- begin, commit, roll back ---------------------------------------------------------------------

TEST_CASE("a change is seen by its borrower alone until it is committed", "[pool]") {
  scratch_pool t;
  auto writes = t.borrow();
  auto reads = t.borrow();
  CHECK_FALSE(writes.in_transaction());

  REQUIRE(insert_item(writes, 1));

  CHECK(writes.in_transaction());
  CHECK(items_seen(writes) == 1);
  CHECK(items_seen(reads) == 0);
  const auto done = writes.commit();
  REQUIRE(done);
  CHECK(done->commit == 1);
  CHECK_FALSE(writes.in_transaction());
  CHECK(items_seen(reads) == 1);
  CHECK(sqlite_probe{t.path}.count("item") == 1);
}

TEST_CASE("what is rolled back was never there", "[pool]") {
  scratch_pool t;
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  REQUIRE(insert_item(held, 2));

  REQUIRE(held.rollback());

  CHECK_FALSE(held.in_transaction());
  CHECK(items_seen(held) == 0);
  CHECK(held.rollback()); // nothing is left
  CHECK(held.commit());
}

TEST_CASE("a change tells the rows and the id", "[pool]") {
  scratch_pool t;
  auto held = t.borrow();

  const auto first = insert_item(held, 7);
  const auto both = held.execute("INSERT INTO item(value) VALUES('a'), ('b')");

  REQUIRE(first);
  CHECK(first->rows == 1);
  CHECK(first->last_id == 7);
  REQUIRE(both);
  CHECK(both->rows == 2);
  CHECK(held.all<std::int64_t>("SELECT key FROM item ORDER BY key").value()
        == std::vector<std::int64_t>{7, 8, 9});
}

TEST_CASE("a connection that comes back with an open transaction is rolled back and counted",
          "[pool]") {
  timed_pool t{pool_of(2)};
  {
    auto held = t.borrow();
    REQUIRE(insert_item(held, 1));
  }

  CHECK(t.pool.stats().rollbacks_on_return == 1);
  CHECK(t.log.mention("pool connection 1 came back with an open transaction"));
  for (int i = 0; i < 2; ++i) {
    auto next = t.borrow();
    CHECK(items_seen(next) == i); // those that were committed
    CHECK_FALSE(next.in_transaction());
    REQUIRE(insert_item(next, 10 + i)); // nobody is locked out
    REQUIRE(next.commit());
  }
  CHECK(sqlite_probe{t.path}.count("item") == 2);
  CHECK(t.pool.stats().rollbacks_on_return == 1);
}

TEST_CASE("queries begin no transaction, whatever way they are run", "[pool]") {
  scratch_pool t;
  auto held = t.borrow();
  for (const char* sql :
       {"SELECT 1", " -- a comment\n/* another */ select 1", "VALUES(1)", "EXPLAIN SELECT 1",
        "PRAGMA user_version", "WITH n(i) AS (SELECT 1) SELECT i FROM n"}) {
    INFO(sql);
    CHECK(held.execute(sql));
    CHECK_FALSE(held.in_transaction());
  }
}

TEST_CASE("a change of the schema is committed by itself, or with the transaction it is in",
          "[pool]") {
  scratch_pool t;
  auto held = t.borrow();
  auto other = t.borrow();

  REQUIRE(held.execute("CREATE TABLE alone(x)"));

  CHECK_FALSE(held.in_transaction());
  CHECK(other.value<int>("SELECT count(*) FROM alone").value() == 0);
  REQUIRE(insert_item(held, 1));
  REQUIRE(held.execute("CREATE TABLE inside(x)"));
  CHECK(held.in_transaction());
  CHECK_FALSE(other.value<int>("SELECT count(*) FROM inside"));
  REQUIRE(held.rollback());
  CHECK_FALSE(held.value<int>("SELECT count(*) FROM inside"));
  CHECK(held.execute("DROP TABLE alone"));
  CHECK_FALSE(other.value<int>("SELECT count(*) FROM alone"));
}

TEST_CASE("a first change that fails holds the writer no longer", "[pool][errors]") {
  scratch_pool t;
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  REQUIRE(held.commit());

  CHECK(code_of(insert_item(held, 1)) == errc::constraint);
  CHECK_FALSE(held.in_transaction());
  CHECK(code_of(held.execute("INSERT INTO nothing VALUES(1)")) == errc::invalid_argument);
  CHECK_FALSE(held.in_transaction());
  CHECK(code_of(held.execute("")) == errc::invalid_argument);
  CHECK(code_of(held.execute("SELECT ?")) == errc::invalid_argument);
  CHECK(code_of(held.execute("COMMIT")) == errc::invalid_argument);
  CHECK(code_of(held.execute("CREATE TABLE item(x)")) == errc::invalid_argument);
  CHECK(code_of(held.execute("VACUUM")) == errc::invalid_argument);
  CHECK_FALSE(held.in_transaction());
}

TEST_CASE("a later change that fails undoes itself alone", "[pool][errors]") {
  scratch_pool t;
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));

  CHECK(code_of(insert_item(held, 1)) == errc::constraint);
  CHECK(code_of(held.execute("CREATE TABLE item(x)")) == errc::invalid_argument);
  CHECK(code_of(held.value<int>("SELECT x FROM nothing")) == errc::invalid_argument);

  CHECK(held.in_transaction());
  REQUIRE(insert_item(held, 2));
  REQUIRE(held.commit());
  CHECK(items_seen(held) == 2);
}

TEST_CASE("a statement that rolls back takes the transaction with it", "[pool][errors]") {
  scratch_pool t;
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));

  CHECK(code_of(held.execute("INSERT OR ROLLBACK INTO item(key) VALUES(1)")) == errc::constraint);

  CHECK_FALSE(held.in_transaction());
  CHECK(items_seen(held) == 0);
  REQUIRE(insert_item(held, 2));
  REQUIRE(held.commit());
}

TEST_CASE("a violated foreign key keeps COMMIT away, and the transaction goes on",
          "[pool][errors]") {
  scratch_pool t;
  auto held = t.borrow();
  REQUIRE(held.execute("CREATE TABLE part(item REFERENCES item DEFERRABLE INITIALLY DEFERRED)"));
  REQUIRE(held.execute("INSERT INTO part VALUES(5)"));

  CHECK(code_of(held.commit()) == errc::constraint);

  CHECK(held.in_transaction());
  REQUIRE(insert_item(held, 5));
  CHECK(held.commit());
}

TEST_CASE("nothing that a borrower sets is there for the next one", "[pool][errors]") {
  scratch_pool t{pool_of(1)};
  const auto before = [&] {
    auto held = t.borrow();
    const auto fresh = held.settings().value();
    for (const char* sql :
         {"PRAGMA foreign_keys=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=1",
          "PRAGMA busy_timeout=1", "PRAGMA temp_store=FILE", "ATTACH ':memory:' AS other"}) {
      INFO(sql);
      CHECK(code_of(held.execute(sql)) == errc::invalid_argument);
    }
    REQUIRE(insert_item(held, 1));
    CHECK(code_of(held.execute("PRAGMA foreign_keys=OFF")) == errc::invalid_argument);
    for (const char* sql : {"CREATE TEMP TABLE mine(x)", "CREATE TABLE temp.mine(x)",
                            "CREATE TEMP VIEW mine AS SELECT 1"}) {
      INFO(sql);
      CHECK(code_of(held.execute(sql)) == errc::unsupported);
    }
    CHECK(held.in_transaction());
    REQUIRE(held.commit());
    CHECK(code_of(held.execute("CREATE TEMP TABLE mine(x)")) == errc::unsupported);
    return fresh;
  }();

  auto next = t.borrow();

  CHECK(next.settings().value() == before);
  CHECK(next.value<int>("SELECT count(*) FROM temp.sqlite_master").value() == 0);
  REQUIRE(insert_item(next, 2));
  CHECK(next.value<int>("SELECT count(*) FROM temp.sqlite_master").value() == 0);
}

TEST_CASE("what a read function throws is an error and the connection goes on", "[pool][errors]") {
  scratch_pool t{pool_of(1)};
  auto held = t.borrow();
  const auto throws = [](storage::snapshot&) { throw std::runtime_error{"no"}; };

  CHECK(code_of(held.read(throws)) == errc::internal);
  REQUIRE(insert_item(held, 1));
  CHECK(code_of(held.read(throws)) == errc::internal);

  CHECK(held.in_transaction());
  CHECK(items_seen(held) == 1);
}

// -- failing disks --------------------------------------------------------------------------------

TEST_CASE("on a full disk a borrower's transaction is undone, and writing resumes by itself",
          "[pool][recovery]") {
  temp_dir dir;
  fault_vfs vfs;
  auto how = pool_of(2);
  how.file.vfs = vfs.name();
  auto pool = connection_pool::open((dir / "test.db").string(), how).value();
  auto held = pool.borrow().value();
  REQUIRE(insert_item(held, 1));
  vfs.disk_full_after(0);

  CHECK(code_of(held.commit()) == errc::no_space);

  CHECK_FALSE(held.in_transaction());
  CHECK(items_seen(held) == 0);
  vfs.clear();
  REQUIRE(insert_item(held, 2));
  CHECK(held.commit());
  CHECK(items_seen(held) == 1);
}

TEST_CASE("after a failed flush nobody can say whether a borrower's rows are there",
          "[pool][recovery]") {
  temp_dir dir;
  fault_vfs vfs;
  auto how = pool_of(2);
  how.file.vfs = vfs.name();
  how.file.level = storage::durability::synced;
  auto pool = connection_pool::open((dir / "test.db").string(), how).value();
  auto held = pool.borrow().value();
  REQUIRE(insert_item(held, 1));
  REQUIRE(held.commit());
  REQUIRE(insert_item(held, 2));
  vfs.fail_once(io_call::sync, file_role::wal, SQLITE_IOERR_FSYNC);

  CHECK(code_of(held.commit()) == errc::outcome_unknown);

  CHECK_FALSE(held.in_transaction());
  REQUIRE(insert_item(held, 3));
  const auto done = held.commit();
  REQUIRE(done);
  CHECK(done->level == storage::durability::synced);
}

TEST_CASE("borrowers write between the slices of long work", "[storage][pool][slices]") {
  scratch_pool t;
  auto db = storage::database::open(t.path, beside(pool_of(5))).value();
  storage::slice_options how;
  how.slice = std::chrono::nanoseconds{0};
  auto work = db.write_slices_async([](storage::transaction&) { return storage::step::more; }, how);
  REQUIRE(eventually([&db] { return db.stats().slices > 0; }));

  auto held = t.borrow();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(insert_item(held, i));
    CHECK(held.commit());
  }

  const auto before = db.stats().slices;
  CHECK(eventually([&] { return db.stats().slices > before; })); // nor do they stop the work
  work.cancel();
  REQUIRE(work.wait_for(default_deadline));
  CHECK(work.get().error().code == errc::cancelled);
}
