// Copies of a database in use: what they show, what stands in their way, what they leave behind.

#include "copy_fixture.hpp"
#include "support/child_process.hpp"
#include "support/fault_vfs.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::backup_options;
using storage::copy_check;
using storage::database;

namespace {

constexpr const char* variable = "CORTEX_TEST_BACKUP_FOLDER";

backup_options page_by_page() {
  backup_options out;
  out.pages_per_step = 1;
  return out;
}

/// A database of about 30 pages beside an empty folder for copies.
struct source_database : scratch_database {
  explicit source_database(const storage::database_options& how = with_items())
    : scratch_database{how} {
    fill(db, 1, 100);
  }

  bool left_nothing() const { return names_in(copies.path()).empty(); }

  temp_dir copies;
  std::string target = (copies / "copy.db").string();
};

} // namespace

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

TEST_CASE("a backup that is told to stop ends at its next step and leaves nothing",
          "[storage][backup][errors]") {
  source_database t;
  const auto last = GENERATE(std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{20});
  std::stop_source stop;
  std::uint64_t steps = 0;
  auto how = page_by_page();
  how.stop = stop.get_token();
  how.progress = [&](std::uint64_t done, std::uint64_t) {
    steps = done;
    if (done == last)
      stop.request_stop();
  };

  CHECK(code_of(t.db.backup(t.target, how)) == errc::cancelled);

  CHECK(steps == last);
  CHECK(t.left_nothing());
  CHECK(t.db.stats().readers.empty());
}

TEST_CASE("a backup whose time is up leaves nothing", "[storage][backup][errors]") {
  manual_monotonic_clock clock;
  runtime_options on;
  on.monotonic = &clock;
  auto rt = runtime::open(on).value();
  temp_dir dir;
  auto db = database::open(rt, (dir / "test.db").string(), with_items()).value();
  fill(db, 1, 100);
  auto how = page_by_page();
  how.deadline = 1h;
  how.progress = [&](std::uint64_t, std::uint64_t) { clock.advance(20min); };
  temp_dir copies;

  auto report = db.backup((copies / "copy.db").string(), how);

  REQUIRE_FALSE(report);
  CHECK(report.error().code == errc::timeout);
  CHECK(report.error().where == stage::handler);
  CHECK(names_in(copies.path()).empty());
}

TEST_CASE("a progress function that throws ends the backup as internal and leaves nothing",
          "[storage][backup][errors]") {
  source_database t;
  backup_options how;
  how.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error{"no screen"}; };

  auto report = t.db.backup(t.target, how);

  REQUIRE_FALSE(report);
  CHECK(report.error().code == errc::internal);
  CHECK(has(report.error().detail, "no screen"));
  CHECK(t.left_nothing());
}

TEST_CASE("closing a database ends its backup, which leaves nothing",
          "[storage][backup][concurrency]") {
  source_database t;
  testing::signal inside;
  auto how = page_by_page();
  how.progress = [&](std::uint64_t, std::uint64_t) {
    inside.set();
    static_cast<void>(eventually([&] { return code_of(t.db.lease()) == errc::closed; }));
  };
  auto report = t.db.backup_async(t.target, how);
  REQUIRE(inside.wait());

  CHECK(t.db.close(30s));

  CHECK(code_of(report.get()) == errc::closed);
  CHECK(t.left_nothing());
  CHECK(code_of(t.db.backup(t.target)) == errc::closed);
  CHECK(code_of(t.db.backup_async(t.target).get()) == errc::closed);
}

TEST_CASE("wherever the disk fails a backup is a typed error that leaves nothing, or complete",
          "[storage][backup][faults]") {
  fault_vfs vfs;
  auto options = with_items();
  options.vfs = vfs.name();
  source_database t{options};
  const auto call = GENERATE(io_call::open, io_call::read, io_call::write, io_call::sync,
                             io_call::truncate, io_call::remove);
  const int code = call == io_call::write ? SQLITE_FULL : SQLITE_IOERR;
  std::uint64_t failed = 0;
  std::uint64_t nth = 0;
  bool fired = true;
  backup_options how;
  how.overwrite = true;

  while (fired) {
    const auto before = vfs.injected();
    vfs.fail_once(call, any_role, code, ++nth);
    auto report = t.db.backup(t.target, how);
    fired = vfs.injected() != before;
    vfs.clear();
    CAPTURE(static_cast<int>(call), nth);
    if (report) {
      CHECK(rows_of(t.target).size() == 100);
      std::filesystem::remove(t.target);
    } else {
      ++failed;
      const auto kind = report.error().code;
      // To the check of the copy a page that cannot be read is a finding.
      CHECK((kind == (call == io_call::write ? errc::no_space : errc::io)
             || (call == io_call::read && kind == errc::corrupt)));
    }
    REQUIRE(t.left_nothing());
  }

  if (call == io_call::write || call == io_call::sync || call == io_call::open)
    CHECK(failed > 0);
  CHECK(t.db.backup(t.target));
}

TEST_CASE("a backup for which there is no room is no_space and leaves nothing",
          "[storage][backup][faults]") {
  fault_vfs vfs;
  auto options = with_items();
  options.vfs = vfs.name();
  source_database t{options};

  vfs.disk_full_after(50'000);

  CHECK(code_of(t.db.backup(t.target)) == errc::no_space);
  CHECK(t.left_nothing());
  vfs.clear();
  CHECK(t.db.backup(t.target));
}

TEST_CASE("(a backup that is killed, for another test)", "[.backup_test_killed]") {
  const char* folder = std::getenv(variable);
  if (folder == nullptr)
    CORTEX_SKIP("it runs as a child of another test");
  scratch_database t;
  fill(t.db, 1, 100);
  auto how = page_by_page();
  how.progress = [](std::uint64_t done, std::uint64_t) {
    if (done == 10)
      ::raise(SIGKILL);
  };
  static_cast<void>(t.db.backup(std::string{folder} + "/copy.db", how));
}

TEST_CASE("a backup that is killed leaves no file of its name, and the next one tidies up",
          "[storage][backup][recovery]") {
  source_database t;
  child_process killed{{"/proc/self/exe", "[.backup_test_killed]"},
                       {std::string{variable} + "=" + t.copies.path().string()}};
  const auto end = killed.wait();
  REQUIRE(end);
  REQUIRE(end->signal == SIGKILL);
  CHECK(names_in(t.copies.path()) == std::set<std::string>{"copy.db.partial"});

  CHECK(t.db.backup(t.target));

  CHECK(names_in(t.copies.path()) == std::set<std::string>{"copy.db"});
  CHECK(rows_of(t.target).size() == 100);
}

TEST_CASE("a copy that is damaged is not let pass for a backup", "[storage][backup][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  {
    auto db = database::open(path, with_items()).value();
    fill(db, 1, 100);
    REQUIRE(db.close(30s));
  }
  damage_page(path, 9);
  auto db = database::open(path, with_items()).value();
  temp_dir copies;
  const auto target = (copies / "copy.db").string();

  CHECK(code_of(db.backup(target)) == errc::corrupt);
  CHECK(code_of(db.backup(target, {.check = copy_check::full})) == errc::corrupt);
  CHECK(names_in(copies.path()).empty());
  CHECK(db.backup(target, {.check = copy_check::none})); // what can be saved
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
