// The loads that users of such a pool put on it.

#include "storage/pool_fixture.hpp"

#include <set>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::connection_pool;
using storage::pooled_connection;

namespace {

void require(bool good, const std::string& what) {
  if (!good)
    throw std::runtime_error{what};
}

template <class T>
void require(const expected<T>& result) {
  require(result.has_value(), result ? "" : to_string(result.error()));
}

/// A pool of 5 on 100 rows.
struct loaded_pool : scratch_pool {
  loaded_pool() {
    auto held = borrow();
    for (int key = 0; key < 100; ++key)
      REQUIRE(insert_item(held, key));
    REQUIRE(held.commit());
  }
};

void insert_and_commit(connection_pool pool, std::int64_t key) {
  auto held = pool.borrow();
  require(held);
  require(insert_item(*held, key));
  require(held->commit());
}

} // namespace

TEST_CASE("1000 requests from 100 threads get one pool", "[pool][concurrency]") {
  temp_dir dir;
  std::mutex mutex;
  std::vector<connection_pool> all; // guarded by mutex

  run_threads(100, [&](std::size_t) {
    for (int i = 0; i < 10; ++i) {
      auto pool = connection_pool::shared((dir / "test.db").string(), pool_of(5));
      require(pool);
      const std::lock_guard guard{mutex};
      all.push_back(*std::move(pool));
    }
  });

  REQUIRE(all.size() == 1000);
  for (const auto& each : all)
    CHECK(each == all.front());
  CHECK(all.front().stats().mismatched_requests == 0);
  CHECK(storage::close_all_pools());
}

TEST_CASE("20 threads that count 50 times over 5 connections all see 100 rows",
          "[pool][concurrency]") {
  loaded_pool t;

  run_threads(20, [&](std::size_t) {
    for (int i = 0; i < 50; ++i) {
      auto held = t.pool.borrow();
      require(held);
      require(items_seen(*held) == 100, "another number of rows");
    }
  });

  CHECK(t.pool.stats().borrowed == 1001);
  CHECK(t.pool.stats().timeouts == 0);
}

TEST_CASE("10 threads that insert and commit 20 times give 200 rows", "[pool][concurrency]") {
  scratch_pool t;

  run_threads(10, [&](std::size_t thread) {
    for (int i = 0; i < 20; ++i)
      insert_and_commit(t.pool, static_cast<std::int64_t>(thread) * 20 + i);
  });

  auto held = t.borrow();
  CHECK(items_seen(held) == 200);
  CHECK(t.pool.stats().rollbacks_on_return == 0);
  CHECK(t.pool.stats().overdue_writes == 0);
}

TEST_CASE("20 threads with 50 operations each, a third of them writes, meet no error",
          "[pool][concurrency]") {
  loaded_pool t;

  run_threads(20, [&](std::size_t thread) {
    for (int i = 0; i < 50; ++i)
      if (i % 10 < 3) {
        insert_and_commit(t.pool, 1000 + static_cast<std::int64_t>(thread) * 50 + i);
      } else {
        auto held = t.pool.borrow();
        require(held);
        require(items_seen(*held) >= 100, "too few rows");
      }
  });

  auto held = t.borrow();
  CHECK(items_seen(held) == 100 + 20 * 15);
}

TEST_CASE("with both connections of a pool of 2 lent a third borrower times out",
          "[pool][errors]") {
  scratch_pool t{pool_of(2, 500ms)};
  auto first = t.borrow();
  auto second = t.borrow();
  const auto began = std::chrono::steady_clock::now();

  const auto third = t.pool.borrow();

  CHECK(std::chrono::steady_clock::now() - began >= 500ms);
  REQUIRE(code_of(third) == errc::timeout);
  CHECK(has(third.error().detail, "0.5s"));
  first.give_back();
  CHECK(t.pool.borrow());
}
