// A database that no other process can open.

#include "copy_fixture.hpp"
#include "support/child_process.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;

namespace {

constexpr const char* variable = "CORTEX_TEST_EXCLUSIVE_FILE";

storage::database_options exclusive() {
  auto out = with_items();
  out.exclusive = true;
  out.busy_timeout = 0ms;
  return out;
}

child_process start(const std::string& test, const std::string& path) {
  return child_process{{"/proc/self/exe", test}, {std::string{variable} + "=" + path}};
}

} // namespace

TEST_CASE("(one who wants in, for another test)", "[.exclusive_test_intruder]") {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    CORTEX_SKIP("it runs as a child of another test");
  auto reader = read_only();
  reader.busy_timeout = 0ms;
  std::cout << "reader " << code_of(database::open(path, reader)) << std::endl;
  std::cout << "writer " << code_of(database::open(path, with_items())) << std::endl;
  try {
    std::cout << "plain " << sqlite_probe{path}.count("item") << std::endl;
  } catch (const std::runtime_error& refused) {
    std::cout << "plain " << refused.what() << std::endl;
  }
}

TEST_CASE("(a reader that stays, for another test)", "[.exclusive_test_viewer]") {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    CORTEX_SKIP("it runs as a child of another test");
  auto db = database::open(path, read_only());
  REQUIRE(db);
  std::cout << "seen " << count_of(*db, "item") << std::endl;
  ::pause(); // until it is killed
}

TEST_CASE("(a writer to be killed, for another test)", "[.exclusive_test_writer]") {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    CORTEX_SKIP("it runs as a child of another test");
  auto db = database::open(path, exclusive());
  REQUIRE(db);
  for (std::int64_t key = 1; key <= 500; ++key)
    REQUIRE(execute(*db, "INSERT INTO item VALUES(?, 'x')", key));
  std::cout << "written" << std::endl;
  ::pause();
}

TEST_CASE("an exclusive database keeps all other processes out until it is closed",
          "[storage][exclusive][process]") {
  scratch_database t{exclusive()};
  fill(t.db, 1, 10);

  auto intruder = start("[.exclusive_test_intruder]", t.path);

  REQUIRE(intruder.wait());
  CAPTURE(intruder.output());
  CHECK(has(intruder.output(), "reader in_use\n"));
  CHECK(has(intruder.output(), "writer in_use\n"));
  CHECK(has(intruder.output(), "database is locked"));
  REQUIRE(t.db.close(30s));
  auto guest = start("[.exclusive_test_viewer]", t.path);
  CHECK(guest.wait_for_output("seen 10\n"));
}

TEST_CASE("a file that another process reads cannot be opened exclusively",
          "[storage][exclusive][process][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  fill(database::open(path, with_items()).value(), 1, 10);
  auto viewer = start("[.exclusive_test_viewer]", path);
  REQUIRE(viewer.wait_for_output("seen 10\n"));

  CHECK(code_of(database::open(path, exclusive())) == errc::in_use);

  viewer.kill();
  REQUIRE(viewer.wait());
  CHECK(database::open(path, exclusive()));
}

TEST_CASE("an exclusive database is written, read, checkpointed and backed up as any other",
          "[storage][exclusive][concurrency]") {
  auto options = exclusive();
  options.checkpoint_pages = 20;
  scratch_database t{options};
  const auto copy = (t.dir / "copy.db").string();
  std::atomic<int> failures{0};

  run_threads(8, [&](std::size_t index) {
    for (std::int64_t i = 0; i < 100; ++i) {
      const auto key = static_cast<std::int64_t>(index) * 1000 + i;
      const auto done = execute(t.db, "INSERT INTO item VALUES(?, 'x')", key);
      const auto found = value_of<std::string>(t.db, "SELECT value FROM item WHERE key = ?", key);
      if (!done || !found || *found != "x")
        ++failures;
    }
  });

  CHECK(failures == 0);
  CHECK_FALSE(exists(t.path + "-shm")); // the index of the log is in memory
  CHECK(t.db.stats().log_resets > 0);
  REQUIRE(t.db.backup(copy));
  CHECK(rows_of(copy).size() == 800);
  REQUIRE(t.db.close(30s));
  CHECK(rows_of(t.path).size() == 800);
}

TEST_CASE("kill -9 takes no acknowledged row of an exclusive database",
          "[storage][exclusive][recovery]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto writer = start("[.exclusive_test_writer]", path);
  REQUIRE(writer.wait_for_output("written\n"));

  writer.kill();
  REQUIRE(writer.wait());

  const bool again_exclusive = GENERATE(true, false);
  auto db = database::open(path, again_exclusive ? exclusive() : with_items());
  REQUIRE(db);
  CHECK(count_of(*db, "item") == 500);
}

TEST_CASE(
  "exclusive goes with no VFS of one's own and no read-only access, and is the same for all",
  "[storage][exclusive][options][errors]") {
  auto with_vfs = exclusive();
  with_vfs.vfs = "unix";
  auto reading = exclusive();
  reading.access = storage::access::read_only;
  scratch_database t{exclusive()};

  CHECK(code_of(storage::validate(with_vfs)) == errc::invalid_argument);
  CHECK(code_of(storage::validate(reading)) == errc::invalid_argument);
  CHECK(storage::validate(exclusive()));
  auto other = exclusive();
  other.exclusive = false;
  auto refused = database::open(t.path, other);
  REQUIRE(code_of(refused) == errc::invalid_argument);
  CHECK(has(refused.error().detail, "exclusive"));
}
