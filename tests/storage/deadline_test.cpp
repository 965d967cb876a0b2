#include "storage/write_fixture.hpp"

#include <atomic>
#include <optional>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::transaction;

namespace {

/// A database on a runtime whose time stands still until the test moves it.
struct timed_database {
  explicit timed_database(storage::database_options how = {})
    : rt{open(clock)}, items{std::move(how), {}, &rt} {}

  static runtime open(const manual_monotonic_clock& clock) {
    runtime_options how;
    how.monotonic = &clock;
    return runtime::open(how).value();
  }

  manual_monotonic_clock clock;
  runtime rt;
  item_database items;
};

template <class T>
error error_of(future<T>& of) {
  REQUIRE(of.wait_for(default_deadline));
  auto answer = of.get();
  REQUIRE_FALSE(answer);
  return answer.error();
}

} // namespace

TEST_CASE("a write whose time is up while it waits never runs", "[storage][deadline][errors]") {
  timed_database t;
  std::atomic<bool> ran{false};
  auto first = t.items.hold_commit(0);
  auto late = t.items.db.write_async(
    [&ran](transaction& in) {
      ran = true;
      return insert(1)(in);
    },
    storage::write_options{.deadline = 10ms});
  auto patient = t.items.db.write_async(insert(2), storage::write_options{.deadline = 10s});

  t.clock.advance(1s);
  t.items.vfs.release();

  const auto problem = error_of(late);
  CHECK(problem.code == errc::timeout);
  CHECK(problem.where == stage::lane);
  CHECK(mentions(problem.detail, t.items.db.path()));
  CHECK_FALSE(ran);
  REQUIRE(patient.wait_for(default_deadline));
  CHECK(patient.get());
  CHECK(t.items.keys() == std::set<row_id>{0, 2});
}

TEST_CASE("a write that names no deadline has the database's", "[storage][deadline]") {
  timed_database t{options([](auto& o) { o.default_deadline = 2s; })};
  auto first = t.items.hold_commit(0);
  auto usual = t.items.db.write_async(insert(1));
  auto patient = t.items.db.write_async(insert(2), storage::write_options{.deadline = 10s});

  t.clock.advance(5s);
  t.items.vfs.release();

  CHECK(error_of(usual).where == stage::lane);
  REQUIRE(patient.wait_for(default_deadline));
  CHECK(patient.get());
}

TEST_CASE("a function that outlives its deadline is undone, its neighbours are not",
          "[storage][deadline][errors]") {
  timed_database t;
  auto first = t.items.hold_commit(0);
  auto slow = t.items.db.write_async(
    [&t](transaction& in) {
      auto done = insert(1)(in);
      t.clock.advance(1s);
      return done;
    },
    storage::write_options{.deadline = 500ms});
  auto neighbours = t.items.queue(2, 5, storage::write_options{.deadline = 10s});

  t.items.vfs.release();

  const auto problem = error_of(slow);
  CHECK(problem.code == errc::timeout);
  CHECK(problem.where == stage::execute);
  for (auto& done : answers(neighbours))
    CHECK(done);
  CHECK(t.items.keys() == std::set<row_id>{0, 2, 3, 4, 5, 6});
}

TEST_CASE("a write is undone if a later member of its group uses up its time",
          "[storage][deadline][errors]") {
  timed_database t;
  auto first = t.items.hold_commit(0);
  auto hurried = t.items.db.write_async(insert(1), storage::write_options{.deadline = 500ms});
  auto slow = t.items.db.write_async(
    [&t, moved = false](transaction& in) mutable {
      if (!std::exchange(moved, true))
        t.clock.advance(1s);
      return insert(2)(in);
    },
    storage::write_options{.deadline = 10s});

  t.items.vfs.release();

  const auto problem = error_of(hurried);
  CHECK(problem.code == errc::timeout);
  CHECK(problem.where == stage::execute);
  REQUIRE(slow.wait_for(default_deadline));
  CHECK(slow.get());
  CHECK(t.items.keys() == std::set<row_id>{0, 2});
}

TEST_CASE("a write that is in COMMIT when its time is up is committed", "[storage][deadline]") {
  timed_database t;
  t.items.vfs.hold_next_write(file_role::wal);
  auto running = t.items.db.write_async(insert(1), storage::write_options{.deadline = 500ms});
  REQUIRE(t.items.vfs.wait_until_held());

  t.clock.advance(1s);
  t.items.vfs.release();

  REQUIRE(running.wait_for(default_deadline));
  CHECK(running.get());
  CHECK(t.items.keys() == std::set<row_id>{1});
}

TEST_CASE("a caller whose time is up before BEGIN is told so while the writer is still busy",
          "[storage][deadline][errors]") {
  item_database t;
  auto first = t.hold_commit(0);

  auto late = t.db.write(insert(1), storage::write_options{.deadline = 20ms});

  REQUIRE_FALSE(late);
  CHECK(late.error().code == errc::timeout);
  CHECK(late.error().where == stage::lane);
  CHECK(mentions(late.error().detail, "waited for the writer"));
  t.vfs.release();
  CHECK(first.get());
  CHECK(t.db.write(insert(2)));
  CHECK(t.keys() == std::set<row_id>{0, 2}); // it was withdrawn
}

TEST_CASE("a caller whose time is up during COMMIT is told that the outcome is open",
          "[storage][deadline][errors]") {
  item_database t;
  t.vfs.hold_next_write(file_role::wal);
  auto running = t.db.write_async(insert(1), storage::write_options{.deadline = 200ms});
  REQUIRE(t.vfs.wait_until_held());

  auto answer = running.get();

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::timeout);
  CHECK(answer.error().where == stage::commit);
  CHECK(mentions(answer.error().detail, "may still take effect"));
  t.vfs.release();
  CHECK(t.db.write(insert(2)));
  CHECK(t.keys() == std::set<row_id>{1, 2}); // this one went through
}

TEST_CASE("an asker that gives up on a queued write says that it waited in its lane",
          "[storage][deadline][errors]") {
  item_database t;
  auto first = t.hold_commit(0);
  auto late = t.db.write_async(insert(1), storage::write_options{.deadline = 5ms});

  auto answer = late.get(); // the writer is held: nobody else can answer

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::timeout);
  CHECK(answer.error().where == stage::lane);
  t.vfs.release();
  CHECK(first.get());
  CHECK(t.keys() == std::set<row_id>{0});
}

TEST_CASE("an asker that gives up on a queued read says that it waited for a reader",
          "[storage][deadline][errors]") {
  item_database t{options([](auto& o) { o.reader_threads = 1; })};
  signal inside;
  signal go_on;
  auto first = t.db.read_async([&](storage::snapshot&) {
    inside.set();
    return go_on.wait();
  });
  REQUIRE(inside.wait());
  auto late = t.db.read_async([](storage::snapshot&) {}, {.deadline = 5ms});

  auto answer = late.get(); // the only thread for reads is held: nobody else can answer

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::timeout);
  CHECK(answer.error().where == stage::reader);
  CHECK(mentions(answer.error().detail, "waited for a reader"));
  go_on.set();
  CHECK(first.get().value());
}

TEST_CASE("a negative deadline is over before it begins", "[storage][deadline][errors]") {
  item_database t;

  auto write = t.db.write(insert(1), storage::write_options{.deadline = -1ns});
  auto later = t.db.write_async(insert(1), storage::write_options{.deadline = -1ns});
  auto read = t.db.read_async([](storage::snapshot&) {}, {.deadline = -1ns});
  auto lease = t.db.lease({.deadline = -1ns});

  REQUIRE_FALSE(write);
  REQUIRE_FALSE(lease);
  for (const auto& problem : {write.error(), error_of(later), error_of(read), lease.error()}) {
    CHECK(problem.code == errc::timeout);
    CHECK(problem.where == stage::admission);
  }
  CHECK(t.keys().empty());
}

TEST_CASE("a read that finds no reader in time names those who hold them",
          "[storage][deadline][errors]") {
  item_database t{options([](auto& o) { o.readers = 2; })};
  auto one = t.db.lease({.owner = "the report"});
  auto two = t.db.lease({.owner = "the export"});
  REQUIRE(one);
  REQUIRE(two);

  auto late = t.db.lease({.deadline = 20ms});

  REQUIRE_FALSE(late);
  CHECK(late.error().code == errc::timeout);
  CHECK(late.error().where == stage::reader);
  CHECK(mentions(late.error().detail, "the report"));
  CHECK(mentions(late.error().detail, "the export"));
}

TEST_CASE("a queued read is answered at its own deadline while all readers are leased",
          "[storage][deadline][errors]") {
  item_database t{options([](auto& o) {
    o.readers = 1;
    o.default_deadline = 1h;
  })};
  auto lease = t.db.lease();
  REQUIRE(lease);
  signal told;

  auto chained = t.db.read_async([](storage::snapshot&) {}, {.deadline = 20ms})
                   .then([&](expected<void> answer) {
                     if (!answer && answer.error().code == errc::timeout
                         && answer.error().where == stage::reader)
                       told.set();
                   });

  CHECK(told.wait());
}

TEST_CASE("a time beyond the end of time never runs out", "[storage][deadline]") {
  const monotonic_time now{1h};

  CHECK(deadline_after(now, std::chrono::nanoseconds::max()) == monotonic_time::max());
  CHECK(deadline_after(now, std::chrono::milliseconds::max()) == monotonic_time::max());
  CHECK(deadline_after(now, std::chrono::hours::max()) == monotonic_time::max());
  CHECK(deadline_after(now, 1s) == monotonic_time{1h + 1s});
  CHECK(deadline_after(now, -1s) == monotonic_time{1h - 1s});
}

TEST_CASE("a checkpoint waits for the writer as long as the default deadline allows",
          "[storage][deadline]") {
  item_database t{options([](auto& o) { o.default_deadline = std::chrono::nanoseconds::max(); })};
  auto first = t.hold_commit(0);
  expected<std::uint64_t> left = fail(errc::timeout);
  signal begun;

  std::jthread caller{[&] {
    begun.set();
    left = t.db.checkpoint();
  }};
  REQUIRE(begun.wait());
  t.vfs.release();
  caller.join();

  CHECK(left);
  CHECK(first.get());
}
