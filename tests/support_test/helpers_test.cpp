#include "support/catch_compat.hpp"
#include "support/child_process.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace cortex::testing {

using namespace std::chrono_literals;

// -- temp_dir -------------------------------------------------------------------------------------

TEST_CASE("a temporary directory is private and goes with all it holds", "[temp_dir]") {
  std::filesystem::path path;
  {
    temp_dir directory;
    path = directory.path();
    std::filesystem::create_directory(directory / "below");
    std::ofstream{directory / "below/file"} << "text";

    CHECK(std::filesystem::exists(directory / "below/file"));
    CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms::owner_all);
    CHECK(temp_dir{}.path() != path);
  }

  CHECK_FALSE(std::filesystem::exists(path));
}

// -- wait -----------------------------------------------------------------------------------------

TEST_CASE("a signal wakes the one who waits for it", "[wait][concurrency]") {
  signal ready;
  CHECK_FALSE(ready.wait(0ms));

  std::jthread other{[&] { ready.set(); }};

  CHECK(ready.wait());
  CHECK(ready.wait(0ms));
}

TEST_CASE("a countdown ends with its last arrival", "[wait]") {
  countdown left{2};

  left.arrive();
  CHECK_FALSE(left.wait(0ms));
  left.arrive();
  CHECK(left.wait(0ms));
}

TEST_CASE("what comes true is awaited, what does not ends at the deadline", "[wait]") {
  std::atomic<int> count = 0;
  std::jthread other{[&] { count = 5; }};

  CHECK(eventually([&] { return count == 5; }));
  CHECK_FALSE(eventually([&] { return count == 6; }, 1ms));
}

TEST_CASE("threads run once each and hand on the first exception", "[wait][concurrency]") {
  std::atomic<unsigned> seen = 0;
  auto run = [&](std::size_t index) {
    seen |= 1U << index;
    if (index >= 2)
      throw std::runtime_error{"thread " + std::to_string(index)};
  };

  CHECK_THROWS_WITH(run_threads(4, run), "thread 2");
  CHECK(seen == 0b1111);
}

// -- child_process --------------------------------------------------------------------------------

TEST_CASE("a child's output and code are captured", "[child_process]") {
  child_process child{{"sh", "-c", "echo hello $NAME; exit 3"}, {"NAME=you"}};

  const auto status = child.wait();

  REQUIRE(status);
  CHECK(status->code == 3);
  CHECK_FALSE(status->ok());
  CHECK(child.output() == "hello you\n");
}

TEST_CASE("a child that says more than a pipe holds is read to its end", "[child_process]") {
  child_process child{{"sh", "-c", "head -c 1000000 /dev/zero"}};

  const auto status = child.wait();

  REQUIRE(status);
  CHECK(status->ok());
  CHECK(child.output().size() == 1'000'000);
}

TEST_CASE("a child can be killed when it has said something", "[child_process]") {
  child_process child{{"sh", "-c", "echo one; echo ready; exec sleep 600"}};

  REQUIRE(child.wait_for_output("ready\n"));
  CHECK_FALSE(child.wait(1ms));
  CHECK_FALSE(child.wait_for_output("more", 1ms));
  child.kill();
  const auto status = child.wait();

  REQUIRE(status);
  CHECK(status->signal == SIGKILL);
  CHECK_FALSE(status->code);
  CHECK(child.output() == "one\nready\n");
  child.kill(); // a dead child stays dead
}

TEST_CASE("a child that ends without the word is no wait until the deadline", "[child_process]") {
  child_process child{{"true"}};

  CHECK_FALSE(child.wait_for_output("ready"));
  CHECK(child.wait()->ok());
}

TEST_CASE("a program that does not exist cannot start", "[child_process][errors]") {
  CHECK_THROWS_AS(child_process({"/nonexistent/program"}), std::system_error);
}

// -- sqlite_probe ---------------------------------------------------------------------------------

TEST_CASE("a probe looks into a database that is in use and leaves its WAL alone",
          "[sqlite_probe]") {
  temp_dir directory;
  sqlite_probe writer{directory / "a.db", sqlite_probe::access::create};
  writer.execute("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES('a'),('b')");
  const auto wal_bytes = std::filesystem::file_size(directory / "a.db-wal");

  {
    sqlite_probe reader{directory / "a.db"};
    CHECK(reader.count("t") == 2);
    CHECK(reader.text("SELECT x FROM t ORDER BY x DESC") == "b");
    CHECK_FALSE(reader.text("SELECT x FROM t WHERE x='c'"));
    CHECK_FALSE(reader.text("SELECT NULL"));
    CHECK(reader.integrity_check() == "ok");
    CHECK(reader.header(16) == std::string("SQLite format 3\0", 16));
    CHECK_THROWS(reader.execute("INSERT INTO t VALUES('c')"));
  }

  CHECK(std::filesystem::file_size(directory / "a.db-wal") == wal_bytes);
}

TEST_CASE("a probe of a file that is not there throws", "[sqlite_probe][errors]") {
  temp_dir directory;

  CHECK_THROWS_AS(sqlite_probe(directory / "none.db"), std::runtime_error);
}

} // namespace cortex::testing
