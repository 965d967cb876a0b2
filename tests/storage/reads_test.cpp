// Reads: what they see, how they wait, and where they are refused.

#include "cortex/cortex.hpp"

#include "sql_fixture.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::database;
using storage::read_options;
using storage::snapshot;
using storage::transaction;

namespace {

expected<std::int64_t> count_items(snapshot& view) {
  return view.value<std::int64_t>("SELECT count(*) FROM item");
}

storage::database_options with_readers(std::size_t readers) {
  auto out = with_items();
  out.readers = readers;
  return out;
}

// Asks its actor to use the database inside a handler.
struct use {
  using reply = std::string; // the codes of what was refused
};

class user {
public:
  using protocol = cortex::protocol<use>;

  explicit user(database db) : db_{std::move(db)} {}

  std::string operator()(const use&) {
    std::string out;
    const auto note = [&out](errc code) { out += std::string{to_string(code)} + " "; };
    note(code_of(db_.read(count_items)));
    note(code_of(db_.lease()));
    note(code_of(execute(db_, "INSERT INTO item VALUES(1, 1)")));
    note(code_of(db_.checkpoint()));
    note(code_of(db_.quick_check()));
    return out;
  }

private:
  database db_;
};

} // namespace

TEST_CASE("a lease sees one state of the database while writes go on", "[storage][reads]") {
  scratch_database t;
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));

  auto held = t.db.lease();
  REQUIRE(held);
  for (int i = 2; i <= 100; ++i) {
    REQUIRE(execute(t.db, "INSERT INTO item VALUES(?, 1)", i));
    REQUIRE(count_items(**held).value() == 1);
  }

  CHECK(count_of(t.db, "item") == 100);
  CHECK(count_items(*t.db.lease().value()).value() == 100);
}

TEST_CASE("the state that a lease sees is that of the moment when it was given",
          "[storage][reads]") {
  scratch_database t{with_readers(1)};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(execute(t.db, "INSERT INTO item(value) VALUES(1)")); // ends the snapshot before
    auto held = t.db.lease();
    REQUIRE(held);
    REQUIRE(execute(t.db, "INSERT INTO item(value) VALUES(1)"));

    CHECK(count_items(**held).value() == 2 * i + 1);
  }
}

TEST_CASE("a read sees every write that was acknowledged before, from any thread",
          "[storage][reads][concurrency]") {
  scratch_database t;
  constexpr std::size_t threads = 16;
  constexpr std::int64_t rounds = 150;
  std::atomic<std::int64_t> acknowledged{0};

  run_threads(threads, [&](std::size_t thread) {
    for (std::int64_t i = 0; i < rounds; ++i) {
      static_cast<void>(execute(t.db, "INSERT INTO item(value) VALUES(1)").value());
      const auto least = ++acknowledged;
      std::int64_t seen = 0;
      if ((thread + static_cast<std::size_t>(i)) % 3 == 0)
        seen = t.db.read(count_items).value();
      else if ((thread + static_cast<std::size_t>(i)) % 3 == 1)
        seen = t.db.read_async(count_items).get().value();
      else
        seen = count_items(*t.db.lease().value()).value();
      if (seen < least)
        throw std::logic_error{"saw " + std::to_string(seen) + " of " + std::to_string(least)};
    }
  });

  CHECK(count_of(t.db, "item") == threads * rounds);
}

TEST_CASE("a lease that comes too late names who holds the readers", "[storage][reads][errors]") {
  scratch_database t{with_readers(2)};
  auto first = t.db.lease({.owner = "nightly report"});
  auto second = t.db.lease({.owner = "export"});
  REQUIRE(first);
  REQUIRE(second);

  auto late = t.db.lease({.owner = "late", .deadline = 5ms});
  auto read = t.db.read(count_items, {.owner = "late", .deadline = 5ms});
  auto queued = t.db.read_async(count_items, {.owner = "late", .deadline = 5ms}).get();

  for (const auto& problem : {late.error(), read.error()}) {
    CHECK(problem.code == errc::timeout);
    CHECK(problem.where == stage::reader);
    CHECK(has(problem.detail, "nightly report"));
    CHECK(has(problem.detail, "export"));
  }
  REQUIRE(code_of(queued) == errc::timeout);
}

TEST_CASE("a read without time is refused, also if a reader is free", "[storage][reads][errors]") {
  scratch_database t;

  CHECK(code_of(t.db.read_async(count_items, {.deadline = -1ns}).get()) == errc::timeout);
  CHECK(code_of(t.db.read(count_items, {.deadline = -1ns})) == errc::timeout);
  CHECK(code_of(t.db.lease({.deadline = -1ns})) == errc::timeout);
}

TEST_CASE("a read that waits goes on when a reader is given back",
          "[storage][reads][concurrency]") {
  scratch_database t{with_readers(1)};
  std::optional<storage::read_lease> held = t.db.lease().value();
  std::optional<std::int64_t> seen;
  std::jthread waiting{[&] { seen = t.db.read(count_items).value(); }};
  REQUIRE(eventually([&] { return t.db.stats().reader_waits == 1; }));
  auto queued = t.db.read_async(count_items);

  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));
  held.reset();

  waiting.join();
  CHECK(seen == 1);
  CHECK(queued.get().value() == 1);
}

TEST_CASE("many threads share few readers and all of them get their turn",
          "[storage][reads][concurrency]") {
  scratch_database t{with_readers(2)};
  std::atomic<int> done{0};

  run_threads(16, [&](std::size_t) {
    for (int i = 0; i < 300; ++i) {
      static_cast<void>(t.db.read(count_items).value());
      ++done;
    }
  });

  CHECK(done == 16 * 300);
  CHECK(t.db.stats().reads == 16 * 300);
  CHECK(t.db.stats().readers.empty());
}

TEST_CASE("a lease may move and outlives the reference that it came from", "[storage][reads]") {
  std::optional<scratch_database> t{std::in_place, with_readers(2)};
  auto first = t->db.lease().value();
  auto moved = std::move(first);
  auto assigned = t->db.lease().value();

  assigned = std::move(moved);

  CHECK(count_items(*assigned).value() == 0);
  std::optional<storage::read_lease> kept{std::move(assigned)};
  std::optional<database> last{std::move(t->db)};
  CHECK(code_of(last->close(1ms)) == errc::timeout); // it names the lease and leaves it alone
  kept.reset();
  CHECK(last->close(30s));
}

TEST_CASE("the blocking forms are refused inside a read function", "[storage][reads][errors]") {
  scratch_database t{with_readers(1)}; // taken: the queued read cannot be answered meanwhile

  auto codes = t.db.read([&](snapshot&) {
    return std::vector{code_of(t.db.read(count_items)),
                       code_of(t.db.lease()),
                       code_of(execute(t.db, "DELETE FROM item")),
                       code_of(t.db.checkpoint()),
                       code_of(t.db.quick_check()),
                       code_of(t.db.close(1s)),
                       code_of(t.db.read_async(count_items).get())};
  });

  CHECK(codes.value() == std::vector(7, errc::would_deadlock));
  CHECK(count_of(t.db, "item") == 0);
}

TEST_CASE("the blocking forms are refused inside a write function", "[storage][reads][errors]") {
  scratch_database t;
  const auto use_all = [&](transaction&) {
    return std::vector{code_of(t.db.read(count_items)),
                       code_of(t.db.lease()),
                       code_of(execute(t.db, "DELETE FROM item")),
                       code_of(t.db.checkpoint()),
                       code_of(t.db.quick_check()),
                       code_of(t.db.close(1s)),
                       code_of(t.db.write_async([](transaction&) {}).get())};
  };

  CHECK(t.db.write(use_all).value().value == std::vector(7, errc::would_deadlock));
  CHECK(t.db.write_async(use_all).get().value().value == std::vector(7, errc::would_deadlock));
}

TEST_CASE("the blocking forms are refused inside a handler", "[storage][reads][errors]") {
  auto rt = runtime::open().value();
  temp_dir dir;
  auto db = database::open(rt, (dir / "test.db").string(), with_items()).value();
  auto actor = rt.spawn<user>("user", [&] { return std::make_unique<user>(db); });
  REQUIRE(actor);

  auto codes = actor->call(use{});

  CHECK(codes.value()
        == "would_deadlock would_deadlock would_deadlock would_deadlock would_deadlock ");
}

TEST_CASE("a read function that throws or fails answers so", "[storage][reads][errors]") {
  scratch_database t;
  const auto throws = [](snapshot&) -> int { throw std::runtime_error{"thrown text"}; };
  const auto throws_int = [](snapshot&) -> int { throw 1; };
  const auto fails = [](snapshot&) -> expected<int> { return fail(errc::not_found, "mine"); };

  for (int i = 0; i < 20; ++i) {
    auto thrown = t.db.read(throws);
    CHECK(code_of(thrown) == errc::internal);
    CHECK(has(thrown.error().detail, "thrown text"));
    CHECK(code_of(t.db.read(throws_int)) == errc::internal);
    CHECK(code_of(t.db.read(fails)) == errc::not_found);
    CHECK(code_of(t.db.read_async(throws).get()) == errc::internal);
    CHECK(code_of(t.db.read_async(throws_int).get()) == errc::internal);
    CHECK(t.db.read_async(fails).get().error().detail == "mine");
  }

  CHECK(eventually([&] { return t.db.stats().readers.empty(); }));
}

TEST_CASE("a read returns what its function returns", "[storage][reads]") {
  scratch_database t;

  CHECK(t.db.read([](snapshot&) {}));
  CHECK(t.db.read([](snapshot&) { return std::make_unique<int>(7); }).value() != nullptr);
  CHECK(t.db.read_async([](snapshot&) {}).get());
  CHECK(*t.db.read_async([](snapshot&) { return std::make_unique<int>(7); }).get().value() == 7);
}

TEST_CASE("each of very many queued reads is answered once", "[storage][reads][concurrency]") {
  scratch_database t;
  REQUIRE(execute(t.db, "INSERT INTO item VALUES(1, 1)"));
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 10'000;
  std::atomic<std::size_t> runs{0};
  std::atomic<std::size_t> answers{0};

  run_threads(threads, [&](std::size_t) {
    std::vector<future<std::int64_t>> pending;
    pending.reserve(each);
    for (std::size_t i = 0; i < each; ++i)
      pending.push_back(t.db.read_async([&runs](snapshot& view) {
        ++runs;
        return count_items(view);
      }));
    for (auto& one : pending)
      if (one.get().value() == 1)
        ++answers;
  });

  CHECK(runs == threads * each);
  CHECK(answers == threads * each);
  CHECK(t.db.stats().reads <= threads * each); // those that wait together share a reader
}

TEST_CASE("a queued read that was withdrawn never runs", "[storage][reads]") {
  scratch_database t{with_readers(1)};
  std::optional<storage::read_lease> held = t.db.lease().value();
  std::atomic<int> runs{0};
  const auto count_run = [&runs](snapshot&) { return ++runs; };
  std::vector<future<int>> withdrawn;
  for (int i = 0; i < 50; ++i)
    withdrawn.push_back(t.db.read_async(count_run));
  auto kept = t.db.read_async(count_run);

  for (auto& each : withdrawn)
    CHECK(each.cancel());
  held.reset();

  CHECK(kept.get().value() == 1);
  for (auto& each : withdrawn)
    CHECK(code_of(each.get()) == errc::cancelled);
  CHECK(runs == 1);
  CHECK_FALSE(kept.valid());
}

TEST_CASE("a read that has been answered cannot be withdrawn", "[storage][reads]") {
  scratch_database t;
  auto done = t.db.read_async(count_items);
  REQUIRE(done.wait_for(default_deadline));

  CHECK_FALSE(done.cancel());
  CHECK(done.get());
}

TEST_CASE("the futures of queued reads may be dropped", "[storage][reads]") {
  std::atomic<int> runs{0};
  {
    scratch_database t;
    for (int i = 0; i < 1000; ++i)
      static_cast<void>(t.db.read_async([&runs](snapshot&) { ++runs; }));
    REQUIRE(t.db.close(30s));
  }
  CHECK(runs == 1000); // closing finishes what was accepted
}
