// Databases without a file.

#include "sql_fixture.hpp"

#include <optional>
#include <string>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;
using storage::snapshot;
using storage::transaction;

namespace {

database in_memory() {
  return database::open(":memory:", with_items()).value();
}

} // namespace

TEST_CASE("each open of :memory: is a database of its own, copies share it", "[storage][memory]") {
  auto one = in_memory();
  auto other = in_memory();
  auto copy = one;

  REQUIRE(execute(copy, "INSERT INTO item VALUES(1, 1)"));

  CHECK(count_of(one, "item") == 1);
  CHECK(count_of(other, "item") == 0);
  CHECK(one.path() == ":memory:");
  CHECK_FALSE(exists(":memory:"));
}

TEST_CASE("a memory database is gone with its last reference", "[storage][memory]") {
  std::optional<database> one = in_memory();
  REQUIRE(execute(*one, "INSERT INTO item VALUES(1, 1)"));

  one.reset();

  CHECK(count_of(in_memory(), "item") == 0);
}

TEST_CASE("a memory database serves every kind of use", "[storage][memory]") {
  auto db = in_memory();

  auto first = execute(db, "INSERT INTO item VALUES(1, 1)");
  auto second
    = db.write_async([](transaction& in) { return in.execute("INSERT INTO item VALUES(2, 2)"); })
        .get();

  CHECK(first.value().commit == 1);
  CHECK(second.value().commit == 2);
  CHECK(db.commit_number() == 2);
  const auto sum = [](snapshot& view) { return view.value<int>("SELECT sum(value) FROM item"); };
  CHECK(db.read(sum).value() == 3);
  CHECK(db.read_async(sum).get().value() == 3);
  {
    auto held = db.lease();
    REQUIRE(held);
    CHECK(sum(**held).value() == 3);
  }
  CHECK(db.checkpoint().value() == 0);
  CHECK(db.quick_check().value().empty());
  CHECK(db.stats().writes == 2);
  REQUIRE(db.close(30s));
  CHECK(code_of(db.read(sum)) == errc::closed);
}

TEST_CASE("a write that fails leaves nothing in memory", "[storage][memory][errors]") {
  auto db = in_memory();

  auto failed = execute_script(db, "INSERT INTO item VALUES(1, 1); INSERT INTO item VALUES(1, 1)");

  CHECK(code_of(failed) == errc::constraint);
  CHECK(count_of(db, "item") == 0);
}

TEST_CASE("a lease on a memory database holds writes back until it is given back",
          "[storage][memory]") {
  auto db = in_memory();
  std::optional<storage::read_lease> held = db.lease().value();

  auto write
    = db.write_async([](transaction& in) { return in.execute("INSERT INTO item VALUES(1, 1)"); });
  auto late = db.read([](snapshot&) {},
                      {.owner = "late", .deadline = 1ms}); // the only connection is on loan

  CHECK(code_of(late) == errc::timeout);
  CHECK((*held)->value<int>("SELECT count(*) FROM item").value() == 0);
  CHECK_FALSE(write.ready());
  held.reset();
  REQUIRE(write.get());
  CHECK(count_of(db, "item") == 1);
}

TEST_CASE("reads and writes of many threads take turns in memory",
          "[storage][memory][concurrency]") {
  auto db = in_memory();
  constexpr int rounds = 200;

  run_threads(8, [&](std::size_t thread) {
    for (int i = 0; i < rounds; ++i) {
      const auto key = static_cast<int>(thread) * rounds + i;
      static_cast<void>(execute(db, "INSERT INTO item VALUES(?, 1)", key).value());
      const auto mine = [key](snapshot& view) {
        return view.value<int>("SELECT value FROM item WHERE key = ?", key);
      };
      if (i % 3 == 0)
        static_cast<void>(db.read(mine).value());
      else if (i % 3 == 1)
        static_cast<void>(db.read_async(mine).get().value());
      else
        static_cast<void>(mine(*db.lease().value()).value());
    }
  });

  CHECK(count_of(db, "item") == 8 * rounds);
}

TEST_CASE("a read-only memory database is refused", "[storage][memory][errors]") {
  CHECK(code_of(database::open(":memory:", read_only())) == errc::invalid_argument);
}
