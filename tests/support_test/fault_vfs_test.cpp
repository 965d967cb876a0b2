#include "support/catch_compat.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <iterator>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace cortex::testing {
namespace {

constexpr fault_vfs_options recording{.record_unsynced = true};

/// A database with a table `t` on a fault VFS, written with plain SQLite.
struct database {
  explicit database(fault_vfs_options options = {}, const std::string& journal_mode = "WAL",
                    const std::string& synchronous = "FULL")
    : vfs{options}, probe{directory / "data.db", sqlite_probe::access::create, vfs.name()} {
    probe.execute("PRAGMA journal_mode=" + journal_mode);
    probe.execute("PRAGMA synchronous=" + synchronous);
    probe.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, payload BLOB)");
  }

  /// Commits a row by itself; returns SQLite's extended code.
  int insert(const std::string& payload = "zeroblob(3000)") const {
    const auto sql = "INSERT INTO t(payload) VALUES(" + payload + ")";
    const int code = sqlite3_exec(probe.raw(), sql.c_str(), nullptr, nullptr, nullptr);
    return code == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(probe.raw());
  }

  temp_dir directory;
  fault_vfs vfs;
  sqlite_probe probe;
};

/// What a power cut left, opened anew.
struct after_cut {
  after_cut(const fault_vfs& vfs, std::uint64_t seed)
    : cut{vfs.cut_power(directory.path(), seed)} {}

  bool present() const { return std::filesystem::exists(directory / "data.db"); }
  sqlite_probe open() const { return sqlite_probe{directory / "data.db", mode}; }

  static constexpr auto mode = sqlite_probe::access::read_write;

  temp_dir directory;
  power_cut cut;
};

struct fault_case {
  const char* journal_mode;
  io_call call;
  file_role role;
  int code;
};

} // namespace

TEST_CASE("a fault VFS has a name of its own that SQLite knows while it lives", "[fault_vfs]") {
  std::string name;
  {
    fault_vfs first;
    fault_vfs second;
    name = first.name();

    CHECK(first.name() != second.name());
    CHECK(sqlite3_vfs_find(name.c_str()) != nullptr);
  }

  CHECK(sqlite3_vfs_find(name.c_str()) == nullptr);
}

TEST_CASE("calls are counted by kind and role", "[fault_vfs]") {
  database db;
  const auto syncs = db.vfs.count(io_call::sync, file_role::wal);
  const auto writes = db.vfs.count(io_call::write, file_role::wal);

  REQUIRE(db.insert() == SQLITE_OK);

  CHECK(db.vfs.count(io_call::sync, file_role::wal) == syncs + 1);
  CHECK(db.vfs.count(io_call::write, file_role::wal) > writes);
  CHECK(db.vfs.count(io_call::open, file_role::main_db) == 1);
  CHECK(db.vfs.count(io_call::open, file_role::wal) == 1);
  CHECK(db.vfs.count(io_call::open) >= 2);
  CHECK(db.vfs.count(io_call::write, file_role::other) == 0);
  CHECK(db.vfs.injected() == 0);
}

TEST_CASE("each kind of fault reaches SQLite's caller once, then all goes on", "[fault_vfs]") {
  const auto c = GENERATE(values<fault_case>(
    {{"WAL", io_call::write, file_role::wal, SQLITE_FULL},
     {"WAL", io_call::write, file_role::wal, SQLITE_IOERR_WRITE},
     {"WAL", io_call::sync, file_role::wal, SQLITE_IOERR_FSYNC},
     {"DELETE", io_call::open, file_role::journal, SQLITE_CANTOPEN},
     {"DELETE", io_call::sync, file_role::journal, SQLITE_IOERR_FSYNC},
     {"DELETE", io_call::write, file_role::main_db, SQLITE_IOERR_WRITE},
     {"DELETE", io_call::sync, file_role::main_db, SQLITE_IOERR_FSYNC},
     {"DELETE", io_call::remove, file_role::journal, SQLITE_IOERR_DELETE},
     {"TRUNCATE", io_call::truncate, file_role::journal, SQLITE_IOERR_TRUNCATE}}));
  CAPTURE(c.journal_mode, static_cast<int>(c.call), static_cast<int>(c.role), c.code);
  database db{{}, c.journal_mode};
  REQUIRE(db.insert() == SQLITE_OK);

  db.vfs.fail_once(c.call, c.role, c.code);
  const int code = db.insert();

  CHECK(code == c.code);
  CHECK(db.vfs.injected() == 1);
  CHECK(db.vfs.injected(c.call, c.role) == 1);
  CHECK(db.insert() == SQLITE_OK);
  CHECK(db.probe.count("t") == 2);
  CHECK(db.probe.integrity_check() == "ok");
}

TEST_CASE("a read that fails fails the query", "[fault_vfs]") {
  database db{{}, "DELETE"};
  REQUIRE(db.insert() == SQLITE_OK);
  sqlite_probe reader{db.directory / "data.db", sqlite_probe::access::read_only, db.vfs.name()};
  const auto reads = db.vfs.count(io_call::read, file_role::main_db);

  db.vfs.fail_from(io_call::read, file_role::main_db, SQLITE_IOERR_READ);

  CHECK_THROWS(reader.count("t"));
  CHECK(sqlite3_extended_errcode(reader.raw()) == SQLITE_IOERR_READ);
  CHECK(db.vfs.injected(io_call::read) > 0);
  CHECK(db.vfs.count(io_call::read, file_role::main_db) > reads);
  db.vfs.clear();
  CHECK(reader.count("t") == 1);
}

TEST_CASE("a database that cannot be opened says so", "[fault_vfs]") {
  temp_dir directory;
  fault_vfs vfs;
  vfs.fail_once(io_call::open, file_role::main_db, SQLITE_CANTOPEN);
  auto open = [&] {
    sqlite_probe{directory / "data.db", sqlite_probe::access::create, vfs.name()}.count(
      "sqlite_master");
  };

  CHECK_THROWS(open());
  CHECK(vfs.injected(io_call::open, file_role::main_db) == 1);
  CHECK_NOTHROW(open());
}

TEST_CASE("the n-th call fails and no other", "[fault_vfs]") {
  database db;

  db.vfs.fail_once(io_call::sync, file_role::wal, SQLITE_IOERR_FSYNC, 3);

  CHECK(db.insert() == SQLITE_OK);
  CHECK(db.insert() == SQLITE_OK);
  CHECK(db.insert() == SQLITE_IOERR_FSYNC);
  CHECK(db.insert() == SQLITE_OK);
  CHECK(db.vfs.injected() == 1);
}

TEST_CASE("a lasting fault stays until it is cleared", "[fault_vfs]") {
  database db;

  db.vfs.fail_from(io_call::sync, any_role, SQLITE_IOERR_FSYNC, 2);

  CHECK(db.insert() == SQLITE_OK);
  CHECK(db.insert() == SQLITE_IOERR_FSYNC);
  CHECK(db.insert() == SQLITE_IOERR_FSYNC);
  CHECK(db.vfs.injected(io_call::sync, file_role::wal) == 2);
  db.vfs.clear();
  CHECK(db.insert() == SQLITE_OK);
}

TEST_CASE("a full disk takes what fits, then nothing until there is room", "[fault_vfs]") {
  database db;

  db.vfs.disk_full_after(100'000);
  int inserted = 0;
  while (inserted < 100 && db.insert() == SQLITE_OK)
    ++inserted;

  CHECK(inserted > 5);
  CHECK(inserted < 100);
  CHECK(db.insert() == SQLITE_FULL);
  CHECK(db.vfs.injected(io_call::write, file_role::wal) >= 2);
  CHECK(db.probe.count("t") == inserted);
  db.vfs.clear();
  CHECK(db.insert() == SQLITE_OK);
  CHECK(db.probe.integrity_check() == "ok");
}

TEST_CASE("a commit can be held in its sync and goes on when released",
          "[fault_vfs][concurrency]") {
  const auto call = GENERATE(io_call::sync, io_call::write);
  database db{recording};
  REQUIRE(db.insert() == SQLITE_OK);
  int code = -1;
  signal done;

  db.vfs.hold_next(call, file_role::wal);
  std::jthread writer{[&] {
    code = db.insert();
    done.set();
  }};
  const bool held = db.vfs.wait_until_held();
  const bool done_early = done.wait(std::chrono::milliseconds{0});
  sqlite_probe reader{db.directory / "data.db", sqlite_probe::access::read_only, db.vfs.name()};
  const auto seen_while_held = reader.count("t");
  db.vfs.release();
  writer.join();

  CHECK(held);
  CHECK_FALSE(done_early);
  CHECK(seen_while_held == 1);
  CHECK(code == SQLITE_OK);
  CHECK(reader.count("t") == 2);
}

TEST_CASE("a call that is held can be made to fail", "[fault_vfs][concurrency]") {
  database db;
  int code = -1;

  db.vfs.hold_next_sync();
  std::jthread writer{[&] { code = db.insert(); }};
  const bool held = db.vfs.wait_until_held();
  db.vfs.fail_once(io_call::sync, file_role::wal, SQLITE_IOERR_FSYNC);
  db.vfs.release();
  writer.join();

  CHECK(held);
  CHECK(code == SQLITE_IOERR_FSYNC);
}

TEST_CASE("a gate that nothing has met opens again", "[fault_vfs]") {
  database db;

  db.vfs.hold_next_write(file_role::wal);
  db.vfs.release();

  CHECK(db.insert() == SQLITE_OK);
  CHECK_FALSE(db.vfs.wait_until_held(std::chrono::milliseconds{0}));
}

TEST_CASE("what is committed at FULL survives every power cut", "[fault_vfs][recovery]") {
  database db{recording};
  db.probe.execute("PRAGMA wal_autocheckpoint=5"); // checkpoints often, so that the cuts meet them
  const std::pair<io_call, file_role> places[] = {{io_call::write, file_role::wal},
                                                  {io_call::sync, file_role::wal},
                                                  {io_call::write, file_role::main_db},
                                                  {io_call::sync, file_role::main_db}};
  std::atomic<std::int64_t> committed = 0;
  power_cut sum;
  std::string fault;

  std::jthread writer{[&](std::stop_token stop) {
    while (!stop.stop_requested() && db.insert() == SQLITE_OK)
      ++committed;
  }};
  for (std::uint64_t seed = 1; seed <= 120 && fault.empty(); ++seed) {
    const auto [call, role] = places[seed % std::size(places)];
    db.vfs.hold_next(call, role);
    if (!db.vfs.wait_until_held())
      fault = "no call came";
    const std::int64_t promised = committed; // the writer is held: this is all that was answered
    const after_cut after{db.vfs, seed};
    db.vfs.release();
    sum.kept += after.cut.kept;
    sum.torn += after.cut.torn;
    sum.lost += after.cut.lost;
    auto probe = after.open();
    const auto rows = probe.count("t");
    if (rows < promised || rows > promised + 1 || probe.integrity_check() != "ok")
      fault = "seed " + std::to_string(seed) + ": " + std::to_string(rows) + " rows of "
              + std::to_string(promised);
  }
  writer.request_stop();
  writer.join();

  INFO(fault);
  CHECK(fault.empty());
  CHECK(committed > 0);
  CHECK(sum.kept > 0); // the cuts had something to lose
  CHECK(sum.torn > 0);
  CHECK(sum.lost > 0);
}

TEST_CASE("a rollback journal keeps what is committed at EXTRA", "[fault_vfs][recovery]") {
  database db{recording, "DELETE", "EXTRA"};

  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    REQUIRE(db.insert() == SQLITE_OK);
    const after_cut after{db.vfs, seed};
    CAPTURE(seed);
    auto probe = after.open();
    REQUIRE(probe.count("t") == static_cast<std::int64_t>(seed));
    REQUIRE(probe.integrity_check() == "ok");
  }
}

TEST_CASE("a commit whose sync has not returned is there whole or not at all",
          "[fault_vfs][recovery]") {
  database db{recording};
  REQUIRE(db.insert() == SQLITE_OK);

  db.vfs.hold_next_sync(file_role::wal);
  std::jthread writer{[&] { (void)db.insert("zeroblob(20000)"); }};
  const bool held = db.vfs.wait_until_held();
  std::int64_t with = 0;
  std::int64_t without = 0;
  bool sound = true;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const after_cut after{db.vfs, seed};
    auto probe = after.open();
    const auto rows = probe.count("t");
    (rows == 2 ? with : without) += 1;
    sound = sound && rows >= 1 && rows <= 2 && probe.integrity_check() == "ok";
  }
  db.vfs.release();
  writer.join();

  CHECK(held);
  CHECK(sound);
  CHECK(with > 0);
  CHECK(without > 0);
}

TEST_CASE("what is committed at OFF can be lost", "[fault_vfs][recovery]") {
  database db{recording};
  db.probe.execute("PRAGMA synchronous=OFF");
  for (int i = 0; i < 20; ++i)
    REQUIRE(db.insert() == SQLITE_OK);

  int losses = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const after_cut after{db.vfs, seed};
    auto probe = after.open();
    losses += probe.count("t") < 20 ? 1 : 0;
    CAPTURE(seed);
    CHECK(probe.integrity_check() == "ok"); // the WAL's checksums leave a prefix
  }

  CHECK(losses > 0);
  CHECK(losses < 40);
}

TEST_CASE("the same seed cuts the same way", "[fault_vfs][recovery]") {
  database db{recording, "WAL", "OFF"};
  for (int i = 0; i < 20; ++i)
    REQUIRE(db.insert() == SQLITE_OK);

  const after_cut first{db.vfs, 7};
  const after_cut second{db.vfs, 7};

  CHECK(first.cut.files == second.cut.files);
  CHECK(first.cut.kept == second.cut.kept);
  CHECK(first.cut.torn == second.cut.torn);
  CHECK(first.cut.lost == second.cut.lost);
}

TEST_CASE("a failed sync can lose its writes for good", "[fault_vfs][recovery]") {
  const bool loses = GENERATE(false, true);
  database db{{.record_unsynced = true, .failed_sync_loses_writes = loses}, "OFF"};
  REQUIRE(db.insert() == SQLITE_OK);

  db.vfs.fail_once(io_call::sync, file_role::main_db, SQLITE_IOERR_FSYNC);
  CHECK(db.insert("zeroblob(100)") != SQLITE_OK);
  REQUIRE(db.vfs.injected() == 1);
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db.probe.raw(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  REQUIRE(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK);
  const auto shown = db.probe.header();
  const after_cut after{db.vfs, 1};

  CHECK(after.cut.lost == 0); // nothing waits for a sync any more
  CHECK((after.open().header() == shown) == !loses);
}

TEST_CASE("a power cut needs a VFS that records", "[fault_vfs][errors]") {
  temp_dir directory;
  fault_vfs vfs;

  CHECK_THROWS(vfs.cut_power(directory.path(), 1));
}

} // namespace cortex::testing
