// Backups that cannot be completed: what stops them, and that they leave nothing behind.

#include "copy_fixture.hpp"
#include "support/child_process.hpp"
#include "support/fault_vfs.hpp"

#include <signal.h>

#include <cstdlib>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::backup_options;
using storage::copy_check;
using storage::database;

namespace {

constexpr const char* variable = "CORTEX_TEST_BACKUP_FOLDER";

} // namespace

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
