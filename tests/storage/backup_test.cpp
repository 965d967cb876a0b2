// Copies of a database in use: what they show, who may make them, what goes on beside them.

#include "copy_fixture.hpp"

#include <sys/stat.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::backup_options;
using storage::database;

TEST_CASE("a backup shows every write up to its commit and none after it, while 64 threads write",
          "[storage][backup][concurrency]") {
  constexpr std::size_t writers = 64;
  constexpr int slow_backups = 3;
  constexpr int backups = 40; // the others are quick: commits race with the moment they show
  source_database t;
  std::atomic<bool> enough{false};
  std::atomic<int> failures{0};
  std::mutex mutex;
  std::map<std::int64_t, std::uint64_t> acknowledged; // guarded by mutex; key to commit
  std::vector<expected<storage::backup_report>> reports;

  run_threads(writers + 1, [&](std::size_t index) {
    if (index == writers) {
      for (int i = 0; i < backups; ++i) {
        auto how = i < slow_backups ? page_by_page() : backup_options{};
        const auto before = t.db.commit_number();
        how.progress = [&](std::uint64_t done, std::uint64_t) { // others commit at each step
          const auto further = i < slow_backups ? done : 2;
          static_cast<void>(eventually([&] { return t.db.commit_number() >= before + further; }));
        };
        reports.push_back(t.db.backup(t.target + std::to_string(i), how));
      }
      enough = true;
      return;
    }
    auto db = t.db;
    for (auto key = static_cast<std::int64_t>(1000 + index); !enough; key += writers) {
      auto done = execute(db, "INSERT INTO item VALUES(?, ?)", key, std::to_string(key));
      const std::lock_guard guard{mutex};
      if (done)
        acknowledged[key] = done->commit;
      else
        ++failures;
    }
  });

  CHECK(failures == 0);
  for (int i = 0; i < backups; ++i) {
    const auto& report = reports.at(static_cast<std::size_t>(i));
    REQUIRE(report);
    rows wanted;
    std::size_t later = 0;
    for (const auto& [key, commit] : acknowledged)
      if (commit <= report->commit)
        wanted.emplace(key, std::to_string(key));
      else
        ++later;
    auto shown = rows_of(t.target + std::to_string(i));
    shown.erase(shown.begin(), shown.lower_bound(1000));
    CHECK(shown == wanted);
    CHECK((later > 0 || i >= slow_backups));
  }
}

TEST_CASE("a backup goes on where it was, whatever is committed between its steps",
          "[storage][backup]") {
  source_database t;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  auto how = page_by_page();
  how.progress = [&](std::uint64_t done, std::uint64_t total) {
    told.emplace_back(done, total);
    static_cast<void>(execute(t.db, "UPDATE item SET value = 'new'"));
  };

  auto report = t.db.backup(t.target, how);

  REQUIRE(report);
  CHECK(report->pages >= 25);
  CHECK(report->bytes == report->pages * 4096);
  REQUIRE(told.size() == report->pages);
  for (std::uint64_t step = 0; step < told.size(); ++step)
    CHECK(told[step] == std::pair{step + 1, report->pages});
  CHECK(report->commit + told.size() == t.db.commit_number());
  CHECK(rows_of(t.target).at(1).starts_with("v1."));
}

TEST_CASE("a backup is one plain file of the owner's that opens everywhere", "[storage][backup]") {
  source_database t;

  REQUIRE(t.db.backup(t.target));

  CHECK(names_in(t.copies.path()) == std::set<std::string>{"copy.db"});
  struct stat about {};
  REQUIRE(::stat(t.target.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777U) == 0600U);
  {
    sqlite_probe probe{t.target};
    CHECK(probe.text("PRAGMA journal_mode") == "delete");
    CHECK(probe.integrity_check() == "ok");
  }
  auto copy = database::open(t.target, with_items());
  REQUIRE(copy);
  CHECK(count_of(*copy, "item") == 100);
  CHECK(execute(*copy, "INSERT INTO item VALUES(1000, 'x')"));
}

TEST_CASE("until a backup is complete nothing has its name", "[storage][backup]") {
  source_database t;
  bool named = false;
  auto how = page_by_page();
  how.progress = [&](std::uint64_t, std::uint64_t) { named = named || exists(t.target); };

  REQUIRE(t.db.backup(t.target, how));

  CHECK_FALSE(named);
  CHECK(exists(t.target));
}

TEST_CASE("a backup refuses a target that is missing a folder, taken or in use",
          "[storage][backup][errors]") {
  source_database t;
  backup_options over;
  over.overwrite = true;

  SECTION("no folder") {
    CHECK(code_of(t.db.backup((t.copies / "none/copy.db").string())) == errc::not_found);
  }
  SECTION("a folder, or a name that no database can have") {
    CHECK(code_of(t.db.backup(t.copies.path().string(), over)) == errc::invalid_argument);
    CHECK(code_of(t.db.backup("")) == errc::invalid_argument);
    CHECK(code_of(t.db.backup(t.target + "-wal")) == errc::invalid_argument);
  }
  SECTION("a file, unless it may be overwritten") {
    REQUIRE(t.db.backup(t.target));
    REQUIRE(execute(t.db, "DELETE FROM item WHERE key > 1"));
    CHECK(code_of(t.db.backup(t.target)) == errc::already_exists);
    CHECK(rows_of(t.target).size() == 100);
    CHECK(t.db.backup(t.target, over));
    CHECK(rows_of(t.target).size() == 1);
    return;
  }
  SECTION("itself, also by link") {
    CHECK(code_of(t.db.backup(t.path, over)) == errc::in_use);
    std::filesystem::create_symlink(t.path, t.copies / "soft.db");
    CHECK(code_of(t.db.backup((t.copies / "soft.db").string(), over)) == errc::in_use);
    std::filesystem::create_hard_link(t.path, t.copies / "hard.db");
    CHECK(code_of(t.db.backup((t.copies / "hard.db").string(), over)) == errc::in_use);
    CHECK(count_of(t.db, "item") == 100);
    return;
  }
  SECTION("another database that is open") {
    scratch_database other;
    CHECK(code_of(t.db.backup(other.path, over)) == errc::in_use);
    CHECK(count_of(other.db, "item") == 0);
  }
  SECTION("a place with a log, which would be read into the copy") {
    std::ofstream{t.target + "-wal"} << "a log";
    CHECK(code_of(t.db.backup(t.target)) == errc::in_use);
    CHECK(names_in(t.copies.path()) == std::set<std::string>{"copy.db-wal"});
    return;
  }
  SECTION("the copy that another backup is writing") {
    auto how = page_by_page();
    std::optional<errc> second;
    how.progress = [&](std::uint64_t, std::uint64_t) {
      if (!second)
        second = code_of(t.db.backup(t.target));
    };
    CHECK(t.db.backup(t.target, how));
    CHECK(second == errc::in_use);
    return;
  }
  SECTION("options out of range") {
    CHECK(code_of(t.db.backup(t.target, {.pages_per_step = 0})) == errc::invalid_argument);
    CHECK(code_of(t.db.backup(t.target, {.pause = -1ns})) == errc::invalid_argument);
    CHECK(code_of(t.db.backup(t.target, {.deadline = -1ns})) == errc::invalid_argument);
  }
  CHECK(t.left_nothing());
}

TEST_CASE("queued backups run on a thread of the database's own, one after the other",
          "[storage][backup][concurrency]") {
  source_database t;
  std::atomic<int> inside{0};
  std::atomic<bool> together{false};
  std::atomic<bool> here{false};
  const auto caller = std::this_thread::get_id();
  auto how = page_by_page();
  how.progress = [&](std::uint64_t, std::uint64_t) {
    together = together || ++inside > 1;
    here = here || std::this_thread::get_id() == caller;
    std::this_thread::yield();
    --inside;
  };

  std::vector<future<storage::backup_report>> all;
  for (int i = 0; i < 3; ++i)
    all.push_back(t.db.backup_async(t.target + std::to_string(i), how));

  for (auto& each : all)
    CHECK(each.get());
  CHECK_FALSE(together);
  CHECK_FALSE(here);
  CHECK(names_in(t.copies.path()).size() == 3);
}

TEST_CASE("on a deterministic runtime a queued backup waits until it is told to run",
          "[storage][backup][deterministic]") {
  runtime_options on;
  on.deterministic = true;
  auto rt = runtime::open(on).value();
  temp_dir dir;
  auto db = database::open(rt, (dir / "test.db").string(), with_items()).value();
  const auto target = (dir / "copy.db").string();

  auto report = db.backup_async(target);

  CHECK_FALSE(exists(target));
  CHECK(report.get());
  CHECK(exists(target));
}

TEST_CASE(
  "a memory database is backed up too, a write from within would wait for ever, and is refused",
  "[storage][backup][memory]") {
  auto db = database::open(":memory:", with_items()).value();
  fill(db, 1, 100);
  temp_dir copies;
  const auto target = (copies / "copy.db").string();
  std::optional<errc> inside;
  backup_options how;
  how.progress
    = [&](std::uint64_t, std::uint64_t) { inside = code_of(execute(db, "DELETE FROM item")); };

  auto report = db.backup(target, how);

  REQUIRE(report);
  CHECK(report->commit == db.commit_number());
  CHECK(inside == errc::would_deadlock);
  CHECK(rows_of(target).size() == 100);
  CHECK(execute(db, "DELETE FROM item"));
}

TEST_CASE("a database that is open read-only can be backed up", "[storage][backup]") {
  source_database t;
  REQUIRE(t.db.close(30s));
  auto db = database::open(t.path, read_only()).value();

  auto report = db.backup(t.target);

  REQUIRE(report);
  CHECK(report->commit == 0);
  CHECK(rows_of(t.target).size() == 100);
}

TEST_CASE("a backup blocks, so it is refused where that is forbidden",
          "[storage][backup][errors]") {
  source_database t;
  std::optional<errc> inside;

  REQUIRE(t.db.write([&](storage::transaction&) { inside = code_of(t.db.backup(t.target)); }));

  CHECK(inside == errc::would_deadlock);
  CHECK(t.left_nothing());
}

TEST_CASE("a backup that keeps the log from being emptied is named, and the log shrinks after it",
          "[storage][backup]") {
  auto options = with_items();
  options.wal_budget_bytes = std::size_t{1} << 20U;
  options.checkpoint_pages = 100;
  options.reader_patience = 1ms;
  source_database t{options};
  std::string pinned_by;
  std::uint64_t pages = 0;
  auto how = page_by_page();
  how.progress = [&](std::uint64_t done, std::uint64_t) {
    fill(t.db, static_cast<std::int64_t>(1000 * done), static_cast<std::int64_t>(1000 * done + 99));
    pages = t.db.stats().wal_pages;
    pinned_by = t.db.stats().pinned_by;
  };

  REQUIRE(t.db.backup(t.target, how));

  CHECK(pinned_by == "backup");
  CHECK(pages > 256); // over the budget
  for (std::int64_t first = 1'000'000; first < 1'001'000; first += 100)
    fill(t.db, first, first + 99);
  CHECK(t.db.stats().wal_pages < 256);
  CHECK(rows_of(t.target).size() == 100);
}
