// More than one process on a file: the writer's lock, readers beside it, kill -9, fork.

#include "sql_fixture.hpp"
#include "support/child_process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;

namespace {

constexpr const char* variable = "CORTEX_TEST_WRITER_FILE";

// This program again, as a reader of `path` that looks once, says `seen N` and stays.
child_process start_viewer(const std::string& path) {
  return child_process{{"/proc/self/exe", "[.process_test_viewer]"},
                       {std::string{variable} + "=" + path}};
}

// This program again, as a writer of `path` that says `acknowledged N` after each row.
child_process start_writer(const std::string& path) {
  return child_process{{"/proc/self/exe", "[.process_test_writer]"},
                       {std::string{variable} + "=" + path}};
}

std::int64_t last_acknowledged(const std::string& output) {
  constexpr std::string_view word = "acknowledged ";
  const auto end = output.rfind('\n'); // what follows may be half a number
  const auto at = output.rfind(word, end);
  return at == std::string::npos ? 0 : std::stoll(output.substr(at + word.size()));
}

// Runs `check` in a forked child; gives what it returned, or -1 if it was killed.
int in_child(const std::function<int()>& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(check());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("(a writer for other tests)", "[.process_test_writer]") {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    CORTEX_SKIP("it runs as a child of other tests");
  auto db = database::open(path, with_items());
  REQUIRE(db);
  for (std::int64_t key = 1;; ++key) {
    REQUIRE(execute(*db, "INSERT INTO item VALUES(?, 'x')", key));
    std::cout << "acknowledged " << key << std::endl;
  }
}

TEST_CASE("(a reader for other tests)", "[.process_test_viewer]") {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    CORTEX_SKIP("it runs as a child of other tests");
  auto db = database::open(path, read_only());
  REQUIRE(db);
  std::cout << "seen " << count_of(*db, "item") << std::endl;
  ::pause(); // until it is killed
}

TEST_CASE("a second writing process is refused with the number of the first",
          "[storage][process][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto writer = start_writer(path);
  REQUIRE(writer.wait_for_output("acknowledged 10\n"));

  auto refused = database::open(path, with_items());

  REQUIRE(code_of(refused) == errc::in_use);
  CHECK(has(refused.error().detail, std::to_string(writer.pid())));
  CHECK(writer.wait_for_output("acknowledged 2000\n")); // and it is not disturbed
}

TEST_CASE("a read-only open beside a writing process sees what that one commits",
          "[storage][process]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto writer = start_writer(path);
  REQUIRE(writer.wait_for_output("acknowledged 10\n"));

  auto viewer = database::open(path, read_only());

  REQUIRE(viewer);
  CHECK(count_of(*viewer, "item") >= 10);
  REQUIRE(writer.wait_for_output("acknowledged 3000\n"));
  CHECK(eventually([&] { return count_of(*viewer, "item") >= 3000; }));
  CHECK(code_of(execute(*viewer, "DELETE FROM item")) == errc::read_only);
  writer.kill();
  REQUIRE(writer.wait());
  const auto all = last_acknowledged(writer.output());
  CHECK(eventually([&] { return count_of(*viewer, "item") >= all; }));
}

TEST_CASE("a process that has read and stays open does not keep the log from beginning anew",
          "[storage][process][checkpoint]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto options = with_items();
  options.checkpoint_pages = 20;
  auto db = database::open(path, options);
  REQUIRE(db);
  REQUIRE(execute(*db, "INSERT INTO item VALUES(0, 'x')"));
  auto viewer = start_viewer(path);
  REQUIRE(viewer.wait_for_output("seen 1\n"));

  for (std::int64_t key = 1; key <= 200; ++key)
    REQUIRE(execute(*db, "INSERT INTO item VALUES(?, 'x')", key));

  CHECK(db->stats().log_resets > 0);
  CHECK(db->stats().wal_pages < 200);
  viewer.kill();
  CHECK(viewer.wait());
}

TEST_CASE("after kill -9 of the writer the file opens with every acknowledged row",
          "[storage][process][recovery]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  std::int64_t before = 0;

  for (int round = 1; round <= 3; ++round) {
    std::filesystem::remove(path); // the log and its index of the round before stay: they are empty
    std::filesystem::remove(path + "-wal");
    std::filesystem::remove(path + "-shm");
    auto writer = start_writer(path);
    REQUIRE(writer.wait_for_output("acknowledged " + std::to_string(500 * round) + "\n"));
    writer.kill();
    REQUIRE(writer.wait());
    before = last_acknowledged(writer.output());

    auto db = database::open(path, with_items());

    REQUIRE(db);
    CHECK(count_of(*db, "item") >= before);
    CHECK(count_of(*db, "item") <= before + 1); // one may have been committed unannounced
    CHECK(value_of<std::int64_t>(*db, "SELECT max(key) FROM item").value()
          == count_of(*db, "item"));
    CHECK(db->quick_check().value().empty());
    CHECK(execute(*db, "INSERT INTO item(value) VALUES('after')"));
  }
}

TEST_CASE("in a forked child every use is refused and the parent goes on unharmed",
          "[storage][process][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  {
    std::optional<database> db = database::open(path, with_items()).value();
    for (int i = 0; i < 100; ++i)
      REQUIRE(execute(*db, "INSERT INTO item(value) VALUES('x')"));
    REQUIRE(db->write_async([](storage::transaction&) {}).get());
    REQUIRE(db->read_async([](storage::snapshot&) {}).get()); // all threads run
    std::optional<storage::read_lease> held = db->lease().value();
    REQUIRE((*held)->value<int>("SELECT count(*) FROM item"));

    const int outcome = in_child([&] {
      const auto write = [](storage::transaction& in) { return in.execute("DELETE FROM item"); };
      const auto read = [](storage::snapshot& in) { return in.value<int>("SELECT 1"); };
      if (code_of(db->write(write)) != errc::forked)
        return 1;
      if (code_of(db->write_async(write).get()) != errc::forked)
        return 2;
      if (code_of(db->read(read)) != errc::forked)
        return 3;
      if (code_of(db->read_async(read).get()) != errc::forked)
        return 4;
      if (code_of(db->lease()) != errc::forked)
        return 5;
      if (code_of(db->checkpoint()) != errc::forked)
        return 6;
      if (code_of(db->quick_check()) != errc::forked)
        return 7;
      if (code_of(db->close(10s)) != errc::forked)
        return 8;
      const auto again = database::open(path, with_items());
      if (code_of(again) != errc::in_use || !has(again.error().detail, std::to_string(getppid())))
        return 9;
      held.reset();
      db.reset();
      return 0;
    });

    CHECK(outcome == 0);
    CHECK((*held)->value<int>("SELECT count(*) FROM item").value() == 100);
    held.reset();
    for (int i = 0; i < 100; ++i)
      REQUIRE(execute(*db, "INSERT INTO item(value) VALUES('y')"));
    CHECK(count_of(*db, "item") == 200);
    CHECK(db->checkpoint());
    auto other = start_writer(path); // the child has not dropped the lock
    REQUIRE(other.wait());
    CHECK_FALSE(other.wait()->ok());
  }
  CHECK(sqlite_probe{path}.count("item") == 200);
  CHECK(sqlite_probe{path}.integrity_check() == "ok");
}

TEST_CASE("a forked child opens files of its own", "[storage][process]") {
  temp_dir dir;
  scratch_database parent;
  REQUIRE(execute(parent.db, "INSERT INTO item VALUES(1, 1)"));

  const int outcome = in_child([&] {
    auto db = database::open((dir / "child.db").string(), with_items());
    if (!db)
      return 1;
    if (!execute(*db, "INSERT INTO item VALUES(1, 1)"))
      return 2;
    if (code_of(db->write_async([](storage::transaction&) {}).get()) != errc{})
      return 3;
    return db->read_async([](storage::snapshot& in) { return in.value<int>("SELECT 1"); }).get()
             ? 0
             : 4;
  });

  CHECK(outcome == 0);
  CHECK(sqlite_probe{dir / "child.db"}.count("item") == 1);
  CHECK(execute(parent.db, "INSERT INTO item VALUES(2, 2)"));
}
