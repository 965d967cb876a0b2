#include "storage/write_fixture.hpp"

#include <atomic>
#include <stop_token>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::step;
using storage::transaction;

namespace {

constexpr row_id endless = 1'000'000; // rows of a statement without an end begin here

/// So small a cache that a long statement writes to the log before it ends: there it can be held.
storage::database_options small_cache(storage::database_options how = {}) {
  how.cache_kib = 50;
  return how;
}

/// One statement that inserts rows for ever. Its first write to the log is held.
auto insert_for_ever(item_database& in_this) {
  return [&in_this](transaction& in) {
    in_this.vfs.hold_next_write(file_role::wal);
    return in.execute("WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n) "
                      "INSERT INTO item(key, value) SELECT i, 'v' FROM n",
                      endless);
  };
}

void check_cancelled(const reply& answer) {
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::cancelled);
}

reply answer_of(pending& of) {
  REQUIRE(of.wait_for(default_deadline));
  return of.get();
}

} // namespace

TEST_CASE("a cancel ends the statement that runs, and the write is undone", "[storage][cancel]") {
  const bool ignored = GENERATE(false, true); // by the function
  item_database t{small_cache()};
  auto running = t.db.write_async([ignored, work = insert_for_ever(t)](transaction& in) {
    auto done = work(in);
    CHECK(done.error().code == errc::cancelled);
    return ignored ? expected<storage::changes>{storage::changes{}} : done;
  });
  REQUIRE(t.vfs.wait_until_held());

  CHECK_FALSE(running.cancel()); // it had begun
  t.vfs.release();

  check_cancelled(answer_of(running));
  CHECK(t.keys().empty());
  CHECK(t.db.write(insert(1)));
  CHECK(t.keys() == std::set<row_id>{1});
}

TEST_CASE("a cancel inside a statement costs the others of the group nothing",
          "[storage][cancel][group_commit]") {
  item_database t{small_cache()};
  auto first = t.hold_commit(0);
  auto before = t.queue(1, 3);
  std::atomic<int> runs{0};
  auto running = t.db.write_async([&, work = insert_for_ever(t)](transaction& in) {
    ++runs;
    return work(in);
  });
  auto after = t.queue(4, 3);
  t.vfs.release();
  REQUIRE(first.get());
  REQUIRE(t.vfs.wait_until_held());

  running.cancel();
  t.vfs.release();

  check_cancelled(answer_of(running));
  for (auto* part : {&before, &after})
    for (auto& done : answers(*part))
      CHECK(done);
  CHECK(runs == 1);
  CHECK(t.keys() == std::set<row_id>{0, 1, 2, 3, 4, 5, 6});
  CHECK(t.db.stats().reruns == 1);
}

TEST_CASE("a cancel between statements undoes the write, whatever its function makes of it",
          "[storage][cancel]") {
  const bool tries_more = GENERATE(true, false);
  item_database t;
  signal inside;
  signal go_on;
  auto running = t.db.write_async([&](transaction& in) -> expected<storage::changes> {
    auto done = insert(1)(in);
    inside.set();
    static_cast<void>(go_on.wait());
    if (tries_more)
      CHECK(insert(2)(in).error().code == errc::cancelled);
    return done;
  });
  REQUIRE(inside.wait());
  auto other = t.db.write_async(insert(3));

  running.cancel();
  go_on.set();

  check_cancelled(answer_of(running));
  CHECK(answer_of(other));
  CHECK(t.keys() == std::set<row_id>{3});
}

TEST_CASE("a cancel of a member that has run undoes it while a later member runs",
          "[storage][cancel][group_commit]") {
  item_database t;
  auto first = t.hold_commit(0);
  signal inside;
  signal go_on;
  auto has_run = t.db.write_async(insert(1));
  auto runs = t.db.write_async([&](transaction& in) {
    inside.set();
    static_cast<void>(go_on.wait());
    return insert(2)(in);
  });
  t.vfs.release();
  REQUIRE(inside.wait());

  CHECK_FALSE(has_run.cancel());
  go_on.set();

  check_cancelled(answer_of(has_run));
  CHECK(answer_of(runs));
  CHECK(first.get());
  CHECK(t.keys() == std::set<row_id>{0, 2});
}

TEST_CASE("a cancel that comes after COMMIT has begun is too late, and the answer says so",
          "[storage][cancel]") {
  std::stop_source stop;
  item_database t;
  t.vfs.hold_next_write(file_role::wal);
  auto running = t.db.write_async(insert(0), storage::write_options{.stop = stop.get_token()});
  REQUIRE(t.vfs.wait_until_held());

  CHECK_FALSE(running.cancel());
  stop.request_stop();
  t.vfs.release();

  CHECK(answer_of(running));
  CHECK(t.keys() == std::set<row_id>{0});
}

TEST_CASE("a stop that is requested while a write waits keeps it from running",
          "[storage][cancel]") {
  std::stop_source stop;
  item_database t;
  std::atomic<bool> ran{false};
  auto work = [&ran](transaction& in) {
    ran = true;
    return insert(1)(in);
  };
  auto first = t.hold_commit(0);
  auto queued = t.db.write_async(work, storage::write_options{.stop = stop.get_token()});
  signal told;
  std::thread blocked{[&] {
    check_cancelled(t.db.write(work, storage::write_options{.stop = stop.get_token()}));
    told.set();
  }};
  REQUIRE(eventually([&t] { return t.db.stats().waiting_writes == 2; }));

  stop.request_stop();

  CHECK(told.wait()); // while the writer is still held
  t.vfs.release();
  blocked.join();
  check_cancelled(answer_of(queued));
  check_cancelled(t.db.write(work, storage::write_options{.stop = stop.get_token()}));
  CHECK(first.get());
  CHECK_FALSE(ran);
  CHECK(t.keys() == std::set<row_id>{0});
}

TEST_CASE("a stop ends a blocking write inside its statement", "[storage][cancel]") {
  std::stop_source stop;
  item_database t{small_cache()};
  std::thread blocked{[&] {
    check_cancelled(
      t.db.write(insert_for_ever(t), storage::write_options{.stop = stop.get_token()}));
  }};
  REQUIRE(t.vfs.wait_until_held());

  stop.request_stop();
  t.vfs.release();

  blocked.join();
  CHECK(t.keys().empty());
}

TEST_CASE("a deadline that passes inside a statement ends it", "[storage][cancel][deadline]") {
  manual_monotonic_clock clock;
  runtime_options how;
  how.monotonic = &clock;
  auto rt = runtime::open(how).value();
  item_database t{small_cache(), {}, &rt};
  auto running = t.db.write_async(insert_for_ever(t), storage::write_options{.deadline = 10s});
  REQUIRE(t.vfs.wait_until_held());

  clock.advance(11s);
  t.vfs.release();

  const auto answer = answer_of(running);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::timeout);
  CHECK(answer.error().where == stage::execute);
  CHECK(t.keys().empty());
}

TEST_CASE("a cancel ends sliced work and leaves the slices before it",
          "[storage][cancel][slices]") {
  const bool by_token = GENERATE(true, false);
  std::stop_source stop;
  item_database t;
  signal inside;
  signal go_on;
  storage::slice_options how;
  how.slice = 0ns;
  how.stop = stop.get_token();
  auto running = t.db.write_slices_async(
    [&, at = row_id{0}](transaction& in) mutable -> expected<step> {
      if (auto done = insert(at)(in); !done)
        return unexpected{std::move(done).error()};
      if (++at == 5) {
        inside.set();
        static_cast<void>(go_on.wait());
      }
      return step::more;
    },
    how);
  REQUIRE(inside.wait());

  if (by_token)
    stop.request_stop();
  else
    CHECK_FALSE(running.cancel());
  go_on.set();

  REQUIRE(running.wait_for(default_deadline));
  const auto answer = running.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::cancelled);
  CHECK(mentions(answer.error().detail, "4 steps in 4 slices before that stay committed"));
  CHECK(t.keys() == std::set<row_id>{0, 1, 2, 3});
}

TEST_CASE("sliced work that has not begun is withdrawn at once", "[storage][cancel][slices]") {
  item_database t;
  auto first = t.hold_commit(0);
  auto queued = t.db.write_slices_async([](transaction&) { return step::more; });

  CHECK(queued.cancel());

  REQUIRE(queued.ready());
  CHECK(queued.get().error().code == errc::cancelled);
  t.vfs.release();
  CHECK(first.get());
}

TEST_CASE("sliced work is cancelled between its slices", "[storage][cancel][slices]") {
  item_database t;
  std::atomic<int> slices{0};
  auto running = t.db.write_slices_async(
    [&](transaction&) {
      ++slices;
      return step::more;
    },
    {.slice = 0ns});
  REQUIRE(eventually([&] { return slices > 10; }));

  running.cancel();

  REQUIRE(running.wait_for(default_deadline));
  CHECK(running.get().error().code == errc::cancelled);
}

TEST_CASE("a cancelled write does not keep a database from closing", "[storage][cancel]") {
  item_database t{small_cache()};
  auto running = t.db.write_async(insert_for_ever(t));
  REQUIRE(t.vfs.wait_until_held());
  std::thread closes{[&t] { CHECK(t.db.close(default_deadline)); }};
  REQUIRE(eventually([&t] { return !t.db.read([](storage::snapshot&) {}); }));

  running.cancel();
  t.vfs.release();

  check_cancelled(answer_of(running));
  closes.join();
}
