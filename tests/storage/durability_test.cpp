#include "storage/write_fixture.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using storage::durability;
using storage::transaction;

namespace {

const storage::write_options synced{.level = durability::synced};
const storage::write_options committed{.level = durability::committed};

std::uint64_t syncs(const item_database& of) {
  return of.vfs.count(io_call::sync);
}

/// The rows of a file that a power cut left, once it has been recovered.
std::set<row_id> recovered_keys(const std::filesystem::path& file) {
  sqlite_probe probe{file, sqlite_probe::access::read_write};
  if (probe.integrity_check() != "ok")
    throw std::runtime_error{"damaged: " + probe.integrity_check()};
  std::set<row_id> out;
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_prepare_v2(probe.raw(), "SELECT key FROM item", -1, &rows, nullptr) != SQLITE_OK)
    return out; // not even the table came through
  while (sqlite3_step(rows) == SQLITE_ROW)
    out.insert(sqlite3_column_int64(rows, 0));
  sqlite3_finalize(rows);
  return out;
}

/// Replies as the callers remember them.
class memory {
public:
  void add(row_id key, durability level) {
    std::lock_guard lock{mutex_};
    all_.insert(key);
    if (level == durability::synced)
      synced_.insert(key);
  }
  std::set<row_id> synced() const {
    std::lock_guard lock{mutex_};
    return synced_;
  }
  std::set<row_id> all() const {
    std::lock_guard lock{mutex_};
    return all_;
  }

private:
  mutable std::mutex mutex_;
  std::set<row_id> all_;    // guarded by mutex_
  std::set<row_id> synced_; // guarded by mutex_
};

std::size_t missing(const std::set<row_id>& of, const std::set<row_id>& in) {
  return static_cast<std::size_t>(
    std::ranges::count_if(of, [&](row_id key) { return !in.contains(key); }));
}

struct loss {
  std::size_t synced = 0;         // acknowledged as synced
  std::size_t synced_lost = 0;    // must stay 0
  std::size_t committed = 0;      // acknowledged, but not as synced
  std::size_t committed_lost = 0; // allowed
  std::size_t strangers = 0;      // rows that nobody wrote: must stay 0
};

/// One life of a database that ends in a power cut while four threads write.
void live_until_power_cut(std::uint64_t seed, loss& total) {
  std::mt19937_64 random{seed};
  item_database t{options([&](auto& o) {
                    o.max_group = 1 + random() % 8;
                    o.checkpoint_pages = 1 + random() % 60;
                  }),
                  {.record_unsynced = true}};
  memory seen;
  const auto lasts = random() % 120;
  std::atomic<bool> over{false};
  std::vector<std::jthread> writers;
  for (row_id thread = 0; thread < 4; ++thread)
    writers.emplace_back([&, thread, mine = std::mt19937_64{random()}]() mutable {
      for (row_id i = 0; !over; ++i) {
        const auto key = thread * 100'000 + i;
        auto done = t.db.write(insert(key, std::string(mine() % 3000, 'x')),
                               mine() % 3 == 0 ? synced : committed);
        if (done)
          seen.add(key, done->level);
      }
    });
  const bool reached = eventually([&] { return seen.all().size() >= lasts; });

  const auto synced_before = seen.synced(); // replies that were given before the cut
  const auto all_before = seen.all();
  static_cast<void>(t.vfs.cut_power(t.dir / "cut", seed));
  over = true;
  writers.clear();

  REQUIRE(reached);
  const auto left = recovered_keys(t.dir / "cut" / "item.db");
  total.synced += synced_before.size();
  total.synced_lost += missing(synced_before, left);
  total.committed += all_before.size() - synced_before.size();
  total.committed_lost += missing(all_before, left) - missing(synced_before, left);
  for (const auto key : left)
    total.strangers += key < 0 || key >= 400'000 ? 1 : 0;
}

void cut_power_often(std::uint64_t seeds) {
  loss total;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    const auto before = total.synced_lost;
    live_until_power_cut(seed, total);
    CHECK(total.synced_lost == before);
  }

  WARN("synced rows: " << total.synced << ", lost: " << total.synced_lost << "; committed rows: "
                       << total.committed << ", lost: " << total.committed_lost);
  CHECK(total.synced > seeds);
  CHECK(total.committed_lost > 0); // else the cut cuts nothing
  CHECK(total.strangers == 0);
}

} // namespace

TEST_CASE("a committed write syncs nothing", "[storage][durability]") {
  item_database t;
  REQUIRE(t.db.write(insert(0), committed)); // the first one begins the log
  const auto before = syncs(t);

  for (row_id key = 1; key <= 50; ++key) {
    auto done = t.db.write(insert(key), committed);
    REQUIRE(done);
    CHECK(done->level == durability::committed);
  }

  CHECK(syncs(t) == before);
}

TEST_CASE("a lone synced write syncs the log once", "[storage][durability]") {
  item_database t;
  REQUIRE(t.db.write(insert(0), synced));
  const auto before = t.vfs.count(io_call::sync, file_role::wal);

  for (row_id key = 1; key <= 10; ++key) {
    auto done = t.db.write(insert(key), synced);
    REQUIRE(done);
    CHECK(done->level == durability::synced);
  }

  CHECK(t.vfs.count(io_call::sync, file_role::wal) == before + 10);
}

TEST_CASE("a group syncs the log once, however many of it are synced", "[storage][durability]") {
  item_database t;
  REQUIRE(t.db.write(insert(1000), synced));
  auto first = t.hold_commit(0);
  const auto before = syncs(t);

  auto some = t.queue(1, 10, committed);
  auto others = t.queue(11, 10, synced);
  auto rest = t.queue(21, 10, committed);
  t.vfs.release();

  for (auto* part : {&some, &others, &rest})
    for (auto& done : answers(*part)) {
      REQUIRE(done);
      CHECK(done->level == durability::synced); // the strictest member decides for all
    }
  CHECK(syncs(t) == before + 1);
}

TEST_CASE("in a stream of both levels each synced write is synced and no other",
          "[storage][durability]") {
  item_database t;
  REQUIRE(t.db.write(insert(1000), synced));
  std::mt19937_64 random{7};
  auto expected_syncs = t.vfs.count(io_call::sync, file_role::wal);

  for (row_id key = 0; key < 200; ++key) {
    const bool strict = random() % 2 == 0;
    auto done = t.db.write(insert(key), strict ? synced : committed);
    REQUIRE(done);
    expected_syncs += strict ? 1 : 0;
    CHECK(done->level == (strict ? durability::synced : durability::committed));
    REQUIRE(t.vfs.count(io_call::sync, file_role::wal) == expected_syncs);
  }
}

TEST_CASE("writes that name no level get the database's", "[storage][durability]") {
  item_database t{options([](auto& o) { o.level = durability::synced; })};
  REQUIRE(t.db.write(insert(0)));
  const auto before = syncs(t);

  auto done = t.db.write(insert(1));

  REQUIRE(done);
  CHECK(done->level == durability::synced);
  CHECK(syncs(t) == before + 1);
}

TEST_CASE("a synced write that comes after BEGIN of a committed group waits for the next one",
          "[storage][durability]") {
  item_database t;
  REQUIRE(t.db.write(insert(1000), committed));
  signal inside;
  signal go_on;
  const auto before = syncs(t);

  auto early = t.db.write_async(
    [&](transaction& in) {
      inside.set();
      static_cast<void>(go_on.wait());
      return insert(1)(in);
    },
    committed);
  REQUIRE(inside.wait());
  auto late = t.db.write_async(insert(2), synced);
  go_on.set();

  auto first = early.get();
  auto second = late.get();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->level == durability::committed);
  CHECK(second->level == durability::synced);
  CHECK(second->commit == first->commit + 1);
  CHECK(syncs(t) == before + 1);
}

TEST_CASE("a reply is not given before COMMIT is through", "[storage][durability]") {
  item_database t;
  REQUIRE(t.db.write(insert(1000), synced));
  t.vfs.hold_next_sync(file_role::wal);
  std::atomic<int> ran{0};

  auto waiting = t.db.write_async(
    [&ran](transaction& in) {
      ++ran;
      return insert(1)(in);
    },
    synced);
  REQUIRE(t.vfs.wait_until_held());

  CHECK(ran == 1);
  CHECK_FALSE(waiting.ready());
  CHECK(t.keys() == std::set<row_id>{1000}); // nor do readers see it
  t.vfs.release();
  CHECK(waiting.get());
}

TEST_CASE("what was acknowledged before a synced write is as safe as that write",
          "[storage][durability][recovery]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    item_database t{{}, {.record_unsynced = true}};
    for (row_id key = 0; key < 9; ++key)
      REQUIRE(t.db.write(insert(key), committed));
    REQUIRE(t.db.write(insert(9), synced));
    REQUIRE(t.db.write(insert(10), committed));

    static_cast<void>(t.vfs.cut_power(t.dir / "cut", seed));

    const auto left = recovered_keys(t.dir / "cut" / "item.db");
    for (row_id key = 0; key <= 9; ++key)
      CHECK(left.contains(key));
  }
}

TEST_CASE("no power cut takes a synced row", "[storage][durability][recovery]") {
  cut_power_often(60);
}

TEST_CASE("no power cut takes a synced row, in many more lives", "[.nightly][storage]") {
  cut_power_often(300);
}
