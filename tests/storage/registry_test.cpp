// One file, one database in the process, whatever its name and however many open it.

#include "cortex/cortex.hpp"

#include "sql_fixture.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;
using storage::database_options;

namespace {

// A second name for each way in which a path can be spelled.
std::string other_spelling(const scratch_database& t, const std::string& way) {
  namespace fs = std::filesystem;
  if (way == "the same")
    return t.path;
  if (way == "relative")
    return fs::relative(t.path).string();
  if (way == "dots") {
    fs::create_directory(t.dir / "sub");
    return (t.dir / "sub/.././/test.db").string();
  }
  if (way == "symbolic link") {
    fs::create_symlink(t.path, t.dir / "link.db");
    return (t.dir / "link.db").string();
  }
  if (way == "link to the folder") {
    fs::create_directory_symlink(t.dir.path(), t.dir / "folder");
    return (t.dir / "folder/test.db").string();
  }
  fs::create_hard_link(t.path, t.dir / "hard.db");
  return (t.dir / "hard.db").string();
}

// Does not wait for what a database still has to do.
runtime_options impatient() {
  runtime_options out;
  out.stop_deadline = 1ms;
  return out;
}

// A write that runs on the calling thread until it is told to go on.
expected<storage::written<storage::changes>> write_that_waits(database db, signal& inside,
                                                              signal& go_on) {
  return db.write([&](storage::transaction& in) {
    inside.set();
    static_cast<void>(go_on.wait());
    return in.execute("INSERT INTO item VALUES(1, 1)");
  });
}

struct try_open {
  using reply = errc;
};

// Opens a file inside a handler.
struct opener {
  using protocol = cortex::protocol<try_open>;
  std::function<errc()> open;
  errc operator()(const try_open&) const { return open(); }
};

} // namespace

TEST_CASE("a file opened by another name is the same database", "[storage][registry]") {
  scratch_database t;
  const auto* way
    = GENERATE("the same", "relative", "dots", "symbolic link", "link to the folder", "hard link");
  INFO(way);
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 'first')"));

  auto other = database::open(other_spelling(t, way), with_items());

  REQUIRE(other);
  CHECK(other->path() == t.db.path());
  CHECK(count_of(*other, "item") == 1);
  auto done = execute(*other, "INSERT INTO item VALUES(2, 'second')");
  REQUIRE(done);
  CHECK(done->commit == 2);
  CHECK(t.db.commit_number() == 2);
  CHECK(count_of(t.db, "item") == 2);
}

TEST_CASE("a database closes with its last reference", "[storage][registry]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  std::optional<database> first = database::open(path, with_items()).value();
  std::optional<database> second = database::open(path, with_items()).value();
  std::optional<database> copy = first;

  first.reset();
  second.reset();

  CHECK(execute(*copy, "INSERT INTO item VALUES(1, 1)"));
  CHECK(exists(path + "-wal"));
  copy.reset();
  CHECK_FALSE(exists(path + "-wal"));
}

TEST_CASE("close ends every reference to the file, and it can be opened again",
          "[storage][registry]") {
  scratch_database t;
  auto other = database::open(t.path, with_items());
  REQUIRE(other);
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));

  REQUIRE(other->close(30s));

  CHECK(code_of(execute(t.db, "INSERT INTO item VALUES(2, 2)")) == errc::closed);
  CHECK(code_of(value_of<int>(t.db, "SELECT 1")) == errc::closed);
  CHECK(code_of(t.db.lease()) == errc::closed);
  CHECK(code_of(t.db.checkpoint()) == errc::closed);
  CHECK(code_of(t.db.quick_check()) == errc::closed);
  CHECK(t.db.close(30s));
  auto again = database::open(t.path, with_items());
  REQUIRE(again);
  CHECK(count_of(*again, "item") == 1);
  CHECK(execute(*again, "INSERT INTO item VALUES(2, 2)"));
}

TEST_CASE("options that differ from those of the first opener are refused",
          "[storage][registry][errors]") {
  const auto nothing = [](storage::transaction&) -> expected<void> { return {}; };
  auto base = with_items();
  base.schema.migrations = {{1, "one", nothing}};
  scratch_database t{base};
  const std::pair<const char*, std::function<void(database_options&)>> changed[] = {
    {"level", [](auto& o) { o.level = storage::durability::synced; }},
    {"readers", [](auto& o) { o.readers = 3; }},
    {"reader_threads", [](auto& o) { o.reader_threads = 3; }},
    {"lane_bound", [](auto& o) { o.lane_bound = 3; }},
    {"max_group", [](auto& o) { o.max_group = 3; }},
    {"max_group_bytes", [](auto& o) { o.max_group_bytes = 3; }},
    {"default_deadline", [](auto& o) { o.default_deadline = 3s; }},
    {"busy_timeout", [](auto& o) { o.busy_timeout = 3s; }},
    {"checkpoint_pages", [](auto& o) { o.checkpoint_pages = 3; }},
    {"wal_budget_bytes", [](auto& o) { o.wal_budget_bytes = 3U << 20U; }},
    {"reader_patience", [](auto& o) { o.reader_patience = 3s; }},
    {"cache_kib", [](auto& o) { o.cache_kib = 3; }},
    {"vfs", [](auto& o) { o.vfs = "unix"; }},
    {"schema.component", [](auto& o) { o.schema.component = "other"; }},
    {"schema.base", [](auto& o) { o.schema.base.clear(); }},
    {"schema.migrations", [](auto& o) { o.schema.migrations.clear(); }},
    {"schema.migrations", [](auto& o) { o.schema.migrations.at(0).name = "another"; }},
  };

  for (const auto& [name, change] : changed) {
    INFO(name);
    auto how = base;
    change(how);
    auto refused = database::open(t.path, how);
    CHECK(code_of(refused) == errc::invalid_argument);
    CHECK((!refused && has(refused.error().detail, name)));
  }
  CHECK(database::open(t.path, base));
}

TEST_CASE("a read-only reference beside a writing one sees its writes and refuses its own",
          "[storage][registry]") {
  scratch_database t;

  auto viewer = database::open(t.path, read_only());

  REQUIRE(viewer);
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));
  CHECK(count_of(*viewer, "item") == 1);
  auto write = [](storage::transaction& in) { return in.execute("DELETE FROM item"); };
  CHECK(code_of(viewer->write(write)) == errc::read_only);
  CHECK(code_of(viewer->write_async(write).get()) == errc::read_only);
  auto copy = *viewer;
  CHECK(code_of(copy.write(write)) == errc::read_only);
  CHECK(count_of(t.db, "item") == 1);
}

TEST_CASE("a read-only reference keeps the database open", "[storage][registry]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  std::optional<database> writing = database::open(path, with_items()).value();
  auto viewer = database::open(path, read_only());
  REQUIRE(viewer);
  REQUIRE(execute(*writing, "INSERT INTO item VALUES(1, 1)"));

  writing.reset();

  CHECK(count_of(*viewer, "item") == 1);
  CHECK(execute(database::open(path, with_items()).value(), "INSERT INTO item VALUES(2, 2)"));
  CHECK(count_of(*viewer, "item") == 2);
}

TEST_CASE("what is open read-only in the process is not opened for writing",
          "[storage][registry][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  REQUIRE(database::open(path, with_items()));
  std::optional<database> viewer = database::open(path, read_only()).value();

  CHECK(code_of(database::open(path, with_items())) == errc::in_use);
  CHECK(code_of(execute(*viewer, "INSERT INTO item VALUES(1, 1)")) == errc::read_only);
  CHECK(code_of(viewer->checkpoint()) == errc::read_only);

  viewer.reset();
  CHECK(database::open(path, with_items()));
}

TEST_CASE("a database is closed with the runtime of its first opener", "[storage][registry]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto first_runtime = runtime::open().value();
  auto second_runtime = runtime::open().value();
  auto first = database::open(first_runtime, path, with_items()).value();
  auto second = database::open(second_runtime, path, with_items()).value();

  REQUIRE(first_runtime.stop());

  CHECK(code_of(execute(second, "INSERT INTO item VALUES(1, 1)")) == errc::closed);
  CHECK_FALSE(exists(path + "-wal"));
  CHECK(code_of(database::open(first_runtime, path, with_items())) == errc::closed);
  auto again = database::open(second_runtime, path, with_items());
  REQUIRE(again);
  CHECK(execute(*again, "INSERT INTO item VALUES(1, 1)"));
}

TEST_CASE("threads that open a new file at once get one database",
          "[storage][registry][concurrency]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  std::optional<database> opened[16];

  run_threads(16, [&](std::size_t i) {
    opened[i] = database::open(path, with_items()).value();
    static_cast<void>(execute(*opened[i], "INSERT INTO item(value) VALUES('x')").value());
  });

  CHECK(opened[0]->commit_number() == opened[15]->commit_number());
  CHECK(opened[0]->stats().writes == 16);
  CHECK(count_of(*opened[7], "item") == 16);
}

TEST_CASE("a file can be opened again while it is being closed",
          "[storage][registry][concurrency]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  constexpr std::size_t threads = 4;
  constexpr int rounds = 40;

  run_threads(threads, [&](std::size_t) {
    for (int i = 0; i < rounds; ++i) {
      auto db = database::open(path, with_items()).value();
      static_cast<void>(execute(db, "INSERT INTO item(value) VALUES('x')").value());
    }
  });

  sqlite_probe probe{path};
  CHECK(probe.count("item") == threads * rounds);
  CHECK(probe.integrity_check() == "ok");
}

TEST_CASE("a file is not opened again while a write of the closed database still runs",
          "[storage][registry][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto rt = runtime::open(impatient()).value();
  auto db = database::open(rt, path, with_items()).value();
  signal inside;
  signal go_on;
  bool done = false;
  std::jthread caller{[&] { done = write_that_waits(db, inside, go_on).has_value(); }};
  REQUIRE(inside.wait());
  REQUIRE(code_of(db.close(1ms)) == errc::timeout);

  auto again = database::open(rt, path, with_items());
  auto viewer = database::open(rt, path, read_only());
  auto repeated = db.close(1ms);

  for (const auto& refused : {code_of(again), code_of(viewer), code_of(repeated)})
    CHECK(refused == errc::timeout);
  CHECK((!again && has(again.error().detail, path)));
  CHECK((!repeated && has(repeated.error().detail, "write")));
  go_on.set();
  caller.join();
  CHECK(done);
  CHECK(db.close(30s));
  auto later = database::open(rt, path, with_items());
  REQUIRE(later);
  CHECK(count_of(*later, "item") == 1);
}

TEST_CASE("a file is not opened again while the last reference still waits for a write",
          "[storage][registry][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto rt = runtime::open(impatient()).value();
  signal inside;
  signal go_on;
  std::optional<database> db = database::open(rt, path, with_items()).value();
  auto write = db->write_async([&](storage::transaction& in) {
    inside.set();
    static_cast<void>(go_on.wait());
    return in.execute("INSERT INTO item VALUES(1, 1)");
  });
  REQUIRE(inside.wait());

  REQUIRE(code_of(db->close(1ms)) == errc::timeout);

  std::jthread last{[&] { db.reset(); }};

  for (int i = 0; i < 20; ++i)
    CHECK(code_of(database::open(rt, path, with_items())) == errc::timeout);
  go_on.set();
  last.join();
  CHECK(write.get());
  auto later = database::open(rt, path, with_items());
  REQUIRE(later);
  CHECK(count_of(*later, "item") == 1);
}

TEST_CASE("a database that is used up inside a function is not opened again by it",
          "[storage][registry][errors]") {
  temp_dir dir;
  const auto path = (dir / "test.db").string();
  auto other = database::open(":memory:").value();
  std::optional<database> db = database::open(path, with_items()).value();

  auto code = other.write([&](storage::transaction&) {
    db.reset();
    return code_of(database::open(path, with_items()));
  });

  CHECK(code.value().value == errc::would_deadlock);
  CHECK(database::open(path, with_items()));
}

TEST_CASE("a file is not opened inside functions and handlers, which must not block",
          "[storage][registry][errors]") {
  temp_dir dir;
  auto rt = runtime::open().value();
  scratch_database t;
  const auto open_file
    = [&](auto&&...) { return code_of(database::open((dir / "other.db").string())); };
  auto actor = rt.spawn<opener>("opener", [&] { return opener{open_file}; });
  REQUIRE(actor);

  CHECK(t.db.write(open_file).value().value == errc::would_deadlock);
  CHECK(t.db.write_async(open_file).get().value().value == errc::would_deadlock);
  CHECK(t.db.read(open_file).value() == errc::would_deadlock);
  CHECK(t.db.read_async(open_file).get().value() == errc::would_deadlock);
  CHECK(actor->call(try_open{}).value() == errc::would_deadlock);
  CHECK(t.db.write([](storage::transaction&) { return code_of(database::open(":memory:")); })
          .value()
          .value
        == errc{});
  CHECK_FALSE(exists((dir / "other.db").string()));
}
