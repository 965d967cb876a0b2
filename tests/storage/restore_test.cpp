// Putting a backup in the place of a database, and dying on the way there.

#include "cortex/storage/new_file.hpp"

#include "copy_fixture.hpp"
#include "support/child_process.hpp"
#include "support/fault_vfs.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <optional>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;
using storage::restore;
using storage::restore_options;
using storage::detail::replace_step;

namespace {

constexpr const char* folder_variable = "CORTEX_TEST_RESTORE_FOLDER";
constexpr const char* step_variable = "CORTEX_TEST_RESTORE_STEP";

constexpr std::int64_t in_file = 100; // rows of the old file
constexpr std::int64_t in_log = 50;   // further ones that are in its log only

/// A backup with 30 rows, and a database with others, as a process left it that was killed: its
/// newest rows are in the log only.
struct two_files {
  two_files() {
    {
      scratch_database from;
      fill(from.db, 1, 30, "new");
      REQUIRE(from.db.backup(backup));
    }
    sqlite_probe old{target, sqlite_probe::access::create};
    sqlite3_db_config(old.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    old.execute("PRAGMA journal_mode=WAL; CREATE TABLE item(key INTEGER PRIMARY KEY, value)");
    auto insert = [&](std::int64_t first, std::int64_t last) {
      old.execute("WITH RECURSIVE n(x) AS (SELECT " + std::to_string(first)
                  + " UNION ALL SELECT x + 1 FROM n WHERE x < " + std::to_string(last)
                  + ") INSERT INTO item SELECT x, 'old' || x || printf('%.1000c', '.') FROM n");
    };
    insert(1, in_file);
    old.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    insert(in_file + 1, in_file + in_log);
  }

  std::set<std::string> names() const { return names_in(dir.path()); }

  temp_dir dir;
  std::string backup = (dir / "backup.db").string();
  std::string target = (dir / "test.db").string();
};

bool is_new(const rows& all) {
  return all.size() == 30 && all.at(1).starts_with("new1.");
}

bool is_old(const rows& all) {
  return all.size() == in_file + in_log && all.at(1).starts_with("old1.");
}

} // namespace

TEST_CASE("what was backed up is there again after a restore, and nothing else",
          "[storage][backup][restore]") {
  scratch_database t;
  fill(t.db, 1, 100);
  temp_dir copies;
  const auto copy = (copies / "copy.db").string();
  REQUIRE(t.db.backup(copy));
  fill(t.db, 101, 200);
  REQUIRE(execute(t.db, "UPDATE item SET value = 'changed'"));
  REQUIRE(t.db.close(30s));
  const auto wanted = rows_of(copy);

  auto report = restore(copy, t.path);

  REQUIRE(report);
  CHECK(report->replaced);
  CHECK(report->bytes == std::filesystem::file_size(copy));
  CHECK(rows_of(t.path) == wanted);
  CHECK(names_in(copies.path()) == std::set<std::string>{"copy.db"});
  auto again = database::open(t.path, with_items());
  REQUIRE(again);
  CHECK(count_of(*again, "item") == 100);
  CHECK(execute(*again, "INSERT INTO item VALUES(1000, 'x')"));
}

TEST_CASE("a restore to where nothing is makes a file of the owner's",
          "[storage][backup][restore]") {
  two_files t;
  const auto fresh = (t.dir / "fresh.db").string();
  // A log without its file, which would be read into the new one.
  std::filesystem::copy_file(t.target + "-wal", fresh + "-wal");

  auto report = restore(t.backup, fresh);

  REQUIRE(report);
  CHECK_FALSE(report->replaced);
  struct stat about {};
  REQUIRE(::stat(fresh.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777U) == 0600U);
  CHECK_FALSE(exists(fresh + "-wal"));
  CHECK(is_new(rows_of(fresh)));
}

TEST_CASE("a restore can keep the old file, with all that was in its log",
          "[storage][backup][restore]") {
  two_files t;
  const auto kept = (t.dir / "kept.db").string();

  REQUIRE(restore(t.backup, t.target, {.keep_old = kept}));

  CHECK(is_new(rows_of(t.target)));
  CHECK(is_old(rows_of(kept)));
  CHECK(t.names() == std::set<std::string>{"backup.db", "kept.db", "test.db", "test.db.lock"});
}

TEST_CASE("a restore refuses a source that is none, damaged or newer, and leaves the target alone",
          "[storage][backup][restore][errors]") {
  two_files t;
  restore_options how;
  auto source = t.backup;
  errc wanted{};
  std::optional<database> opened;

  SECTION("missing") {
    source = (t.dir / "none.db").string();
    wanted = errc::not_found;
  }
  SECTION("no database") {
    std::ofstream{t.backup} << std::string(10'000, 'x');
    wanted = errc::corrupt;
  }
  SECTION("damaged") {
    damage_page(t.backup, 5);
    wanted = errc::corrupt;
  }
  SECTION("cut short") {
    std::filesystem::resize_file(t.backup, std::filesystem::file_size(t.backup) / 2);
    wanted = errc::corrupt;
  }
  SECTION("newer than the program") {
    sqlite_probe{t.backup, sqlite_probe::access::read_write}.execute(
      "CREATE TABLE cortex_schema(component, version, name, applied_at); "
      "INSERT INTO cortex_schema VALUES('main', 7, 'later', 0)");
    how.schema = with_items().schema;
    wanted = errc::newer_format;
  }
  SECTION("the target itself") {
    std::filesystem::create_symlink(t.target, t.dir / "link.db");
    source = (t.dir / "link.db").string();
    wanted = errc::invalid_argument;
  }
  SECTION("open in this process") {
    source = (t.dir / "open.db").string();
    opened = database::open(source, with_items()).value();
    wanted = errc::in_use;
  }
  SECTION("told to stop") {
    std::stop_source stop;
    stop.request_stop();
    how.stop = stop.get_token();
    wanted = errc::cancelled;
  }
  SECTION("a name to keep that is taken") {
    std::ofstream{t.dir / "kept.db"} << "somebody's";
    how.keep_old = (t.dir / "kept.db").string();
    wanted = errc::already_exists;
  }
  const auto before = t.names();

  auto report = restore(source, t.target, how);

  REQUIRE_FALSE(report);
  CHECK(report.error().code == wanted);
  CHECK(t.names() == before);
  CHECK(is_old(rows_of(t.target)));
}

TEST_CASE("a restore refuses a target that somebody has open",
          "[storage][backup][restore][errors]") {
  two_files t;

  SECTION("this process") {
    auto db = database::open(t.target).value();
    CHECK(code_of(restore(t.backup, t.target)) == errc::in_use);
    auto held = db.lease();
    REQUIRE(held);
    static_cast<void>(db.close(1ms)); // the lease is out
    CHECK(code_of(restore(t.backup, t.target)) == errc::in_use);
  }
  SECTION("a program that does not know the lock") {
    sqlite_probe other{t.target};
    REQUIRE(other.count("item") == in_file + in_log);
    CHECK(code_of(restore(t.backup, t.target)) == errc::in_use);
  }
  CHECK_FALSE(exists(t.target + ".partial"));
  CHECK(is_old(rows_of(t.target)));
  CHECK(restore(t.backup, t.target));
  CHECK(is_new(rows_of(t.target)));
}

TEST_CASE("(a restore that dies, for another test)", "[.restore_test_dies]") {
  const char* folder = std::getenv(folder_variable);
  const char* at = std::getenv(step_variable);
  if (folder == nullptr || at == nullptr)
    CORTEX_SKIP("it runs as a child of another test");
  const std::filesystem::path dir{folder};
  auto file = storage::detail::new_file::make((dir / "test.db").string());
  REQUIRE(file);
  std::filesystem::copy_file(dir / "backup.db", file->path(),
                             std::filesystem::copy_options::overwrite_existing);
  REQUIRE(file->flush());
  static_cast<void>(storage::detail::replace_database(
    *file, {(dir / "kept.db").string(), {}, [&](replace_step step) {
              if (std::to_string(static_cast<int>(step)) == at)
                ::raise(SIGKILL);
            }}));
}

TEST_CASE(
  "a restore that is killed at any step leaves the whole old database, or the whole new one",
  "[storage][backup][restore][recovery]") {
  two_files t;
  const auto step = GENERATE(replace_step::locked, replace_step::folded, replace_step::kept,
                             replace_step::log_removed, replace_step::renamed);
  CAPTURE(static_cast<int>(step));

  child_process killed{{"/proc/self/exe", "[.restore_test_dies]"},
                       {std::string{folder_variable} + "=" + t.dir.path().string(),
                        std::string{step_variable} + "=" + std::to_string(static_cast<int>(step))}};
  const auto end = killed.wait();
  REQUIRE(end);
  REQUIRE(end->signal == SIGKILL);

  CHECK(exists(t.target + ".partial") == (step != replace_step::renamed));
  CHECK((step == replace_step::renamed ? is_new : is_old)(rows_of(t.target)));
  // Once more, to the end.
  const bool kept_before = exists((t.dir / "kept.db").string());
  if (step == replace_step::renamed)
    return;
  CHECK(restore(t.backup, t.target, {.keep_old = (t.dir / "kept.db").string()}));
  CHECK(kept_before == (step >= replace_step::kept));
  CHECK(is_new(rows_of(t.target)));
  CHECK(is_old(rows_of(t.dir / "kept.db")));
  CHECK_FALSE(exists(t.target + ".partial"));
}

TEST_CASE("a file that SQLite cannot read is replaced, and its log does not get into the new one",
          "[storage][backup][restore]") {
  two_files t;
  std::ofstream{t.target, std::ios::in | std::ios::out} << std::string(4096, 'x');
  const auto kept = (t.dir / "kept.db").string();

  REQUIRE(restore(t.backup, t.target, {.keep_old = kept}));

  CHECK(is_new(rows_of(t.target)));
  CHECK_FALSE(exists(t.target + "-wal"));
  CHECK(exists(kept));
}

TEST_CASE("wherever the disk fails a restore leaves the whole old database, or the whole new one",
          "[storage][backup][restore][faults]") {
  const auto call = GENERATE(io_call::open, io_call::read, io_call::write, io_call::sync,
                             io_call::truncate, io_call::remove);
  const int code = call == io_call::write ? SQLITE_FULL : SQLITE_IOERR;
  fault_vfs vfs;
  bool fired = true;
  std::uint64_t failed = 0;

  for (std::uint64_t nth = 1; fired; ++nth) {
    two_files t;
    const auto before = vfs.injected();
    vfs.fail_once(call, any_role, code, nth);
    auto report = restore(t.backup, t.target, {.vfs = vfs.name()});
    fired = vfs.injected() != before;
    vfs.clear();
    CAPTURE(static_cast<int>(call), nth);
    CHECK((report ? is_new : is_old)(rows_of(t.target)));
    CHECK_FALSE(exists(t.target + ".partial"));
    failed += report ? 0 : 1;
  }

  if (call == io_call::write || call == io_call::sync || call == io_call::open)
    CHECK(failed > 0);
}
