// Transactions of borrowers: how they begin and end, who waits for whom, and for how long.

#include "storage/pool_fixture.hpp"
#include "support/fault_vfs.hpp"

#include <sqlite3.h>

#include <optional>
#include <set>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::connection_pool;
using storage::pooled_connection;

namespace {

// Ends only when it is interrupted.
constexpr auto endless_insert
  = "INSERT INTO item(value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i FROM n WHERE i < 0";

} // namespace

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

// -- writers in company ---------------------------------------------------------------------------

TEST_CASE("a second writer waits for the first, and both are committed", "[pool][concurrency]") {
  scratch_pool t{pool_of(2)};
  auto first = t.borrow();
  REQUIRE(insert_item(first, 1));
  std::atomic<bool> through{false};
  std::thread writer{[&] {
    auto second = t.borrow();
    through = insert_item(second, 2) && second.commit();
  }};
  REQUIRE(eventually([&] { return t.pool.stats().lent == 2; }));

  REQUIRE(first.commit());

  writer.join();
  CHECK(through);
  CHECK(items_seen(first) == 2);
}

TEST_CASE("a writer gets what its wait for a connection has left of its time", "[pool][errors]") {
  timed_pool t{pool_of(2, 500ms)};
  auto writes = t.borrow();
  REQUIRE(insert_item(writes, 1));
  std::optional<pooled_connection> blocker = t.borrow();
  std::optional<error> problem;
  signal lent;
  std::thread writer{[&] {
    auto held = t.pool.borrow().value();
    lent.set();
    problem = insert_item(held, 2).error();
  }};
  REQUIRE(eventually([&] { return t.pool.stats().waiting == 1; }));
  t.clock.advance(300ms);
  blocker.reset();
  REQUIRE(lent.wait());
  REQUIRE(t.clock.seen_again());

  t.clock.advance(200ms); // with a time of its own it would wait for 300 more

  writer.join();
  CHECK(problem->code == errc::timeout);
  CHECK(problem->where == stage::lane);
  CHECK(problem->detail.starts_with("Could not acquire database connection"));
  CHECK(has(problem->detail, "0.5s"));
  CHECK(t.pool.stats().timeouts == 1);
  CHECK(writes.commit());
}

TEST_CASE("a lock of another program gets no more than the borrower's time", "[pool][errors]") {
  auto how = pool_of(1, 30ms);
  how.busy_timeout = 24h; // alone it would outlast the test
  scratch_pool t{how};
  auto held = t.borrow();
  sqlite_probe other{t.path, sqlite_probe::access::read_write};
  other.execute("BEGIN IMMEDIATE");

  CHECK(code_of(insert_item(held, 1)) == errc::in_use);

  CHECK_FALSE(held.in_transaction());
  other.execute("ROLLBACK");
  REQUIRE(held.rollback()); // its time begins anew
  CHECK(insert_item(held, 1));
  CHECK(held.commit());
}

TEST_CASE("writes of the file's other users wait for a borrower's transaction",
          "[pool][concurrency]") {
  scratch_pool t;
  auto db = storage::database::open(t.path, beside(t.pool.options())).value();
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  auto queued = db.write_async(
    [](storage::transaction& in) { return in.execute("INSERT INTO item(key) VALUES(2)"); });
  CHECK_FALSE(queued.ready());

  REQUIRE(held.commit());

  REQUIRE(queued.wait_for(default_deadline));
  const auto done = queued.get();
  REQUIRE(done);
  CHECK(done->commit == 2);
}

TEST_CASE("many who write to the file keep no borrower waiting for ever", "[pool][concurrency]") {
  scratch_pool t;
  auto db = storage::database::open(t.path, beside(t.pool.options())).value();
  std::atomic<bool> enough{false};
  std::atomic<int> failed{0};
  std::vector<std::jthread> writers;
  for (int i = 0; i < 8; ++i)
    writers.emplace_back([&, db]() mutable {
      while (!enough)
        failed += execute(db, "INSERT INTO item(value) VALUES('other')") ? 0 : 1;
    });

  for (int i = 0; i < 100; ++i) {
    auto held = t.borrow();
    const auto done = held.execute("INSERT INTO item(value) VALUES('mine')");
    INFO((done ? std::string{} : to_string(done.error())));
    CHECK(done);
    CHECK(held.commit());
  }

  enough = true;
  writers.clear();
  CHECK(failed == 0);
  auto held = t.borrow();
  CHECK(held.value<int>("SELECT count(*) FROM item WHERE value = 'mine'").value() == 100);
}

TEST_CASE("borrowers that write one after the other keep no other write waiting for ever",
          "[pool][concurrency]") {
  scratch_pool t;
  auto db = storage::database::open(t.path, beside(t.pool.options())).value();
  std::atomic<bool> enough{false};
  std::atomic<int> failed{0};
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      while (!enough) {
        auto held = t.borrow();
        failed += held.execute("INSERT INTO item(value) VALUES('other')") && held.commit() ? 0 : 1;
      }
    });

  int answered = 0;
  for (int i = 0; i < 100; ++i)
    answered += execute(db, "INSERT INTO item(value) VALUES('mine')") ? 1 : 0;

  enough = true;
  writers.clear();
  CHECK(answered == 100);
  CHECK(failed == 0);
}

// -- borrowers that hold the writer too long ------------------------------------------------------

TEST_CASE("a borrower that is slow is undone at its limit, told, and may go on",
          "[pool][recovery]") {
  auto how = pool_of(2);
  how.write_limit = 10s;
  timed_pool t{how};
  auto slow = t.borrow();
  REQUIRE(insert_item(slow, 1));
  std::atomic<bool> through{false};
  std::thread writer{[&] {
    auto other = t.borrow();
    through = insert_item(other, 2) && other.commit();
  }};

  t.clock.advance(11s);

  writer.join(); // it could not get through before
  CHECK(through);
  CHECK(t.pool.stats().overdue_writes == 1);
  CHECK(t.log.mention("pool connection 1 held the writer for too long"));
  CHECK_FALSE(slow.in_transaction());
  const auto told = slow.commit();
  REQUIRE(code_of(told) == errc::timeout);
  CHECK(told.error().where == stage::execute);
  CHECK(items_seen(slow) == 1);
  REQUIRE(insert_item(slow, 3));
  CHECK(slow.commit());
  CHECK(items_seen(slow) == 2);
  CHECK(t.pool.stats().rollbacks_on_return == 0);
}

TEST_CASE("whatever a borrower does first after it was undone, it is told once",
          "[pool][recovery]") {
  auto how = pool_of(1);
  how.write_limit = 10s;
  timed_pool t{how};
  auto slow = t.borrow();
  REQUIRE(insert_item(slow, 1));
  t.clock.advance(11s);
  REQUIRE(eventually([&] { return !slow.in_transaction(); }));

  const auto first = GENERATE(0, 1, 2, 3);
  const auto told = first == 0   ? code_of(insert_item(slow, 2))
                    : first == 1 ? code_of(slow.value<int>("SELECT 1"))
                    : first == 2 ? code_of(slow.commit())
                                 : code_of(slow.rollback());

  CHECK(told == (first == 3 ? errc{} : errc::timeout)); // to be undone was what it wanted
  CHECK(slow.value<int>("SELECT count(*) FROM item").value() == 0);
}

TEST_CASE("a statement that runs on is interrupted at the limit", "[pool][recovery]") {
  auto how = pool_of(2);
  how.write_limit = 10s;
  timed_pool t{how};
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  std::optional<error> problem;
  std::thread slow{[&] { problem = held.execute(endless_insert).error(); }};

  t.clock.advance(11s);

  slow.join();
  CHECK(problem->code == errc::timeout);
  CHECK_FALSE(held.in_transaction());
  CHECK(t.pool.stats().overdue_writes == 1);
  auto other = t.borrow();
  CHECK(items_seen(other) == 0);
  REQUIRE(insert_item(other, 2));
  CHECK(other.commit());
}

TEST_CASE("a read within a transaction is interrupted at the limit as well", "[pool][recovery]") {
  auto how = pool_of(1);
  how.write_limit = 10s;
  timed_pool t{how};
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  std::optional<error> problem;
  std::thread slow{[&] {
    problem = held
                .value<int>("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                            "SELECT count(*) FROM n")
                .error();
  }};

  t.clock.advance(11s);

  slow.join();
  CHECK(problem->code == errc::timeout);
  CHECK_FALSE(held.in_transaction());
}

TEST_CASE("a borrower that is gone for good does not keep the writer", "[pool][recovery]") {
  auto how = pool_of(2);
  how.write_limit = 10s;
  timed_pool t{how};
  std::optional<pooled_connection> leaked;
  std::thread{[&] {
    leaked.emplace(t.borrow());
    static_cast<void>(insert_item(*leaked, 1));
  }}.join();
  REQUIRE(leaked->in_transaction());

  t.clock.advance(11s);

  auto other = t.borrow();
  CHECK(insert_item(other, 2));
  CHECK(other.commit());
  CHECK(items_seen(other) == 1);
}

TEST_CASE("limits that strike while borrowers come and go harm nobody",
          "[pool][recovery][concurrency]") {
  auto how = pool_of(4);
  how.write_limit = 1ms;
  scratch_pool t{how};
  std::atomic<std::int64_t> committed{0};

  run_threads(4, [&](std::size_t) {
    for (int i = 0; i < 300; ++i) {
      auto held = t.borrow();
      for (int row = 0; row < 20; ++row) {
        const auto done = held.execute("INSERT INTO item(value) VALUES('x')");
        if (!done && done.error().code != errc::timeout)
          throw std::runtime_error{to_string(done.error())};
        if (!done)
          break; // undone: nothing of it may be left
        if (row == 19) {
          const auto end = held.commit();
          if (end)
            committed += 20;
          else if (end.error().code != errc::timeout)
            throw std::runtime_error{to_string(end.error())};
        }
      }
    }
  });

  auto held = t.borrow();
  CHECK(items_seen(held) == committed);
  CHECK(committed > 0);
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
