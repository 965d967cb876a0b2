// Borrowers that hold the writer: who waits for whom, and for how long.

#include "storage/pool_fixture.hpp"
#include "support/fault_vfs.hpp"

#include <functional>
#include <optional>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::pooled_connection;

namespace {

// These end only when they are interrupted. The parameter tells when they are about to run.
constexpr auto endless_insert
  = "INSERT INTO item(value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i FROM n WHERE i < 0 AND ? = 'x'";
constexpr auto endless_query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                               "SELECT count(*) FROM n WHERE ? = 'x'";

/// A text that does something when it is bound.
struct told_when_bound {
  std::function<void()> tell;
  operator std::string_view() const { // NOLINT(google-explicit-constructor): as a text is
    tell();
    return "x";
  }
};

} // namespace

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

TEST_CASE("a borrower gets the writer after the group that runs, not after all that wait",
          "[pool][concurrency]") {
  temp_dir dir;
  fault_vfs vfs;
  auto how = pool_of(2);
  how.file.vfs = vfs.name();
  how.file.max_group = 1;
  const auto path = (dir / "test.db").string();
  auto pool = storage::connection_pool::open(path, how).value();
  auto db = storage::database::open(path, beside(how)).value();
  const auto other = [](storage::transaction& in) {
    return in.execute("INSERT INTO item(value) VALUES('other')");
  };
  vfs.hold_next_write(file_role::wal);
  std::vector<future<storage::written<storage::changes>>> writes;
  writes.push_back(db.write_async(other));
  REQUIRE(vfs.wait_until_held());
  for (int i = 0; i < 50; ++i)
    writes.push_back(db.write_async(other));
  std::uint64_t mine = 0;
  std::thread borrower{[&] {
    auto held = pool.borrow().value();
    if (insert_item(held, 1000))
      mine = held.commit().value().commit;
  }};
  REQUIRE(eventually([&] { return pool.stats().waiting_writers == 1; }));

  vfs.release();

  borrower.join();
  CHECK(mine == 2);
  for (auto& each : writes) {
    REQUIRE(each.wait_for(default_deadline));
    CHECK(each.get());
  }
}

TEST_CASE("between two borrowers that write a group of the others has its turn",
          "[pool][concurrency]") {
  scratch_pool t{pool_of(2)};
  auto db = storage::database::open(t.path, beside(t.pool.options())).value();
  auto first = t.borrow();
  REQUIRE(insert_item(first, 1));
  auto group = db.write_async(
    [](storage::transaction& in) { return in.execute("INSERT INTO item(key) VALUES(2)"); });
  std::uint64_t last = 0;
  std::thread borrower{[&] {
    auto second = t.borrow();
    if (insert_item(second, 3))
      last = second.commit().value().commit;
  }};
  REQUIRE(eventually([&] { return t.pool.stats().waiting_writers == 1; }));

  CHECK(first.commit().value().commit == 1);

  borrower.join();
  REQUIRE(group.wait_for(default_deadline));
  CHECK(group.get().value().commit == 2);
  CHECK(last == 3);
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
  signal runs;
  std::thread slow{
    [&] { problem = held.execute(endless_insert, told_when_bound{[&] { runs.set(); }}).error(); }};
  REQUIRE(runs.wait());

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

TEST_CASE("a limit that strikes just before a statement starts ends it all the same",
          "[pool][recovery]") {
  auto how = pool_of(1);
  how.write_limit = 10s;
  timed_pool t{how};
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  const auto strike = [&] {
    t.clock.advance(11s);
    CHECK(eventually([&] { return t.pool.stats().overdue_writes == 1; }));
  };

  const auto done = held.execute(endless_insert, told_when_bound{strike});

  CHECK(code_of(done) == errc::timeout);
  CHECK_FALSE(held.in_transaction());
  CHECK(t.pool.stats().overdue_writes == 1);
}

TEST_CASE("a read within a transaction is interrupted at the limit as well", "[pool][recovery]") {
  auto how = pool_of(1);
  how.write_limit = 10s;
  timed_pool t{how};
  auto held = t.borrow();
  REQUIRE(insert_item(held, 1));
  std::optional<error> problem;
  signal runs;
  std::thread slow{[&] {
    problem = held.value<int>(endless_query, told_when_bound{[&] { runs.set(); }}).error();
  }};
  REQUIRE(runs.wait());

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
