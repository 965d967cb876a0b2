#include "storage/write_fixture.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::snapshot;

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t budget_bytes = std::size_t{1} << 20U;
constexpr std::uint64_t budget_pages = budget_bytes / page_bytes;

/// A log that is kept short.
storage::database_options short_log() {
  return options([](auto& o) {
    o.checkpoint_pages = 50;
    o.wal_budget_bytes = budget_bytes;
    o.reader_patience = 5ms;
  });
}

std::uintmax_t log_bytes(const item_database& of) {
  return std::filesystem::file_size(of.file().string() + "-wal");
}

/// Writes rows of some three pages each.
void write_rows(item_database& to, row_id first, row_id count) {
  for (row_id key = first; key < first + count; ++key)
    REQUIRE(to.db.write(insert(key, std::string(8'000, 'x'))));
}

/// A lease that has looked at the database, so that it pins the log.
storage::read_lease look(item_database& at, std::string_view owner) {
  auto lease = at.db.lease({.owner = owner});
  REQUIRE(lease);
  REQUIRE((*lease)->one<row_id>("SELECT count(*) FROM item"));
  return *std::move(lease);
}

/// Reads that always overlap until they are told to stop, none of them for long.
class overlapping_readers {
public:
  explicit overlapping_readers(item_database& in) {
    for (int i = 0; i < 3; ++i)
      threads_.emplace_back([this, &in] {
        while (!over_) {
          const auto done = in.db.read([this](snapshot& view) {
            static_cast<void>(view.one<row_id>("SELECT count(*) FROM item"));
            const auto mine = ++begun_;
            for (int yields = 0; begun_ == mine && !over_ && yields < 20; ++yields)
              std::this_thread::yield(); // until the next one has begun
          });
          if (!done)
            ++failed_;
        }
      });
  }

  std::uint64_t begun() const { return begun_; }

  /// Returns how many reads failed.
  int stop() {
    over_ = true;
    threads_.clear();
    return failed_;
  }

private:
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<int> failed_{0};
  std::vector<std::jthread> threads_; // last: the others outlive it
};

} // namespace

TEST_CASE("a checkpoint copies the whole log back if no reader is in the way",
          "[storage][checkpoint]") {
  item_database t;
  write_rows(t, 0, 10);
  REQUIRE(t.db.stats().wal_pages > 20);

  auto left = t.db.checkpoint();

  REQUIRE(left);
  CHECK(*left == 0);
  CHECK(t.db.stats().checkpoints == 1);
  CHECK(t.db.stats().pinned_by.empty());
}

TEST_CASE("a checkpoint says how many pages a reader holds back, and whose it is",
          "[storage][checkpoint]") {
  item_database t;
  write_rows(t, 0, 5);
  {
    auto lease = look(t, "the report");
    write_rows(t, 5, 5);

    auto left = t.db.checkpoint();

    REQUIRE(left);
    CHECK(*left > 10);
    CHECK(t.db.stats().pinned_by == "the report");
  }
  auto left = t.db.checkpoint();
  REQUIRE(left);
  CHECK(*left == 0);
  CHECK(t.db.stats().pinned_by.empty());
}

TEST_CASE("a checkpoint that fails says so, and the next one succeeds",
          "[storage][checkpoint][errors]") {
  const auto [call, code] = GENERATE(table<io_call, int>(
    {{io_call::write, SQLITE_IOERR_WRITE}, {io_call::sync, SQLITE_IOERR_FSYNC}}));
  CAPTURE(code);
  item_database t;
  write_rows(t, 0, 10);
  t.vfs.fail_once(call, any_role, code);

  auto failed = t.db.checkpoint();

  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::io);
  CHECK(t.vfs.injected() == 1);
  CHECK(t.db.checkpoint().value() == 0);
  CHECK(t.db.write(insert(100)));
  CHECK(t.keys().size() == 11);
}

TEST_CASE("no SQL of a caller checkpoints, not even when the whole log has been copied",
          "[storage][checkpoint][errors]") {
  item_database t;
  write_rows(t, 0, 10);
  REQUIRE(t.db.checkpoint().value() == 0);
  const auto size = log_bytes(t);
  const auto before = t.vfs.count(io_call::truncate);
  const std::string mode = GENERATE("PASSIVE", "FULL", "RESTART", "TRUNCATE");
  const auto sql = "PRAGMA wal_checkpoint(" + mode + ")";

  auto by_read = t.db.read([&](snapshot& view) { return view.one<int>(sql); });
  auto by_write = t.db.write([&](storage::transaction& in) { return in.execute(sql); });
  auto by_script = t.db.write([&](storage::transaction& in) { return in.execute_script(sql); });

  for (const auto* problem : {&by_read.error(), &by_write.error(), &by_script.error()})
    CHECK(problem->code == errc::invalid_argument);
  CHECK(log_bytes(t) == size);
  CHECK(t.vfs.count(io_call::truncate) == before);
}

TEST_CASE("a read-only open of a file with a log leaves both as they are",
          "[storage][checkpoint]") {
  item_database t{{}, {.record_unsynced = true}};
  write_rows(t, 0, 10);
  REQUIRE(t.db.write(insert(10), storage::write_options{.level = storage::durability::synced}));
  static_cast<void>(t.vfs.cut_power(t.dir / "cut", 1));
  const auto file = t.dir / "cut" / "item.db";
  const auto log = file.string() + "-wal";
  const auto file_size = std::filesystem::file_size(file);
  const auto log_size = std::filesystem::file_size(log);
  const auto changes = [&t] {
    return t.vfs.count(io_call::write, file_role::main_db)
           + t.vfs.count(io_call::write, file_role::wal) + t.vfs.count(io_call::truncate)
           + t.vfs.count(io_call::remove);
  };
  const auto before = changes();

  {
    auto viewer = storage::database::open(file.string(), options([&](auto& o) {
                                            o.access = storage::access::read_only;
                                            o.vfs = t.vfs.name();
                                          }));
    REQUIRE(viewer);
    auto rows = viewer->read(
      [](snapshot& view) { return view.value<row_id>("SELECT count(*) FROM item"); });
    CHECK(rows.value() == 11);
  }

  CHECK(changes() == before);
  CHECK(std::filesystem::file_size(file) == file_size);
  CHECK(std::filesystem::file_size(log) == log_size);
}

TEST_CASE("reading never writes to the database", "[storage][checkpoint]") {
  item_database t{options([](auto& o) { o.readers = 4; })};
  write_rows(t, 0, 10);
  const auto before = t.vfs.count(io_call::write);

  for (int i = 0; i < 20; ++i) {
    auto lease = look(t, "a read");
    REQUIRE(lease->all<std::string>("SELECT value FROM item"));
  }

  CHECK(t.vfs.count(io_call::write) == before);
}

TEST_CASE("without readers the log stays near the size at which it is copied back",
          "[storage][checkpoint]") {
  item_database t{short_log()};
  std::uint64_t longest = 0;

  for (row_id key = 0; key < 400; ++key) {
    write_rows(t, key, 1);
    longest = std::max(longest, t.db.stats().wal_pages);
  }

  CHECK(longest < 100);
  CHECK(log_bytes(t) < 100 * (page_bytes + 24) + 32);
}

TEST_CASE(
  "a reader that is stuck lets the log grow and is named, and the log shrinks once it is gone",
  "[storage][checkpoint]") {
  item_database t{short_log()};
  write_rows(t, 0, 5);
  {
    auto stuck = look(t, "the stuck one");
    row_id key = 5;
    while (t.db.stats().wal_pages < 3 * budget_pages)
      write_rows(t, key++, 1); // writing goes on

    CHECK(t.db.stats().pinned_by == "the stuck one");
    REQUIRE(t.db.stats().readers.size() == 1);
    CHECK(t.db.stats().readers.front().owner == "the stuck one");
    CHECK(stuck->one<row_id>("SELECT count(*) FROM item").value() == 5);
  }
  write_rows(t, 100'000, 60);
  CHECK(t.db.stats().wal_pages < budget_pages);
  CHECK(t.db.stats().pinned_by.empty());
}

TEST_CASE("a foreign reader that is stuck lets the log grow and is said to be one",
          "[storage][checkpoint]") {
  std::mutex mutex;
  std::string log;
  runtime_options how;
  how.log = [&](severity, std::string_view, std::string_view text) {
    const std::lock_guard lock{mutex};
    log += std::string{text} + '\n';
  };
  auto rt = runtime::open(how).value();
  item_database t{short_log(), {}, &rt};
  write_rows(t, 0, 5);
  sqlite3* foreign = nullptr;
  REQUIRE(sqlite3_open_v2(t.file().c_str(), &foreign, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_exec(foreign, "BEGIN; SELECT count(*) FROM item", nullptr, nullptr, nullptr)
          == SQLITE_OK);

  row_id key = 5;
  while (t.db.stats().wal_pages < 3 * budget_pages)
    write_rows(t, key++, 1); // writing goes on
  CHECK(t.db.stats().log_resets == 0);
  {
    const std::lock_guard lock{mutex};
    CHECK(mentions(log, "over its budget, kept by another process"));
  }

  REQUIRE(sqlite3_close(foreign) == SQLITE_OK);
  while (t.db.stats().wal_pages > 10)
    write_rows(t, key++, 1);
  CHECK(t.db.stats().log_resets > 0);
}

TEST_CASE("a log that was far over its budget once is held to it again", "[storage][checkpoint]") {
  std::mutex mutex;
  std::string log;
  runtime_options how;
  how.log = [&](severity, std::string_view, std::string_view text) {
    const std::lock_guard lock{mutex};
    log += std::string{text} + '\n';
  };
  auto rt = runtime::open(how).value();
  item_database t{short_log(), {}, &rt};
  row_id key = 0;
  auto grow_behind = [&](std::string_view owner, std::uint64_t pages) {
    auto stuck = look(t, owner);
    while (t.db.stats().wal_pages < pages)
      write_rows(t, key++, 1);
    const std::lock_guard lock{mutex};
    return mentions(log, "over its budget, kept by " + std::string{owner});
  };
  write_rows(t, key++, 1);
  CHECK(grow_behind("the first", 3 * budget_pages));
  while (t.db.stats().wal_pages > 10)
    write_rows(t, key++, 1);

  CHECK(grow_behind("the second", budget_pages + 60));
}

TEST_CASE("short reads that always overlap do not let the log grow over its budget",
          "[storage][checkpoint][concurrency]") {
  auto how = short_log();
  how.reader_patience = 20s; // even on a machine that is busy with other things
  item_database t{how};
  std::uint64_t longest = 0;
  overlapping_readers readers{t};

  for (row_id key = 0; key < 1500; ++key) {
    write_rows(t, key, 1);
    longest = std::max(longest, t.db.stats().wal_pages);
  }

  CHECK(readers.stop() == 0);
  CHECK(readers.begun() > 0);
  CHECK(t.db.stats().log_resets > 0);
  CHECK(longest < budget_pages + 50);
  CHECK(log_bytes(t) < 2 * budget_bytes);
  CHECK(t.keys().size() == 1500);
}

TEST_CASE("a closed database leaves no log behind", "[storage][checkpoint]") {
  item_database t;
  write_rows(t, 0, 10);

  REQUIRE(t.db.close(default_deadline));

  CHECK_FALSE(std::filesystem::exists(t.file().string() + "-wal"));
  CHECK(sqlite_probe{t.file()}.count("item") == 10);
}
