// Reads that are ended while they run: by who asked for them, by their own time, at every stage.

#include "cortex/storage/interruption.hpp"

#include "storage/write_fixture.hpp"

#include <atomic>
#include <optional>
#include <stop_token>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::snapshot;
using storage::detail::interruption;
using storage::detail::stop_reason;

namespace {

constexpr auto endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                         "SELECT i FROM n";
constexpr auto endless_step = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                              "SELECT max(i) FROM n";

/// Reads rows for ever; `at_row` hears of each.
template <class F>
auto read_rows(F at_row) {
  return [at_row](snapshot& view) -> expected<row_id> {
    auto rows = view.query(endless);
    if (!rows)
      return unexpected{std::move(rows).error()};
    row_id count = 0;
    auto done = rows->each([&](storage::row) { at_row(++count); });
    if (!done)
      return unexpected{std::move(done).error()};
    return count;
  };
}

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

row_id count_items(snapshot& view) {
  return view.value<row_id>("SELECT count(*) FROM item").value();
}

} // namespace

TEST_CASE("a request to stop reaches the use that it names and no other", "[storage][interrupt]") {
  interruption word;
  word.begin({});
  const auto first = word.number();
  CHECK_FALSE(word.stops());
  CHECK(word.request(first, stop_reason::pinned));
  CHECK_FALSE(word.request(first, stop_reason::cancelled)); // the first one counts
  CHECK(word.stops());
  CHECK(word.told()->where == stage::reader);
  word.end();

  CHECK(word.number() == 0);
  CHECK_FALSE(word.request(first, stop_reason::pinned));
  word.begin({});
  CHECK_FALSE(word.request(first, stop_reason::pinned));
  CHECK_FALSE(word.stops());
  CHECK(word.enter());
  word.leave();
  word.end();
}

TEST_CASE("others may use a connection only while its user is outside and was asked to stop",
          "[storage][interrupt]") {
  interruption word;
  int works = 0;
  auto work = [&works] { ++works; };
  word.begin({});
  const auto number = word.number();
  CHECK_FALSE(word.while_outside(number, work)); // nobody asked

  REQUIRE(word.enter());
  REQUIRE(word.enter()); // a second statement
  REQUIRE(word.request(number, stop_reason::pinned));
  CHECK_FALSE(word.while_outside(number, work));
  word.leave();
  CHECK_FALSE(word.while_outside(number, work));
  word.leave();
  CHECK(word.while_outside(number, work));
  CHECK_FALSE(word.enter());
  CHECK(word.while_outside(number, work)); // a refused one has stayed outside
  word.end();

  CHECK_FALSE(word.while_outside(number, work));
  CHECK(works == 2);
}

TEST_CASE("a use goes on for another asker as if nothing had been asked of the one before",
          "[storage][interrupt]") {
  interruption word;
  std::stop_source source;
  word.begin({.stop = source.get_token()});
  source.request_stop();
  CHECK(word.stops());
  CHECK(word.told()->code == errc::cancelled);

  word.go_on({});
  CHECK_FALSE(word.stops());
  CHECK(word.request(word.number(), stop_reason::pinned));
  CHECK(word.stops());
  word.go_on({});
  CHECK(word.stops()); // that is about the connection, not about who asked
  word.end();
}

TEST_CASE("a blocking read is ended by another thread in the middle of its rows",
          "[storage][interrupt][errors]") {
  item_database t;
  std::stop_source source;
  std::atomic<row_id> rows{0};
  std::jthread other{[&] {
    static_cast<void>(eventually([&] { return rows > 10'000; }));
    source.request_stop();
  }};

  auto ended = t.db.read(read_rows([&](row_id count) { rows = count; }),
                         {.owner = "rows", .stop = source.get_token()});

  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == errc::cancelled);
  CHECK(t.db.read(count_items));
}

TEST_CASE("a statement without rows is ended by another thread", "[storage][interrupt][errors]") {
  item_database t;
  std::stop_source source;
  signal begun;
  std::jthread other{[&] {
    static_cast<void>(begun.wait());
    source.request_stop();
  }};

  auto ended = t.db.read(
    [&](snapshot& view) {
      begun.set();
      return view.value<row_id>(endless_step);
    },
    {.stop = source.get_token()});

  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == errc::cancelled);
}

TEST_CASE("a read whose time is up ends at its next row and says so",
          "[storage][interrupt][errors]") {
  timed_database t;
  row_id last = 0;

  auto ended = t.items.db.read(read_rows([&](row_id count) {
                                 last = count;
                                 if (count == 5)
                                   t.clock.advance(2s);
                               }),
                               {.run_for = 1s});

  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == errc::timeout);
  CHECK(ended.error().where == stage::execute);
  CHECK(last == 5);
}

TEST_CASE("a read that names no time has the database's", "[storage][interrupt]") {
  timed_database t{options([](auto& o) { o.default_run_for = 1s; })};
  const auto slow = [&](snapshot& view) -> expected<row_id> {
    t.clock.advance(2s);
    return view.value<row_id>("SELECT 1");
  };

  auto usual = t.items.db.read(slow);
  auto patient = t.items.db.read(slow, {.run_for = 10s});
  auto queued = t.items.db.read_async(slow).get();

  CHECK(usual.error().where == stage::execute);
  CHECK(patient);
  CHECK(queued.error().where == stage::execute);
}

TEST_CASE("what a function makes of a read that was ended is no result",
          "[storage][interrupt][errors]") {
  timed_database t;
  const auto ignores = [&](snapshot& view) -> row_id {
    t.clock.advance(2s);
    return view.value<row_id>("SELECT 1").value_or(42);
  };
  const auto was_done = [&](snapshot& view) -> row_id {
    const auto value = view.value<row_id>("SELECT 1").value();
    t.clock.advance(2s);
    return value;
  };

  auto partial = t.items.db.read(ignores, {.run_for = 1s});
  auto complete = t.items.db.read(was_done, {.run_for = 1s});

  REQUIRE_FALSE(partial);
  CHECK(partial.error().code == errc::timeout);
  CHECK(complete.value() == 1); // it had all that it asked for
}

TEST_CASE("a lease ends as a read does, and the next one begins anew",
          "[storage][interrupt][errors]") {
  timed_database t{options([](auto& o) { o.readers = 1; })};
  std::stop_source source;
  {
    auto lease = t.items.db.lease({.run_for = 1s, .stop = source.get_token()}).value();
    CHECK(lease->value<row_id>("SELECT 1"));
    t.clock.advance(2s);
    CHECK(lease->value<row_id>("SELECT 1").error().where == stage::execute);
    source.request_stop();
    CHECK(lease->value<row_id>("SELECT 1").error().where == stage::execute); // as it was told first
  }
  auto stopped = t.items.db.lease({.stop = source.get_token()});
  auto next = t.items.db.lease();

  CHECK(stopped.error().code == errc::cancelled);
  CHECK(next.value()->value<row_id>("SELECT 1"));
}

TEST_CASE("a read is withdrawn while it waits for a reader", "[storage][interrupt][errors]") {
  item_database t{options([](auto& o) { o.readers = 1; })};
  std::optional<storage::read_lease> held = t.db.lease().value();
  std::stop_source source;
  std::jthread other{[&] {
    static_cast<void>(eventually([&] { return t.db.stats().reader_waits == 1; }));
    source.request_stop();
  }};

  auto waiting = t.db.read(count_items, {.deadline = 1h, .stop = source.get_token()});

  REQUIRE_FALSE(waiting);
  CHECK(waiting.error().code == errc::cancelled);
  CHECK(mentions(waiting.error().detail, "waited for a reader"));
  held.reset();
  CHECK(t.db.read(count_items));
}

TEST_CASE("a queued read can be withdrawn at every stage", "[storage][interrupt]") {
  item_database t{options([](auto& o) {
    o.readers = 1;
    o.reader_threads = 1;
  })};
  std::optional<storage::read_lease> held = t.db.lease().value();
  auto waits_for_reader = t.db.read_async(count_items);
  REQUIRE(eventually([&] { return t.db.stats().reader_waits == 1; }));
  std::stop_source source;
  auto queued = t.db.read_async(count_items);
  auto with_token = t.db.read_async(count_items, {.stop = source.get_token()});

  CHECK(waits_for_reader.cancel());
  CHECK(queued.cancel());
  source.request_stop();
  held.reset();

  CHECK(waits_for_reader.get().error().code == errc::cancelled);
  CHECK(queued.get().error().code == errc::cancelled);
  CHECK(with_token.get().error().code == errc::cancelled);

  signal begun;
  auto running = t.db.read_async(read_rows([&](row_id count) {
    if (count == 1000)
      begun.set();
  }));
  REQUIRE(begun.wait());
  CHECK_FALSE(running.cancel()); // it had begun, so it answers
  REQUIRE(running.wait_for(default_deadline));
  CHECK(running.get().error().code == errc::cancelled);

  auto done = t.db.read_async(count_items);
  REQUIRE(done.wait_for(default_deadline));
  CHECK_FALSE(done.cancel());
  CHECK(done.get().value() == 0);
}

TEST_CASE("a queued read whose asker has given up ends", "[storage][interrupt]") {
  item_database t{options([](auto& o) { o.reader_threads = 1; })};

  auto late = t.db.read_async(read_rows([](row_id) {}), {.deadline = 20ms}).get();

  CHECK(late.error().code == errc::timeout);
  CHECK(t.db.read_async(count_items).get().value() == 0); // the only thread for reads is free again
}

TEST_CASE("reads that share a snapshot end each for its own reasons", "[storage][interrupt]") {
  timed_database t{options([](auto& o) {
    o.readers = 1;
    o.reader_threads = 1;
  })};
  std::optional<storage::read_lease> held = t.items.db.lease().value();
  auto first = t.items.db.read_async(count_items); // takes the thread to the wait for a reader
  REQUIRE(eventually([&] { return t.items.db.stats().reader_waits == 1; }));
  std::stop_source source;
  auto cut = t.items.db.read_async(read_rows([&](row_id count) {
                                     if (count == 10)
                                       source.request_stop();
                                   }),
                                   {.stop = source.get_token()});
  auto late = t.items.db.read_async(read_rows([&](row_id count) {
                                      if (count == 10)
                                        t.clock.advance(20ms);
                                    }),
                                    {.run_for = 10ms});
  auto good = t.items.db.read_async(count_items);

  held.reset();

  CHECK(first.get());
  CHECK(cut.get().error().code == errc::cancelled);
  CHECK(late.get().error().where == stage::execute);
  CHECK(good.get().value() == 0);
}

TEST_CASE("a read on a memory database ends like any other", "[storage][interrupt][memory]") {
  auto db = storage::database::open(":memory:").value();
  std::stop_source source;
  std::atomic<row_id> rows{0};
  const auto until_told = [&](row_id count) {
    rows = count;
    if (count == 100)
      source.request_stop();
  };

  CHECK(db.read(read_rows(until_told), {.stop = source.get_token()}).error().code
        == errc::cancelled);
  CHECK(db.read_async(read_rows(until_told), {.stop = source.get_token()}).get().error().code
        == errc::cancelled);

  CHECK(db.read([](snapshot& view) { return view.value<row_id>("SELECT 1"); }).value() == 1);
  CHECK(db.write([](storage::transaction& in) {
    return in.execute("CREATE TABLE item(key INTEGER PRIMARY KEY)");
  }));
}

TEST_CASE("a late request never ends the read of the next borrower",
          "[storage][interrupt][concurrency]") {
  item_database t{options([](auto& o) { o.readers = 2; })};
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> asked{0};

  run_threads(4, [&](std::size_t thread) {
    if (thread < 2) { // asks reads of its own to stop, at all stages
      for (int i = 0; i < 3000; ++i) {
        auto mine = t.db.read_async([](snapshot& view) {
          return view.value<row_id>(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "LIMIT 300) SELECT max(i) FROM n");
        });
        for (int yields = 0; yields < i % 7; ++yields)
          std::this_thread::yield();
        static_cast<void>(mine.cancel());
        ++asked;
        static_cast<void>(mine.get());
      }
      over = true;
      return;
    }
    while (!over) {
      if (thread == 2)
        static_cast<void>(t.db.read_async(count_items).get().value());
      else
        static_cast<void>(t.db.read(count_items).value());
    }
  });

  CHECK(asked == 6000);
}
