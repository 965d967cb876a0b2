#include "storage/write_fixture.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <tuple>

using namespace cortex;
using namespace cortex::testing;
using storage::snapshot;
using storage::transaction;

namespace {

/// Adds 1 to each half of a pair, one statement after the other.
expected<void> add_to_both(transaction& in) {
  for (row_id half : {1, 2})
    if (auto done = in.execute("UPDATE item SET value = value + 1 WHERE key = ?", half); !done)
      return unexpected{std::move(done).error()};
  return {};
}

expected<void> add_to_one_and_fail(transaction& in) {
  static_cast<void>(in.execute("UPDATE item SET value = value + 1 WHERE key = 1"));
  return fail(errc::not_found);
}

void make_pair(item_database& in) {
  REQUIRE(in.db.write(
    [](transaction& to) { return to.execute_script("INSERT INTO item VALUES(1, 0), (2, 0)"); }));
}

/// The pair as one snapshot shows it, by two queries.
std::tuple<std::int64_t, std::int64_t> halves(snapshot& view) {
  auto half = [&](row_id key) {
    return view.one<std::int64_t>("SELECT value FROM item WHERE key = ?", key).value().value();
  };
  const auto first = half(1);
  std::this_thread::yield(); // give the writer a chance in between
  return {first, half(2)};
}

void must(bool good, const char* what) {
  if (!good)
    throw std::logic_error{what}; // Catch2's own checks are for one thread
}

} // namespace

TEST_CASE("no reader ever sees half a write or half a group", "[storage][readers][concurrency]") {
  item_database t;
  make_pair(t);
  constexpr std::size_t writers = 4;
  constexpr int writes = 200;
  std::atomic<std::size_t> writing{writers};
  std::atomic<std::uint64_t> looks{0};

  run_threads(writers + 8, [&](std::size_t thread) {
    if (thread < writers) {
      for (int i = 0; i < writes; ++i) {
        if (i % 10 == 9)
          must(!t.db.write(add_to_one_and_fail), "the failing write was acknowledged");
        else
          must(t.db.write(add_to_both).has_value(), "a write failed");
      }
      --writing;
      return;
    }
    std::int64_t newest = 0;
    do {
      const auto [first, second] = thread % 2 == 0 ? t.db.read(halves).value()
                                                   : t.db.read_async(halves).get().value();
      must(first == second, "half a write was seen");
      must(first >= newest, "a reader went back in time");
      newest = first;
      ++looks;
    } while (writing != 0);
  });

  CHECK(looks >= 8);
  CHECK(t.db.read(halves).value()
        == std::tuple{writers * writes * 9 / 10, writers * writes * 9 / 10});
}

TEST_CASE("the writes of a group become visible together", "[storage][readers][concurrency]") {
  item_database t;
  constexpr row_id members = 30;
  constexpr row_id round_rows = 1 + members; // the one whose commit is held, then the group
  std::atomic<bool> over{false};
  std::atomic<int> torn{0};
  std::atomic<std::uint64_t> looks{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&, i] {
      auto rows = [](snapshot& view) { return view.value<row_id>("SELECT count(*) FROM item"); };
      while (!over) {
        const auto seen = i == 0 ? t.db.read_async(rows).get().value() : t.db.read(rows).value();
        torn += seen % round_rows > 1 ? 1 : 0;
        ++looks;
      }
    });

  for (row_id round = 0; round < 30; ++round) {
    auto first = t.hold_commit(round * round_rows);
    auto group = t.queue(round * round_rows + 1, members);
    t.vfs.release();
    CHECK(first.get());
    std::set<std::uint64_t> commits;
    for (auto& done : answers(group))
      commits.insert(done.value().commit);
    CHECK(commits.size() == 1);
  }
  over = true;
  readers.clear();

  CHECK(torn == 0);
  CHECK(looks > 0);
}

TEST_CASE("whoever hears of a write after its reply, on any thread, sees it",
          "[storage][readers][concurrency]") {
  item_database t;
  constexpr row_id writes = 400;
  std::atomic<row_id> acknowledged{0};

  run_threads(7, [&](std::size_t thread) {
    if (thread == 0) {
      for (row_id key = 1; key <= writes; ++key) {
        must(t.db.write(insert(key)).has_value(), "a write failed");
        acknowledged = key;
      }
      return;
    }
    for (row_id heard = 0; heard < writes;) {
      heard = acknowledged;
      auto newest = [](snapshot& view) {
        return view.one<std::int64_t>("SELECT coalesce(max(key), 0) FROM item").value().value();
      };
      std::int64_t seen = 0;
      if (thread % 3 == 0)
        seen = t.db.read(newest).value();
      else if (thread % 3 == 1)
        seen = t.db.read_async(newest).get().value();
      else
        seen = newest(**t.db.lease());
      must(seen >= heard, "an acknowledged write was not seen");
    }
  });

  CHECK(t.keys().size() == writes);
}

TEST_CASE("at the moment of its reply a write is visible", "[storage][readers]") {
  item_database t{options([](auto& o) { o.readers = 1; })};
  auto rows
    = [](snapshot& view) { return view.one<row_id>("SELECT count(*) FROM item").value().value(); };

  for (row_id key = 1; key <= 20; ++key) {
    REQUIRE(t.db.read(rows).value() == key - 1); // leaves a snapshot behind
    t.vfs.hold_next_write(file_role::wal);
    auto seen = t.db.write_async(insert(key)).then(inline_executor(), [&](reply done) {
      // Runs on the writer's thread, within the reply.
      return done ? t.db.commit_number() >= done->commit && t.db.read(rows).value() == key : false;
    });
    REQUIRE(t.vfs.wait_until_held());
    t.vfs.release();
    CHECK(seen.get().value());
  }
}

TEST_CASE("a lease shows the same database until it is given back", "[storage][readers]") {
  item_database t;
  REQUIRE(t.db.write(insert(1)));
  auto lease = t.db.lease();
  REQUIRE(lease);
  auto rows = [&] { return (*lease)->one<row_id>("SELECT count(*) FROM item").value().value(); };
  CHECK(rows() == 1);

  for (row_id key = 2; key < 20; ++key) {
    REQUIRE(t.db.write(insert(key)));
    CHECK(rows() == 1);
  }
}

TEST_CASE("a read cannot become a write", "[storage][readers][errors]") {
  item_database t;
  REQUIRE(t.db.write(insert(1)));
  const std::string sql
    = GENERATE("INSERT INTO item(key) VALUES(2)", "INSERT INTO item(key) VALUES(2) RETURNING key",
               "UPDATE item SET value = 1 RETURNING key", "DELETE FROM item", "DROP TABLE item",
               "CREATE TABLE other(x)", "CREATE TEMP TABLE other(x)", "BEGIN IMMEDIATE", "COMMIT",
               "END", "ROLLBACK", "SAVEPOINT s", "VACUUM", "ANALYZE", "PRAGMA query_only=0",
               "PRAGMA journal_mode=DELETE", "PRAGMA user_version=7", "ATTACH ':memory:' AS other",
               "WITH x AS (SELECT 1) DELETE FROM item");
  CAPTURE(sql);
  const auto writes = t.vfs.count(io_call::write);

  auto refused = t.db.read([&](snapshot& view) { return view.all<std::string>(sql); });

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(t.vfs.count(io_call::write) == writes);
  CHECK(t.keys() == std::set<row_id>{1});
  CHECK(t.db.write(insert(3))); // nobody was left in a transaction
}

TEST_CASE("sixteen threads that share two connections all get their turn",
          "[storage][readers][concurrency]") {
  item_database t{options([](auto& o) { o.readers = 2; })};
  make_pair(t);

  run_threads(16, [&](std::size_t thread) {
    for (int i = 0; i < 60; ++i) {
      if (thread % 8 == 0)
        must(t.db.write(add_to_both).has_value(), "a write failed");
      const auto [first, second] = t.db.read(halves).value();
      must(first == second, "half a write was seen");
    }
  });

  CHECK(t.db.stats().reads >= 16 * 60);
  CHECK(t.db.stats().readers.empty());
}

TEST_CASE("a reader that comes back is never left idle while somebody waits for one",
          "[storage][readers][concurrency]") {
  constexpr std::size_t threads = 3; // one more than readers: if its wake is lost, nobody helps it
  constexpr int wanted = 10'000;
  constexpr int enough = 50 * wanted;
  item_database t{options([](auto& o) { o.readers = threads - 1; })};
  make_pair(t);
  std::array<std::atomic<int>, threads> turns{};

  // All go on until everybody had the turns he wants: one who sleeps for ever is left behind.
  run_threads(threads, [&](std::size_t self) {
    auto served = [](const std::atomic<int>& each) { return each >= wanted; };
    auto too_many = [](const std::atomic<int>& each) { return each >= enough; };
    while (!std::ranges::all_of(turns, served) && !std::ranges::any_of(turns, too_many)) {
      auto view = t.db.lease();
      must(view.has_value(), "a lease was not given");
      must(std::get<0>(halves(**view)) == 0, "nobody wrote");
      ++turns[self];
    }
  });

  for (const auto& each : turns)
    CHECK(each >= wanted);
}

TEST_CASE("a thousand threads that write at once are all answered",
          "[storage][readers][concurrency]") {
  item_database t;
  std::atomic<int> answered{0};

  run_threads(1000, [&](std::size_t thread) {
    auto done = t.db.write(insert(static_cast<row_id>(thread)));
    must(done.has_value(), "a write failed");
    ++answered;
  });

  CHECK(answered == 1000);
  CHECK(t.keys().size() == 1000);
  CHECK(t.db.stats().writes == 1000);
  CHECK(t.db.stats().commits <= 1000);
}
