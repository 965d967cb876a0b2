#include "storage/write_fixture.hpp"

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::lane;
using storage::slice_options;
using storage::step;
using storage::transaction;
using storage::written_slices;

namespace {

constexpr row_id loads = 1'000'000; // rows of sliced work begin here
const slice_options each_step{.slice = 0ns};
const storage::write_options interactive{.lane = lane::interactive};

/// Inserts one row in each step, `count` of them, and calls `look(step, transaction)` before each.
template <class Look>
auto load(row_id count, Look look) {
  return [count, look, next = row_id{0}](transaction& in) mutable -> expected<step> {
    if (expected<void> good = look(next, in); !good)
      return unexpected{std::move(good).error()};
    if (auto done = insert(loads + next)(in); !done)
      return unexpected{std::move(done).error()};
    return ++next == count ? step::done : step::more;
  };
}

auto load(row_id count) {
  return load(count, [](row_id, transaction&) { return expected<void>{}; });
}

/// The keys of the rows that sliced work has left.
std::size_t loaded(const item_database& in) {
  const auto keys = in.keys();
  return static_cast<std::size_t>(std::distance(keys.lower_bound(loads), keys.end()));
}

template <class T>
expected<T> answer_of(future<T>& of) {
  REQUIRE(of.wait_for(default_deadline));
  return of.get();
}

/// A database on a runtime whose time stands still: slices end for other reasons than time.
struct timeless_database {
  explicit timeless_database(storage::database_options how = {}) : items{std::move(how), {}, &rt} {}

  static runtime open(const manual_monotonic_clock& clock) {
    runtime_options how;
    how.monotonic = &clock;
    return runtime::open(how).value();
  }

  manual_monotonic_clock clock;
  runtime rt = open(clock);
  item_database items;
};

} // namespace

TEST_CASE("work in slices does each step once and says what it took", "[storage][slices]") {
  item_database t;
  const auto before = t.db.commit_number();

  const auto each = t.db.write_slices(load(20), each_step);

  REQUIRE(each);
  CHECK(each->steps == 20);
  CHECK(each->slices == 20);
  CHECK(each->commit == before + 20);
  CHECK(loaded(t) == 20);
  const auto stats = t.db.stats();
  CHECK(stats.slices == 20);
  CHECK(stats.writes == 1);
  CHECK(stats.lanes.at(static_cast<std::size_t>(lane::bulk)).acknowledged == 1);
}

TEST_CASE("steps share a slice for as long as its time lasts", "[storage][slices]") {
  timeless_database t;
  auto work = load(10, [&t](row_id, transaction&) {
    t.clock.advance(1ms);
    return expected<void>{};
  });

  auto done = t.items.db.write_slices_async(std::move(work), {.slice = 3ms});

  const auto answer = answer_of(done);
  REQUIRE(answer);
  CHECK(answer->steps == 10);
  CHECK(answer->slices == 4); // three steps each, and one
}

TEST_CASE("a slice ends when it has bound as much as a group may", "[storage][slices]") {
  timeless_database t{options([](auto& o) { o.max_group_bytes = 3; })}; // the value binds a byte

  auto done = t.items.db.write_slices_async(load(12));

  const auto answer = answer_of(done);
  REQUIRE(answer);
  CHECK(answer->slices == 4);
}

TEST_CASE("a more urgent write waits for one slice at most, and a slice for one step",
          "[storage][slices][concurrency]") {
  timeless_database t; // without them the load would be a single slice
  std::vector<pending> urgent;
  std::vector<std::uint64_t> asked_at;
  auto work = load(20, [&](row_id at, transaction&) {
    if (at % 4 == 2) { // while a slice runs
      asked_at.push_back(t.items.db.commit_number());
      urgent.push_back(t.items.db.write_async(insert(at), interactive));
    }
    return expected<void>{};
  });

  auto done = t.items.db.write_slices_async(std::move(work));

  const auto answer = answer_of(done);
  REQUIRE(answer);
  CHECK(answer->slices == 6); // one for each write, and what was left
  for (std::size_t i = 0; i < urgent.size(); ++i) {
    const auto own = answer_of(urgent[i]);
    REQUIRE(own);
    CHECK(own->commit == asked_at[i] + 2); // the slice that ran, then the write
  }
}

TEST_CASE("two slices never follow each other while other writes wait", "[storage][slices]") {
  const auto max_group = GENERATE(std::size_t{1}, std::size_t{3});
  CAPTURE(max_group);
  item_database t{options([&](auto& o) { o.max_group = max_group; })};
  std::set<std::uint64_t> slices; // of the thread that writes, until all is answered
  auto first = t.hold_commit(0);
  std::vector<future<written_slices>> long_ones;
  for (const auto in : {lane::normal, lane::bulk, lane::maintenance})
    long_ones.push_back(t.db.write_slices_async(
      [&, rows = 0](transaction&) mutable {
        slices.insert(t.db.commit_number() + 1);
        return ++rows == 20 ? step::done : step::more;
      },
      {.lane = in, .slice = 0ns}));
  auto others = t.queue(1, 60, interactive);
  t.vfs.release();

  const auto before = first.get();
  REQUIRE(before);
  std::uint64_t last = 0;
  for (const auto& each : answers(others))
    last = std::max(last, each.value().commit);
  for (auto& each : long_ones)
    CHECK(answer_of(each).value().slices == 20);
  CHECK(slices.size() == 60);
  std::size_t beside = 0;
  for (auto commit = before->commit + 1; commit < last; ++commit) {
    CHECK(slices.count(commit) + slices.count(commit + 1) < 2);
    beside += slices.count(commit);
  }
  CHECK(beside > 0);
}

TEST_CASE("sliced work is not starved by a full lane of urgent writes", "[storage][slices]") {
  const auto max_group = GENERATE(std::size_t{1}, std::size_t{4}, std::size_t{100});
  CAPTURE(max_group);
  item_database t{options([&](auto& o) { o.max_group = max_group; })};
  auto first = t.hold_commit(0);
  auto done = t.db.write_slices_async(load(3), each_step);
  auto urgent = t.queue(1, 400, interactive);
  t.vfs.release();

  const auto answer = answer_of(done);
  REQUIRE(answer);
  CHECK(answer->slices == 3);
  std::uint64_t last = 0;
  for (const auto& each : answers(urgent))
    last = std::max(last, each.value().commit);
  CHECK(answer->commit < last);
}

TEST_CASE("an error in a later slice undoes that slice and leaves those before it",
          "[storage][slices][errors]") {
  timeless_database t;
  auto work = load(10, [&t](row_id at, transaction&) -> expected<void> {
    if (at == 7)
      return fail(errc::not_found, "no seventh row");
    t.clock.advance(1ms);
    return {};
  });

  auto done = t.items.db.write_slices_async(std::move(work), {.slice = 3ms});

  const auto answer = answer_of(done);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::not_found);
  CHECK(mentions(answer.error().detail, "no seventh row"));
  CHECK(mentions(answer.error().detail, "6 steps in 2 slices before that stay committed"));
  CHECK(loaded(t.items) == 6);
  CHECK(t.items.db.stats().failed_writes == 1);
  CHECK(t.items.db.stats().reruns == 0);
  CHECK(t.items.db.write(insert(1)));
}

TEST_CASE("a step that throws, or breaks a deferred foreign key, ends the work",
          "[storage][slices][errors]") {
  item_database t;
  REQUIRE(t.db.write([](transaction& in) {
    return in.execute_script("CREATE TABLE child(parent INTEGER REFERENCES item(key) "
                             "DEFERRABLE INITIALLY DEFERRED)");
  }));

  const auto threw = t.db.write_slices(load(3,
                                            [](row_id at, transaction&) -> expected<void> {
                                              if (at == 1)
                                                throw std::runtime_error{"a bug"};
                                              return {};
                                            }),
                                       each_step);
  const auto broke = t.db.write_slices(
    [](transaction& in) -> expected<step> {
      if (auto done = in.execute("INSERT INTO child(parent) VALUES(777)"); !done)
        return unexpected{std::move(done).error()};
      return step::more;
    },
    each_step);

  REQUIRE_FALSE(threw);
  CHECK(threw.error().code == errc::internal);
  CHECK(mentions(threw.error().detail, "a bug"));
  CHECK(loaded(t) == 1);
  REQUIRE_FALSE(broke);
  CHECK(broke.error().code == errc::constraint);
}

TEST_CASE("a step that fails makes nobody else's write run again", "[storage][slices][errors]") {
  item_database t;
  std::atomic<int> runs{0};
  auto first = t.hold_commit(0);
  auto done = t.db.write_slices_async(load(2,
                                           [](row_id, transaction& in) -> expected<void> {
                                             static_cast<void>(insert(loads - 1)(in));
                                             return fail(errc::not_found, "nothing");
                                           }),
                                      each_step);
  std::vector<pending> innocent;
  for (row_id key = 1; key <= 5; ++key)
    innocent.push_back(t.db.write_async([&runs, key](transaction& in) {
      ++runs;
      return insert(key)(in);
    }));
  t.vfs.release();

  CHECK(answer_of(done).error().code == errc::not_found);
  for (auto& each : answers(innocent))
    CHECK(each);
  CHECK(runs == 5);
  CHECK(t.keys() == std::set<row_id>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("closing ends sliced work after its slice and says what stays",
          "[storage][slices][errors]") {
  item_database t;
  signal inside;
  signal go_on;
  auto work = load(1'000'000, [&](row_id at, transaction&) {
    if (at == 5) {
      inside.set();
      static_cast<void>(go_on.wait());
    }
    return expected<void>{};
  });
  auto done = t.db.write_slices_async(std::move(work), each_step);
  auto waits = t.db.write_slices_async([](transaction&) { return step::more; }, each_step);
  REQUIRE(inside.wait());
  std::thread closes{[&t] { CHECK(t.db.close(default_deadline)); }};
  REQUIRE(eventually([&t] {
    const auto read = t.db.read([](storage::snapshot&) {});
    return !read && read.error().code == errc::closed;
  }));
  go_on.set();
  closes.join();

  const auto answer = answer_of(done);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::closed);
  CHECK(mentions(answer.error().detail, "stay committed"));
  CHECK(answer_of(waits).error().code == errc::closed);
}

TEST_CASE("on a deterministic runtime slices and other writes take turns",
          "[storage][slices][deterministic]") {
  runtime_options how;
  how.deterministic = true;
  auto rt = runtime::open(how).value();
  item_database t{{}, {}, &rt};
  const auto before = t.db.commit_number();

  auto work = t.db.write_slices_async(load(3), each_step);
  auto other = t.db.write_async(insert(1));
  auto blocking = t.db.write_slices(load(
    0, [](row_id, transaction&) -> expected<void> { return fail(errc::not_found, "at once"); }));

  CHECK(blocking.error().code == errc::not_found);
  rt.run_until_idle();
  REQUIRE(work.ready());
  CHECK(work.get().value().commit == before + 4);
  CHECK(other.get());
}

TEST_CASE("reads of a memory database get their turn between slices", "[storage][slices]") {
  auto db = storage::database::open(":memory:").value();
  auto work = db.write_slices_async([](transaction&) { return step::more; }, each_step);
  REQUIRE(eventually([&db] { return db.stats().slices > 0; }));

  for (int i = 0; i < 20; ++i)
    CHECK(db.read([](storage::snapshot& view) { return view.value<int>("SELECT 1"); }));

  work.cancel();
  REQUIRE(work.wait_for(default_deadline));
  CHECK(work.get().error().code == errc::cancelled);
}
