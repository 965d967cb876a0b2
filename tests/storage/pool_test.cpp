// Opening a pool, lending, taking back, closing.

#include "storage/pool_fixture.hpp"
#include "support/fault_vfs.hpp"

#include <sqlite3.h>

#include <array>
#include <optional>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::connection_pool;
using storage::pooled_connection;

namespace {

std::size_t open_files() {
  return static_cast<std::size_t>(std::distance(
    std::filesystem::directory_iterator{"/proc/self/fd"}, std::filesystem::directory_iterator{}));
}

} // namespace

// -- lending --------------------------------------------------------------------------------------

TEST_CASE("a borrower that waits gets the connection that comes back", "[pool]") {
  scratch_pool t{pool_of(1)};
  std::optional<pooled_connection> held = t.borrow();
  std::atomic<std::uint32_t> got{0};
  std::thread borrower{[&] { got = t.borrow().number(); }};
  REQUIRE(eventually([&] { return t.pool.stats().waiting == 1; }));

  held.reset();

  borrower.join();
  CHECK(got == 1);
  CHECK(t.pool.stats().waits == 1);
  CHECK(t.pool.stats().waited > 0ns);
  CHECK(t.pool.stats().waiting == 0);
}

TEST_CASE("no borrower sleeps on while connections are idle", "[pool][concurrency]") {
  scratch_pool t{pool_of(2)};

  run_threads(8, [&](std::size_t) {
    for (int i = 0; i < 2000; ++i) {
      auto held = t.pool.borrow();
      if (!held)
        throw std::runtime_error{to_string(held.error())};
    }
  });

  CHECK(t.pool.stats().borrowed == 16'000);
  CHECK(t.pool.stats().idle == 2);
  CHECK(t.pool.stats().lent == 0);
}

TEST_CASE("no two borrowers have the same connection", "[pool][concurrency]") {
  scratch_pool t{pool_of(3)};
  std::array<std::atomic<int>, 4> users{};
  std::atomic<int> clashes{0};

  run_threads(6, [&](std::size_t) {
    for (int i = 0; i < 2000; ++i) {
      auto held = t.borrow();
      clashes += users[held.number()]++ == 0 ? 0 : 1;
      --users[held.number()];
    }
  });

  CHECK(clashes == 0);
}

TEST_CASE("who has a connection, since when, and whether it writes is told", "[pool]") {
  timed_pool t{pool_of(3)};
  auto first = t.borrow();
  auto second = t.borrow();
  REQUIRE(insert_item(second, 1));
  t.clock.advance(2s);

  const auto now = t.pool.stats();

  REQUIRE(now.holders.size() == 2);
  CHECK(now.holders[0].number == 1);
  CHECK(now.holders[0].age == 2s);
  CHECK_FALSE(now.holders[0].writing);
  CHECK(now.holders[1].writing);
  CHECK(now.idle == 1);
  CHECK(now.size == 3);
}

TEST_CASE("a time-out names the time as Python writes it and the size", "[pool][errors]") {
  const auto [timeout, text] = GENERATE(std::pair{500ms, "within 0.5s (pool size 1)"},
                                        std::pair{5000ms, "within 5.0s (pool size 1)"},
                                        std::pair{1ms, "within 0.001s (pool size 1)"});
  timed_pool t{pool_of(1, timeout)};
  auto held = t.borrow();
  t.clock.advance(1s);
  std::optional<error> problem;
  std::thread borrower{[&] { problem = t.pool.borrow().error(); }};
  REQUIRE(eventually([&] { return t.pool.stats().waiting == 1; }));

  t.clock.advance(timeout);

  borrower.join();
  CHECK(problem->code == errc::timeout);
  CHECK(problem->where == stage::reader);
  CHECK(problem->detail.starts_with("Could not acquire database connection"));
  CHECK(has(problem->detail, text));
  CHECK(t.pool.stats().timeouts == 1);
}

TEST_CASE("without time to wait an exhausted pool refuses at once", "[pool][errors]") {
  scratch_pool t{pool_of(1, 0ns)};
  auto held = t.borrow();

  auto refused = t.pool.borrow();

  REQUIRE(code_of(refused) == errc::timeout);
  CHECK(has(refused.error().detail, "0.0s"));
  held.give_back();
  CHECK(t.pool.borrow());
}

TEST_CASE("borrowing is refused where blocking is not allowed", "[pool][errors]") {
  scratch_pool t;
  auto held = t.borrow();

  const auto inside = held.read([&](storage::snapshot&) -> expected<void> {
    auto refused = t.pool.borrow();
    if (code_of(refused) != errc::would_deadlock)
      return {};
    return unexpected{refused.error()};
  });

  CHECK(code_of(inside) == errc::would_deadlock);
}

TEST_CASE("a connection that was given back is closed, and moving one keeps the loan", "[pool]") {
  scratch_pool t{pool_of(2)};
  auto first = t.borrow();
  auto second = t.borrow();

  first = std::move(second); // gives number 1 back

  CHECK(first.number() == 2);
  CHECK(t.pool.stats().idle == 1);
  first.give_back();
  CHECK(first.number() == 0);
  CHECK_FALSE(first.in_transaction());
  CHECK(code_of(insert_item(first, 1)) == errc::closed);
  CHECK(code_of(first.value<int>("SELECT 1")) == errc::closed);
  CHECK(code_of(first.commit()) == errc::closed);
  CHECK(code_of(first.rollback()) == errc::closed);
  CHECK(code_of(first.settings()) == errc::closed);
  CHECK(t.pool.stats().idle == 2);
}

// -- options and opening --------------------------------------------------------------------------

TEST_CASE("bad options of a pool are all named at once", "[pool][errors]") {
  temp_dir dir;
  auto how = pool_of(0, -1ns); // a pool without connections could only time out
  how.busy_timeout = -1ms;
  how.write_limit = 0ns;
  how.close_patience = -1ns;
  how.file.access = storage::access::read_only;
  how.file.max_group = 0;

  const auto refused = connection_pool::open((dir / "test.db").string(), how);

  REQUIRE(code_of(refused) == errc::invalid_argument);
  for (const char* part : {"size", "timeout", "busy_timeout", "write_limit", "close_patience",
                           "file.access", "max_group"})
    CHECK(has(refused.error().detail, part));
  CHECK_FALSE(exists((dir / "test.db").string()));
  CHECK(code_of(connection_pool::shared((dir / "test.db").string(), how))
        == errc::invalid_argument);
  CHECK(code_of(connection_pool::open((dir / "test.db").string(), pool_of(65)))
        == errc::invalid_argument);
}

TEST_CASE("a file that cannot be reached is said to be", "[pool][errors]") {
  temp_dir dir;

  const auto no_folder = connection_pool::open((dir / "missing" / "test.db").string());
  const auto folder = connection_pool::open(dir.path().string());

  REQUIRE(code_of(no_folder) == errc::not_found);
  CHECK(has(no_folder.error().detail, "unable to open database file"));
  CHECK_FALSE(exists((dir / "missing").string()));
  REQUIRE(code_of(folder) == errc::invalid_argument);
  CHECK(has(folder.error().detail, "unable to open database file"));
}

TEST_CASE("if one connection cannot be opened none stays open", "[pool][errors]") {
  temp_dir dir;
  fault_vfs vfs;
  auto how = pool_of(5);
  how.file.vfs = vfs.name();
  REQUIRE(connection_pool::open((dir / "test.db").string(), how)); // what is made once
  const auto before = open_files();
  const auto nth = GENERATE(2U, 4U, 6U); // the writer's is the first

  vfs.fail_once(io_call::open, file_role::main_db, SQLITE_CANTOPEN, nth);
  const auto refused = connection_pool::open((dir / "test.db").string(), how);

  REQUIRE(vfs.injected() == 1);
  CHECK(code_of(refused) == errc::io);
  CHECK(open_files() == before);
  CHECK(is_free((dir / "test.db").string()));
}

TEST_CASE("a file that takes no write-ahead log is refused", "[pool][errors]") {
  temp_dir dir;
  auto how = pool_of(2);
  how.file.vfs = "memdb"; // SQLite's own: it has no shared memory for the log's index

  CHECK(code_of(connection_pool::open((dir / "test.db").string(), how)) == errc::unsupported);
}

TEST_CASE("a file that another program keeps locked is in use", "[pool][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  sqlite_probe other{path, sqlite_probe::access::create};
  other.execute("CREATE TABLE t(x); BEGIN IMMEDIATE");

  CHECK(code_of(connection_pool::open(path, pool_of(2, 20ms))) == errc::in_use);
}

TEST_CASE("every connection of a memory pool sees the same database", "[pool][memory]") {
  auto pool = connection_pool::open(":memory:", pool_of(3)).value();
  auto first = pool.borrow().value();
  auto second = pool.borrow().value();
  REQUIRE(insert_item(first, 1));
  REQUIRE(first.commit());

  CHECK(items_seen(second) == 1);
  REQUIRE(insert_item(second, 2));
  CHECK(items_seen(second) == 2);
  CHECK(second.settings().value().journal_mode == "memory");
  REQUIRE(second.rollback());
  CHECK(items_seen(first) == 1);
  CHECK(pool.path() == ":memory:");
}

// -- a failed reader ------------------------------------------------------------------------------

TEST_CASE("a reader that failed is opened anew and tested before it is lent again",
          "[pool][recovery]") {
  temp_dir dir;
  fault_vfs vfs;
  auto how = pool_of(1);
  how.file.vfs = vfs.name();
  how.file.cache_kib = 1;
  auto pool = connection_pool::open((dir / "test.db").string(), how).value();
  {
    auto held = pool.borrow().value();
    for (int i = 0; i < 200; ++i)
      REQUIRE(insert_item(held, i, std::string(1000, 'x')));
    REQUIRE(held.commit());
    vfs.fail_from(io_call::read, any_role, SQLITE_IOERR_READ);
    CHECK(code_of(held.value<int>("SELECT count(*) FROM item WHERE value LIKE '%y%'")) == errc::io);
  }
  CHECK(code_of(pool.borrow()) == errc::io);
  CHECK(pool.stats().replaced == 0);
  CHECK(pool.stats().idle == 1);

  vfs.clear();
  auto held = pool.borrow();

  REQUIRE(held);
  CHECK(items_seen(*held) == 200);
  vfs.fail_once(io_call::read, any_role, SQLITE_IOERR_READ);
  CHECK(code_of(held->value<int>("SELECT count(*) FROM item WHERE value LIKE '%y%'")) == errc::io);
  CHECK(pool.stats().replaced == 1);
  CHECK(items_seen(*held) == 200);
}

// -- closing --------------------------------------------------------------------------------------

TEST_CASE("closing closes what is idle at once and what is lent when it comes back",
          "[pool][close]") {
  scratch_pool t{pool_of(4)};
  auto held = t.borrow();

  const auto done = t.pool.close(0ns);

  REQUIRE(done);
  CHECK(done->closed == 3);
  CHECK(done->lent == 1);
  CHECK(t.pool.stats().idle == 0);
  CHECK(code_of(t.pool.borrow()) == errc::closed);
  REQUIRE(insert_item(held, 1)); // it may finish
  REQUIRE(held.commit());
  CHECK_FALSE(is_free(t.path));
  held.give_back();
  CHECK(is_free(t.path));
  CHECK(t.pool.close(0ns).value().closed == 0);
  CHECK(t.pool.close(0ns).value().lent == 0);
  CHECK(sqlite_probe{t.path}.count("item") == 1);
}

TEST_CASE("closing waits for connections that are lent", "[pool][close]") {
  scratch_pool t{pool_of(2)};
  std::optional<pooled_connection> held = t.borrow();
  std::optional<storage::pool_closing> done;
  std::thread closer{[&] { done = t.pool.close(default_deadline).value(); }};
  REQUIRE(eventually([&] { return t.pool.closed() && t.pool.stats().idle == 0; }));

  held.reset();

  closer.join();
  CHECK(done->closed == 1);
  CHECK(done->lent == 0);
  CHECK(is_free(t.path));
}

TEST_CASE("closing tells those who wait for a connection", "[pool][close]") {
  scratch_pool t{pool_of(1)};
  auto held = t.borrow();
  std::optional<errc> told;
  std::thread borrower{[&] { told = code_of(t.pool.borrow()); }};
  REQUIRE(eventually([&] { return t.pool.stats().waiting == 1; }));

  REQUIRE(t.pool.close(0ns));

  borrower.join();
  CHECK(told == errc::closed);
}

TEST_CASE("the last reference closes a pool, and a lent connection is one", "[pool][close]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  std::optional<connection_pool> pool = connection_pool::open(path, pool_of(2)).value();
  std::optional<pooled_connection> held = pool->borrow().value();

  pool.reset();

  CHECK_FALSE(is_free(path));
  REQUIRE(insert_item(*held, 1));
  REQUIRE(held->commit());
  held.reset();
  CHECK(is_free(path));
}

TEST_CASE("a pool whose runtime has stopped is closed", "[pool][close]") {
  timed_pool t{pool_of(2)};
  auto held = t.borrow();

  REQUIRE(t.rt.stop());

  CHECK(t.pool.closed());
  CHECK(code_of(t.pool.borrow()) == errc::closed);
  CHECK(code_of(insert_item(held, 1)) == errc::closed);
}

TEST_CASE("connections may be borrowed and returned while the pool is closed",
          "[pool][close][concurrency]") {
  for (int round = 0; round < 20; ++round) {
    scratch_pool t{pool_of(3)};
    run_threads(4, [&](std::size_t index) {
      for (int i = 0; i < 200; ++i) {
        if (index == 0 && i == 50)
          static_cast<void>(t.pool.close(default_deadline));
        if (auto held = t.pool.borrow(); !held && held.error().code != errc::closed)
          throw std::runtime_error{to_string(held.error())};
      }
    });
    CHECK(t.pool.stats().lent == 0);
    CHECK(is_free(t.path));
  }
}
