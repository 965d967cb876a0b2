// The page caches of all connections of the process against one budget.

#include "cortex/memory_budget.hpp"
#include "cortex/storage/cached_bytes.hpp"

#include "storage/write_fixture.hpp"

#include <sqlite3.h>

#include <array>
#include <optional>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::memory;
using storage::snapshot;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;

/// The process has one budget: it is put back for the tests that come after.
class budget {
public:
  explicit budget(std::size_t bytes) : before_{memory().budget_bytes} {
    storage::set_memory_budget(bytes);
  }
  budget(const budget&) = delete;
  budget& operator=(const budget&) = delete;
  ~budget() { storage::set_memory_budget(before_); }

private:
  std::size_t before_;
};

/// A file of some 4 MiB, a page for each row.
void fill(item_database& to) {
  REQUIRE(to.db.write([](storage::transaction& in) {
    return in.execute("INSERT INTO item WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                      "SELECT i + 1 FROM n LIMIT 1000) SELECT i, zeroblob(3000) FROM n");
  }));
}

expected<row_id> scan(snapshot& view) {
  return view.value<row_id>("SELECT sum(length(hex(value))) FROM item");
}

/// Every reader of the database scans its table, and all are given back.
void scan_with_all(item_database& in, std::size_t readers) {
  std::vector<storage::read_lease> leases;
  for (std::size_t i = 0; i < readers; ++i) {
    leases.push_back(in.db.lease().value());
    REQUIRE(scan(*leases.back()));
  }
}

} // namespace

TEST_CASE("caches are counted as SQLite counts them", "[storage][memory_budget]") {
  const auto before = memory().cached_bytes;
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(":memory:", &raw) == SQLITE_OK);
  REQUIRE(sqlite3_exec(raw, "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(100000))", nullptr,
                       nullptr, nullptr)
          == SQLITE_OK);
  int used = 0;
  int highest = 0;
  sqlite3_db_status(raw, SQLITE_DBSTATUS_CACHE_USED, &used, &highest, 0);
  {
    storage::detail::cached_bytes one;
    one.count(raw);
    one.count(raw);
    CHECK(memory().cached_bytes == before + static_cast<std::size_t>(used));
  }
  CHECK(memory().cached_bytes == before);
  sqlite3_close(raw);
}

TEST_CASE("the caches of many connections stay within the budget of the process",
          "[storage][memory_budget]") {
  constexpr std::size_t readers = 8;
  const bool bounded = GENERATE(false, true);
  const budget limit{bounded ? 8 * mib : 0};
  const auto how = options([](auto& o) { o.readers = readers; });
  std::array<std::optional<item_database>, 3> all;
  for (auto& each : all)
    fill(each.emplace(how));

  for (int round = 0; round < 3; ++round)
    for (auto& each : all)
      scan_with_all(*each, readers); // some 32 MiB for each database

  CHECK((memory().cached_bytes <= 8 * mib) == bounded);
  CHECK((memory().cached_bytes > 40 * mib) != bounded);
  for (auto& each : all)
    CHECK(each->db.read(scan).value() == 6'000'000);
}

TEST_CASE("the cache that is in use is the last to go", "[storage][memory_budget]") {
  const budget limit{20 * mib};
  item_database busy{options([](auto& o) { o.readers = 1; })};
  item_database idle{options([](auto& o) { o.readers = 4; })};
  fill(busy);
  fill(idle);
  scan_with_all(idle, 1);
  const auto before = memory().shrinks;

  scan_with_all(busy, 1);
  CHECK(memory().shrinks == before); // there is room for both, and for their writers
  scan_with_all(busy, 1);

  CHECK(memory().shrinks == before);
  scan_with_all(idle, 4);
  CHECK(memory().shrinks > before);
  CHECK(memory().cached_bytes <= 20 * mib);
}

TEST_CASE("a closed database holds nothing of the budget", "[storage][memory_budget]") {
  const auto before = memory().cached_bytes;
  {
    item_database t;
    fill(t);
    scan_with_all(t, 4);
    CHECK(memory().cached_bytes > before + 8 * mib);
  }
  CHECK(memory().cached_bytes == before);
}

TEST_CASE("caches are emptied while others read, write and close",
          "[storage][memory_budget][concurrency]") {
  const budget limit{2 * mib};
  item_database t{options([](auto& o) { o.readers = 3; })};
  item_database other{options([](auto& o) { o.readers = 3; })};
  fill(t);
  fill(other);

  run_threads(4, [&](std::size_t thread) {
    for (row_id i = 0; i < 60; ++i) {
      auto& mine = thread % 2 == 0 ? t : other;
      if (mine.db.read(scan).value() < 6'000'000)
        throw std::logic_error{"rows are missing"};
      static_cast<void>(
        mine.db.write(insert(10'000 + 100 * static_cast<row_id>(thread) + i)).value());
      if (thread == 3 && i % 20 == 0) {
        item_database third;
        static_cast<void>(third.db.read(scan));
        if (!third.db.close(default_deadline))
          throw std::logic_error{"it did not close"};
      }
    }
  });

  CHECK(t.keys().size() == 1'120);
}
