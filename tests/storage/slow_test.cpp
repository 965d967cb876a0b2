// Slow writes and reads: where their time went.

#include "cortex/cortex.hpp"

#include "storage/pool_fixture.hpp"
#include "storage/write_fixture.hpp"

#include <string>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;

namespace {

struct save {
  using reply = storage::written<storage::changes>;
};
/// Hands a write over, on a clock moved by hand.
struct saver {
  using protocol = cortex::protocol<save>;
  storage::database db;
  manual_monotonic_clock* clock;

  future<save::reply> operator()(const save&) {
    return db.write_async([clock = clock](storage::transaction& in) {
      clock->advance(30ms);
      return in.execute("INSERT INTO item VALUES(1, 'v')");
    });
  }
};

/// A runtime that looks for what takes over 10 ms, on a clock moved by hand.
struct watched {
  manual_monotonic_clock clock;
  runtime rt = [this] {
    runtime_options how;
    how.monotonic = &clock;
    how.slow_request = 10ms;
    return runtime::open(how).value();
  }();

  /// What `part` or its kind did slowly; waits for it, as the reader of a queued read comes back
  /// after its answer.
  [[nodiscard]] slow_request only(const std::string& what) const {
    std::vector<slow_request> found;
    CHECK(eventually([&] {
      found.clear();
      for (auto& each : rt.report().slow)
        if (each.what == what)
          found.push_back(each);
      return !found.empty();
    }));
    REQUIRE(found.size() == 1);
    return found.front();
  }
};

} // namespace

TEST_CASE("a slow commit is told as such, and what waits for it as waiting in its lane",
          "[storage][slow]") {
  watched w;
  item_database t{{}, {}, &w.rt};
  auto first = t.hold_commit(1);
  w.clock.advance(20ms);
  auto second = t.db.write_async(insert(2));
  w.clock.advance(50ms);
  t.vfs.release();
  REQUIRE(first.get());
  REQUIRE(second.get());

  const auto seen = w.rt.report().slow;

  REQUIRE(seen.size() == 2);
  CHECK(seen[0].part == t.db.path());
  CHECK(seen[0].what == "write");
  CHECK(seen[0].cause.empty());
  CHECK(seen[0].total == 70ms);
  CHECK(seen[0].stages[stage::commit] == 70ms);
  CHECK(seen[1].total == 50ms);
  CHECK(seen[1].stages[stage::lane] == 50ms);
}

TEST_CASE("in a group each tells its own time and what it waited for the others",
          "[storage][slow]") {
  watched w;
  item_database t{{}, {}, &w.rt};
  auto first = t.hold_commit(0);
  auto slow_insert = [&](row_id key) {
    return [key, &w](storage::transaction& in) {
      w.clock.advance(20ms);
      return insert(key)(in);
    };
  };
  std::vector<pending> group;
  for (row_id key : {1, 2})
    group.push_back(t.db.write_async(slow_insert(key)));
  t.vfs.release();
  for (auto& each : group)
    REQUIRE(each.get());

  const auto seen = w.rt.report().slow;

  REQUIRE(seen.size() == 2); // the first was quick
  for (const auto& each : seen) {
    CHECK(each.total == 40ms);
    CHECK(each.stages[stage::execute] == 20ms);
    CHECK(each.stages[stage::group] == 20ms);
  }
  CHECK(first.get());
}

TEST_CASE("a slow write that fails is told of", "[storage][slow][errors]") {
  watched w;
  item_database t{{}, {}, &w.rt};

  auto failed = t.db.write([&](storage::transaction&) -> expected<void> {
    w.clock.advance(20ms);
    return fail(errc::not_found, "nothing there");
  });

  REQUIRE_FALSE(failed);
  CHECK(w.only("write").stages[stage::execute] == 20ms);
}

TEST_CASE("a blocking write is told of once", "[storage][slow]") {
  watched w;
  item_database t{{}, {}, &w.rt};

  REQUIRE(t.db.write([&](storage::transaction&) { w.clock.advance(20ms); }));

  const auto seen = w.only("write");
  CHECK(seen.total == 20ms);
  CHECK(seen.stages[stage::execute] == 20ms);
}

TEST_CASE("a write that a handler asked for names the request behind it", "[storage][slow]") {
  watched w;
  item_database t{{}, {}, &w.rt};
  {
    auto actor = w.rt.spawn<saver>("saver", [&] { return saver{t.db, &w.clock}; }).value();

    REQUIRE(actor.call(save{}));
  }

  const auto write = w.only("write");
  CHECK(write.cause == "saver/save");
  CHECK(write.stages[stage::execute] == 30ms);
  const auto request = w.only("save");
  CHECK(request.part == "saver");
  CHECK(request.stages[stage::handed_on] == 30ms);
}

TEST_CASE("slow reads tell their owner, the wait for a reader and the reading", "[storage][slow]") {
  watched w;
  auto how = with_items();
  how.readers = 1;
  temp_dir dir;
  auto db = storage::database::open(w.rt, (dir / "test.db").string(), how).value();
  {
    auto held = db.lease({.owner = "a report"}).value();
    auto queued = db.read_async([&](storage::snapshot&) { w.clock.advance(40ms); });
    w.clock.advance(20ms);
    { auto back = std::move(held); }
    REQUIRE(queued.get());
  }

  const auto lease = w.only("a report");
  CHECK(lease.part == db.path());
  CHECK(lease.stages[stage::read] >= 20ms);
  const auto read = w.only("read");
  CHECK(read.total == 60ms);
  CHECK(read.stages[stage::reader] == 20ms);
  CHECK(read.stages[stage::read] == 40ms);
}

TEST_CASE("a lease that was not to be had in time is told of", "[storage][slow][errors]") {
  runtime_options options;
  options.slow_request = 1ns;
  auto rt = runtime::open(options).value();
  auto how = with_items();
  how.readers = 1;
  temp_dir dir;
  auto db = storage::database::open(rt, (dir / "test.db").string(), how).value();
  auto held = db.lease({.owner = "first"}).value();

  REQUIRE(code_of(db.lease({.owner = "second", .deadline = 5ms})) == errc::timeout);

  const auto seen = rt.report().slow;
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].what == "second");
  CHECK(seen[0].stages[stage::reader] == seen[0].total);
}

TEST_CASE("a transaction of a pool tells how long it held the writer", "[storage][slow]") {
  watched w;
  temp_dir dir;
  auto pool = storage::connection_pool::open(w.rt, (dir / "test.db").string(), pool_of(2)).value();
  auto lent = pool.borrow().value();
  REQUIRE(insert_item(lent, 1));
  w.clock.advance(20ms);

  REQUIRE(lent.commit());

  const auto seen = w.only("transaction");
  CHECK(seen.total == 20ms);
  CHECK(seen.stages[stage::execute] == 20ms);
}

TEST_CASE("no parameter of a statement is told", "[storage][slow][security]") {
  watched w;
  item_database t{{}, {}, &w.rt};
  const std::string secret = "sk-0123456789abcdef0123456789";

  REQUIRE(t.db.write([&](storage::transaction& in) {
    w.clock.advance(20ms);
    return in.execute("INSERT INTO item VALUES(1, ?)", secret);
  }));

  const auto report = w.rt.report();
  REQUIRE(report.slow.size() == 1);
  CHECK_FALSE(has(to_json(report), secret));
  CHECK_FALSE(has(prometheus_text(report), secret));
}
