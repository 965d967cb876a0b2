#include "storage/write_fixture.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::snapshot;
using storage::transaction;

namespace {

std::size_t entries(const char* folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{folder},
                                                std::filesystem::directory_iterator{}));
}

std::size_t open_files() {
  return entries("/proc/self/fd");
}

std::size_t live_threads() {
  return entries("/proc/self/task");
}

std::vector<future<row_id>> queue_reads(item_database& in, int count) {
  std::vector<future<row_id>> out;
  for (int i = 0; i < count; ++i)
    out.push_back(in.db.read_async([](snapshot& view) -> expected<row_id> {
      return view.one<row_id>("SELECT count(*) FROM item").value().value();
    }));
  return out;
}

void open_and_close(int times) {
  temp_dir dir;
  auto once = [&](int i) {
    auto how = options([](auto& o) { o.schema = item_database::schema(); });
    auto db = storage::database::open((dir / "item.db").string(), how).value();
    auto write = db.write_async(insert(i));
    auto read = db.read_async([](snapshot&) {});
    REQUIRE(write.get());
    REQUIRE(read.get());
    REQUIRE(db.close(default_deadline));
  };
  once(-1); // what the process makes once, for all
  const auto files = open_files();
  const auto threads = live_threads();

  for (int i = 0; i < times; ++i)
    once(i);

  CHECK(open_files() == files);
  CHECK(eventually([&] { return live_threads() <= threads; })); // the kernel clears up behind join
  CHECK(sqlite_probe{dir / "item.db"}.count("item") == times + 1);
}

} // namespace

TEST_CASE("closing finishes what was accepted and refuses what comes later", "[storage][close]") {
  item_database t;
  auto copy = t.db;
  auto first = t.hold_commit(0);
  auto writes = t.queue(1, 20);
  std::atomic<int> told{0};
  std::vector<std::jthread> blocking;
  for (row_id key = 100; key < 104; ++key)
    blocking.emplace_back([&t, &told, key] { told += t.db.write(insert(key)) ? 1 : 0; });
  REQUIRE(eventually([&] { return t.db.stats().waiting_writes == 24; }));
  auto reads = queue_reads(t, 20);
  std::jthread closer{[&t] { static_cast<void>(t.db.close(default_deadline)); }};
  REQUIRE(eventually([&] { return !t.db.lease(); }));

  auto refused = t.db.write_async(insert(500));
  t.vfs.release();
  closer.join();
  blocking.clear();

  REQUIRE(refused.ready());
  CHECK(refused.get().error().code == errc::closed);
  CHECK(first.get());
  for (auto& done : answers(writes))
    CHECK(done);
  for (auto& done : answers(reads))
    CHECK(done);
  CHECK(told == 4);
  CHECK(copy.write(insert(501)).error().code == errc::closed);
  CHECK(copy.read([](snapshot&) {}).error().code == errc::closed);
  CHECK(copy.read_async([](snapshot&) {}).get().error().code == errc::closed);
  CHECK(copy.lease().error().code == errc::closed);
  CHECK(copy.checkpoint().error().code == errc::closed);
  CHECK(copy.quick_check().error().code == errc::closed);
  CHECK(sqlite_probe{t.file()}.count("item") == 25);
}

TEST_CASE("a runtime that stops answers every write and read of its databases",
          "[storage][close]") {
  auto rt = runtime::open().value();
  item_database t{{}, {}, &rt};
  auto first = t.hold_commit(0);
  auto writes = t.queue(1, 20);
  auto reads = queue_reads(t, 20);
  std::jthread stopper{[&rt] { static_cast<void>(rt.stop(default_deadline)); }};
  REQUIRE(eventually([&] { return !t.db.lease(); }));
  t.vfs.release();
  stopper.join();

  CHECK(first.get());
  for (auto& done : answers(writes))
    CHECK(done);
  for (auto& done : answers(reads))
    CHECK(done);
  CHECK(t.db.write(insert(500)).error().code == errc::closed);
}

TEST_CASE("the last reference to a database finishes what was accepted", "[storage][close]") {
  temp_dir dir;
  std::vector<pending> writes;
  {
    auto how = options([](auto& o) { o.schema = item_database::schema(); });
    auto db = storage::database::open((dir / "item.db").string(), how).value();
    for (row_id key = 0; key < 200; ++key)
      writes.push_back(db.write_async(insert(key)));
  }

  for (auto& each : writes) {
    REQUIRE(each.ready());
    CHECK(each.get());
  }
  CHECK(sqlite_probe{dir / "item.db"}.count("item") == 200);
}

TEST_CASE("the last reference may go with a function of its own", "[storage][close]") {
  const std::string how = GENERATE("a write", "a read", "a continuation", "inside a write");
  CAPTURE(how);
  temp_dir dir;
  const auto file = (dir / "item.db").string();
  struct meeting {
    signal inside;
    signal go_on;
  };
  const auto met = std::make_shared<meeting>(); // the function may outlive this test by a moment
  {
    auto db
      = storage::database::open(file, options([](auto& o) { o.schema = item_database::schema(); }));
    REQUIRE(db);
    auto wait = [met] {
      met->inside.set();
      static_cast<void>(met->go_on.wait());
    };
    if (how == "a write")
      static_cast<void>(db->write_async([kept = *db, wait](transaction& in) {
        wait();
        return insert(1)(in);
      }));
    else if (how == "a read")
      static_cast<void>(db->read_async([kept = *db, wait](snapshot&) { wait(); }));
    else if (how == "a continuation")
      static_cast<void>(db->write_async([wait](transaction&) { wait(); })
                          .then(inline_executor(), [kept = *db](auto) {}));
    else
      static_cast<void>(db->write_async([kept = std::optional{*db}, wait](transaction&) mutable {
        wait();
        kept.reset();
      }));
    REQUIRE(met->inside.wait());
  }
  met->go_on.set();

  CHECK(eventually([&] { return !std::filesystem::exists(file + "-wal"); })); // it is closed
}

TEST_CASE("closing with a lease out is a time-out that names it, and does its work all the same",
          "[storage][close][errors]") {
  item_database t;
  REQUIRE(t.db.write(insert(1)));
  {
    auto lease = t.db.lease({.owner = "the forgotten one"});
    REQUIRE(lease);
    REQUIRE((*lease)->one<row_id>("SELECT count(*) FROM item"));

    auto late = t.db.close(10ms);

    REQUIRE_FALSE(late);
    CHECK(late.error().code == errc::timeout);
    CHECK(mentions(late.error().detail, "the forgotten one"));
    CHECK(t.db.write(insert(2)).error().code == errc::closed);
    CHECK((*lease)->one<row_id>("SELECT count(*) FROM item").value() == 1); // still good
  }
  CHECK(t.db.close(10ms));
  CHECK(sqlite_probe{t.file()}.count("item") == 1);
}

TEST_CASE("queued reads are answered although the only reader never comes back before the end",
          "[storage][close][errors]") {
  item_database t{options([](auto& o) {
    o.readers = 1;
    o.default_deadline = 1h;
  })};
  auto lease = t.db.lease();
  REQUIRE(lease);
  auto reads = queue_reads(t, 5);

  CHECK_FALSE(t.db.close(10ms));

  for (auto& each : reads) {
    REQUIRE(each.ready());
    CHECK(each.get().error().code == errc::closed);
  }
}

TEST_CASE("a write that waits behind a lease of a memory database is answered after its end",
          "[storage][close][errors]") {
  auto how = options([](auto& o) { o.schema = item_database::schema(); });
  auto db = storage::database::open(":memory:", how).value();
  std::optional<storage::read_lease> lease{db.lease().value()};
  auto write = db.write_async(insert(1));

  CHECK_FALSE(db.close(10ms));
  lease.reset();

  REQUIRE(write.wait_for(default_deadline));
  CHECK(write.get());
}

TEST_CASE("closing gives up on a function that goes on, and says so", "[storage][close][errors]") {
  const std::string how = GENERATE("a read", "a write", "a read in memory", "a write in memory");
  CAPTURE(how);
  temp_dir dir;
  const auto path = mentions(how, "memory") ? ":memory:" : (dir / "item.db").string();
  auto db
    = storage::database::open(path, options([](auto& o) { o.schema = item_database::schema(); }))
        .value();
  signal inside;
  signal go_on;
  auto wait = [&](auto&) {
    inside.set();
    return go_on.wait();
  };
  std::optional<future<bool>> read;
  std::optional<future<storage::written<bool>>> write;
  if (mentions(how, "read"))
    read = db.read_async(wait);
  else
    write = db.write_async(wait);
  REQUIRE(inside.wait());

  auto late = db.close(1ms);
  go_on.set();

  REQUIRE_FALSE(late);
  CHECK(late.error().code == errc::timeout);
  CHECK(mentions(late.error().detail, how == "a read" ? "read" : "a write"));
  CHECK((read ? read->get().value() : write->get().value().value)); // it was not waited for
  CHECK(db.close(default_deadline));
}

TEST_CASE("queued reads are answered although the lease of a memory database outlives its end",
          "[storage][close][errors]") {
  auto how = options([](auto& o) {
    o.schema = item_database::schema();
    o.default_deadline = std::chrono::nanoseconds::max();
  });
  auto db = storage::database::open(":memory:", how).value();
  std::optional<storage::read_lease> lease{db.lease().value()};
  std::vector<future<void>> reads;
  for (int i = 0; i < 100; ++i)
    reads.push_back(db.read_async([](snapshot&) {}));
  signal begun;
  errc waited{};
  std::jthread other{[&] {
    begun.set();
    auto second = db.lease();
    waited = second ? errc{} : second.error().code;
  }};
  REQUIRE(begun.wait());

  CHECK(db.close(1ms).error().code == errc::timeout);
  other.join();

  CHECK(waited == errc::closed);
  for (auto& each : reads) {
    REQUIRE(each.ready());
    CHECK(each.get().error().code == errc::closed);
  }
  lease.reset();
  CHECK(db.close(default_deadline));
}

TEST_CASE("any number of threads may close a database, any number of times",
          "[storage][close][concurrency]") {
  item_database t;
  REQUIRE(t.db.write(insert(1)));
  std::atomic<int> good{0};

  run_threads(8, [&](std::size_t) {
    for (int i = 0; i < 3; ++i)
      good += t.db.close(default_deadline) ? 1 : 0;
  });

  CHECK(good == 24);
  CHECK(sqlite_probe{t.file()}.count("item") == 1);
}

TEST_CASE("a database is not closed from inside its own functions", "[storage][close][errors]") {
  item_database t;

  auto by_write = t.db.write([&t](transaction&) { return t.db.close(1s); });
  auto by_read = t.db.read([&t](snapshot&) { return t.db.close(1s); });
  t.vfs.hold_next_write(file_role::wal);
  auto by_continuation
    = t.db.write_async(insert(0)).then(inline_executor(), [&t](auto) { return t.db.close(1s); });
  REQUIRE(t.vfs.wait_until_held());
  t.vfs.release();

  CHECK(by_write.error().code == errc::would_deadlock);
  CHECK(by_read.error().code == errc::would_deadlock);
  CHECK(by_continuation.get().error().code == errc::would_deadlock);
  CHECK(t.db.write(insert(1)));
}

TEST_CASE("whoever submits while a database is closed gets an answer",
          "[storage][close][concurrency]") {
  std::atomic<int> kept{0};
  std::atomic<int> refused{0};
  std::int64_t rows = 0;
  for (int round = 0; round < 40; ++round) {
    item_database t;
    const auto before = kept.load();
    run_threads(6, [&](std::size_t thread) {
      if (thread == 0) {
        while (t.db.stats().writes < static_cast<std::uint64_t>(round) % 8)
          std::this_thread::yield();
        if (!t.db.close(default_deadline))
          throw std::logic_error{"could not be closed"};
        return;
      }
      for (row_id i = 0;; ++i) {
        const auto key = static_cast<row_id>(thread) * 1'000'000 + i;
        auto write = t.db.write_async(insert(key));
        auto read = t.db.read_async([](snapshot&) {});
        auto own = t.db.write(insert(-key));
        if (!write.wait_for(default_deadline) || !read.wait_for(default_deadline))
          throw std::logic_error{"no answer"};
        auto later = write.get();
        kept += (later ? 1 : 0) + (own ? 1 : 0);
        refused += (later ? 0 : 1) + (own ? 0 : 1);
        for (const auto* each : {&later, &own})
          if (!*each && each->error().code != errc::closed)
            throw std::logic_error{to_string(each->error())};
        if (!later && !own)
          return;
      }
    });
    rows = sqlite_probe{t.file()}.count("item");
    REQUIRE(rows == kept - before);
  }
  CHECK(kept > 0);
  CHECK(refused > 0);
}

TEST_CASE("on a file system that has become read-only every caller is told, and closing works",
          "[storage][close][errors]") {
  item_database t;
  REQUIRE(t.db.write(insert(1000)));
  t.vfs.fail_from(io_call::write, any_role, SQLITE_READONLY);

  auto writes = t.queue(1, 20);
  auto lone = t.db.write(insert(100));
  auto reads = queue_reads(t, 5);

  for (auto& done : answers(writes))
    CHECK(done.error().code == errc::read_only);
  CHECK(lone.error().code == errc::read_only);
  for (auto& done : answers(reads))
    CHECK(done.value() == 1);
  CHECK(t.db.close(default_deadline));
}

TEST_CASE("opening and closing 200 times leaves no thread and no file open", "[storage][close]") {
  open_and_close(200);
}

TEST_CASE("a database whose last reference is gone leaves no thread behind, whatever its file",
          "[storage][close]") {
  temp_dir dir;
  auto once = [&](int i) {
    const auto file = dir / ("item" + std::to_string(i) + ".db");
    auto how = options([](auto& o) { o.schema = item_database::schema(); });
    auto db = storage::database::open(file.string(), how).value();
    auto told = db.write_async(insert(i)).then([](reply) {}); // starts the runtime's threads, too
    REQUIRE(told.wait_for(default_deadline));
  };
  once(-1);
  const auto files = open_files();
  const auto threads = live_threads();

  for (int i = 0; i < 20; ++i)
    once(i);

  CHECK(open_files() == files);
  CHECK(eventually([&] { return live_threads() <= threads; })); // the kernel clears up behind join
}

TEST_CASE("opening and closing 1,000 times leaves no thread and no file open",
          "[.stress][storage]") {
  open_and_close(1000);
}
