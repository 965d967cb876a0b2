// Readers that keep the log over its budget: named, interrupted, and writers slowed at last.

#include "cortex/storage/log_governor.hpp"

#include "storage/write_fixture.hpp"

#include <sqlite3.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;
using storage::governor_options;
using storage::snapshot;
using storage::detail::log_governor;
using storage::detail::pin_step;

namespace {

constexpr std::size_t budget_bytes = std::size_t{1} << 20U;
constexpr std::uint64_t budget_pages = budget_bytes / 4096;
constexpr std::uint64_t far_over = 4 * budget_pages;

template <class F>
storage::database_options governed(F set) {
  auto out = options([](auto& o) {
    o.checkpoint_pages = 50;
    o.wal_budget_bytes = budget_bytes;
    o.reader_patience = 5ms;
    o.governor.longest_delay = 0ns;
  });
  set(out);
  return out;
}

/// A database whose time stands still until the test moves it, and what its log sink heard.
struct governed_database {
  template <class F>
  explicit governed_database(F set) : rt{open()}, items{governed(set), {}, &rt} {}
  governed_database() : governed_database([](auto&) {}) {}

  runtime open() {
    runtime_options how;
    how.monotonic = &clock;
    how.log = [this](severity, std::string_view, std::string_view text) {
      const std::lock_guard guard{mutex};
      log += std::string{text} + '\n';
    };
    return runtime::open(how).value();
  }

  std::string heard() {
    const std::lock_guard guard{mutex};
    return log;
  }
  std::size_t times_heard(const std::string& what) {
    const auto text = heard();
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++count;
    return count;
  }

  /// Writes until the log is longer than `pages`, or has been written to that extent in vain.
  std::uint64_t write_until(std::uint64_t pages) {
    std::uint64_t longest = 0;
    for (std::uint64_t rows = 0; longest < pages && rows < pages; ++rows) {
      REQUIRE(items.db.write(insert(key++, std::string(8'000, 'x')))); // some three pages
      longest = std::max(longest, items.db.stats().wal_pages);
    }
    return longest;
  }
  void write_one() { REQUIRE(items.db.write(insert(key++, std::string(8'000, 'x')))); }

  manual_monotonic_clock clock;
  std::mutex mutex;
  std::string log; // guarded by mutex
  runtime rt;
  item_database items;
  row_id key = 0;
};

storage::read_lease look(governed_database& at, storage::read_options how) {
  auto lease = at.items.db.lease(how);
  REQUIRE(lease);
  REQUIRE((*lease)->one<row_id>("SELECT count(*) FROM item"));
  return *std::move(lease);
}

} // namespace

TEST_CASE("a reader is named once and interrupted later, counted from when it does harm",
          "[storage][governor]") {
  const governor_options how{.warn_after = 1s, .interrupt_after = 10s};
  log_governor rules{how, 100};
  const monotonic_time began{1h};

  rules.note_log(99, began);
  CHECK(rules.step(0, 1, began - 1h, 0s, began + 1h) == pin_step::none); // within the budget
  rules.note_log(100, began);
  CHECK(rules.step(0, 1, began - 1h, 0s, began) == pin_step::none); // it is not to blame for before
  CHECK(rules.step(0, 1, began - 1h, 0s, began + 1s) == pin_step::name);
  CHECK(rules.step(0, 1, began - 1h, 0s, began + 2s) == pin_step::none);
  CHECK(rules.step(1, 7, began + 2s, 0s, began + 2s) == pin_step::none); // it came later
  CHECK(rules.step(1, 7, began + 2s, 0s, began + 3s) == pin_step::name);
  rules.note_log(500, began + 9s);
  CHECK(rules.step(0, 1, began - 1h, 0s, began + 10s) == pin_step::interrupt);
  CHECK(rules.step(1, 7, began + 2s, 0s, began + 10s) == pin_step::none);
  CHECK(rules.step(0, 2, began + 8s, 0s, began + 10s) == pin_step::name); // another use of it
  CHECK(rules.step(2, 3, began, 1h, began + 10s) == pin_step::name);      // may take its time
  CHECK(rules.step(2, 3, began, std::chrono::nanoseconds::max(), began + 1000h) == pin_step::none);
  rules.note_log(0, began + 10s);
  CHECK(rules.step(0, 1, began - 1h, 0s, began + 20s) == pin_step::none);
}

TEST_CASE("writers are slowed when all else is done, the more the longer the log is",
          "[storage][governor]") {
  const governor_options how{.interrupt_after = 10s, .longest_delay = 100ms};
  log_governor rules{how, 100};
  const monotonic_time began{1h};

  rules.note_log(100, began);
  CHECK(rules.delay(began + 1h) == 0ns); // at the budget
  rules.note_log(200, began + 1s);
  CHECK(rules.delay(began + 9s) == 0ns); // who is in the way has some time left
  CHECK(rules.delay(began + 10s) == 50ms);
  rules.note_log(400, began + 10s);
  CHECK(rules.delay(began + 11s) == 75ms);
  rules.note_log(1'000'000'000, began + 10s);
  CHECK(rules.delay(began + 11s) <= 100ms);
  rules.note_log(99, began + 11s);
  CHECK(rules.delay(began + 1h) == 0ns);

  const governor_options never{
    .warn_after = 1s, .interrupt_after = std::chrono::nanoseconds::max(), .longest_delay = 100ms};
  log_governor patient{never, 100};
  patient.note_log(200, began);
  CHECK(patient.delay(began + 1s) == 50ms);
  CHECK(patient.step(0, 1, began, 0s, began + 1000h) == pin_step::name);
}

TEST_CASE("without a governor a stuck reader lets the log grow, with one it does not",
          "[storage][governor]") {
  const bool governs = GENERATE(false, true);
  governed_database t{
    [&](auto& o) { o.governor.interrupt_after = governs ? 0ns : std::chrono::nanoseconds::max(); }};
  t.write_one();
  auto stuck = look(t, {.owner = "the report"});

  const auto longest = t.write_until(far_over);

  CHECK((longest >= far_over) != governs);
  if (governs)
    CHECK(longest < budget_pages + 60); // a checkpoint's step
  CHECK(t.items.db.stats().readers_interrupted == (governs ? 1 : 0));
}

TEST_CASE("a reader that pins the log is named once, with its age and what it pins",
          "[storage][governor]") {
  std::vector<storage::pinned_log> told;
  governed_database t{
    [&](auto& o) { o.governor.on_pinned = [&](const auto& what) { told.push_back(what); }; }};
  t.write_one();
  auto stuck = look(t, {.owner = "the report"});
  static_cast<void>(t.write_until(budget_pages + 10));
  CHECK(told.empty());

  t.clock.advance(1s);
  for (int i = 0; i < 5; ++i)
    t.write_one();

  REQUIRE(told.size() == 1);
  CHECK(told[0].owner == "the report");
  CHECK(told[0].age == 1s);
  CHECK(told[0].pages >= budget_pages);
  CHECK_FALSE(told[0].ended);
  CHECK(t.times_heard("'the report' has kept its state for 1000 ms") == 1);
  CHECK(t.items.db.stats().readers_named == 1);
  CHECK(t.items.db.stats().pinned_by == "the report");
  CHECK(stuck->one<row_id>("SELECT count(*) FROM item").value() == 1); // and nothing else
}

TEST_CASE("a reader in the middle of its rows is interrupted for the log that it pins",
          "[storage][governor][errors]") {
  governed_database t;
  t.write_one();
  signal reading;
  std::atomic<bool> cut{false};
  expected<row_id> result = 0;
  std::jthread other{[&](const std::stop_token& given_up) {
    result = t.items.db.read(
      [&](snapshot& view) -> expected<row_id> {
        auto rows = view.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                               "SELECT i FROM n");
        row_id count = 0;
        auto done = rows->each([&](storage::row) {
          if (++count == 100)
            reading.set();
          std::this_thread::yield();
        });
        cut = true;
        return count; // as if nothing had happened
      },
      {.owner = "endless", .stop = given_up});
  }};
  REQUIRE(reading.wait());
  static_cast<void>(t.write_until(budget_pages + 10));

  t.clock.advance(30s);
  t.write_one();

  REQUIRE(eventually([&] { return cut.load(); }));
  other.join();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == errc::timeout);
  CHECK(result.error().where == stage::reader);
  CHECK(mentions(result.error().detail, "kept the log"));
  CHECK(t.items.db.stats().readers_interrupted == 1);
  CHECK(mentions(t.heard(), "'endless'"));
  t.write_one();
  t.write_one();
  CHECK(t.items.db.stats().wal_pages < budget_pages);
}

TEST_CASE("an idle lease loses its state to the writer, is told so and harms nobody after that",
          "[storage][governor][errors]") {
  governed_database t{[](auto& o) { o.readers = 1; }};
  t.write_one();
  std::optional<storage::read_lease> idle = look(t, {.owner = "idle"});
  static_cast<void>(t.write_until(budget_pages + 10));

  t.clock.advance(30s);
  t.write_one();

  CHECK(t.items.db.stats().log_resets == 1);
  CHECK(t.items.db.stats().wal_pages < 10); // though the lease is still held
  CHECK(t.write_until(far_over) < budget_pages + 60);
  auto refused = (*idle)->one<row_id>("SELECT count(*) FROM item");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::timeout);
  CHECK(refused.error().where == stage::reader);
  CHECK((*idle)->one<row_id>("SELECT 1").error().where == stage::reader);
  idle.reset();
  auto next = look(t, {.owner = "next"}); // the same connection
  CHECK(next->one<row_id>("SELECT count(*) FROM item").value() == t.key);
}

TEST_CASE("a lease that may pin the log is left alone, and writers are slowed",
          "[storage][governor]") {
  governed_database t{[](auto& o) { o.governor.longest_delay = 1s; }};
  t.write_one();
  auto check = look(t, {.owner = "check", .pin_for = std::chrono::nanoseconds::max()});
  static_cast<void>(t.write_until(2 * budget_pages));
  CHECK(t.items.db.stats().slowed_groups == 0);

  t.clock.advance(1h);
  auto slowed = t.items.db.write_async(insert(t.key++));
  REQUIRE(eventually([&] { return t.items.db.stats().slowed_groups == 1; }));
  t.clock.advance(1s);
  REQUIRE(slowed.wait_for(default_deadline));
  CHECK(slowed.get());

  CHECK(t.items.db.stats().readers_interrupted == 0);
  CHECK(check->one<row_id>("SELECT count(*) FROM item").value() == 1);
}

TEST_CASE("a lone caller that writes on its own thread is slowed as others are",
          "[storage][governor]") {
  governed_database t{[](auto& o) { o.governor.longest_delay = 1s; }};
  t.write_one();
  auto check = look(t, {.owner = "check", .pin_for = std::chrono::nanoseconds::max()});
  static_cast<void>(t.write_until(2 * budget_pages));
  t.clock.advance(1h);

  std::atomic<bool> written{false};
  std::thread caller{[&] { written = t.items.db.write(insert(t.key++)).has_value(); }};
  const bool slowed = eventually([&] { return t.items.db.stats().slowed_groups == 1; });
  t.clock.advance(1s);
  caller.join();

  CHECK(slowed);
  CHECK(written);
}

TEST_CASE("a reader of another process slows writers, and they are fast again once it is gone",
          "[storage][governor]") {
  governed_database t{[](auto& o) { o.governor.longest_delay = 1s; }};
  t.write_one();
  sqlite3* foreign = nullptr;
  REQUIRE(sqlite3_open_v2(t.items.file().c_str(), &foreign, SQLITE_OPEN_READONLY, nullptr)
          == SQLITE_OK);
  REQUIRE(sqlite3_exec(foreign, "BEGIN; SELECT count(*) FROM item", nullptr, nullptr, nullptr)
          == SQLITE_OK);
  static_cast<void>(t.write_until(2 * budget_pages));
  t.clock.advance(30s);

  auto slowed = t.items.db.write_async(insert(t.key++)); // waits until the clock moves
  REQUIRE(eventually([&] { return t.items.db.stats().slowed_groups == 1; }));
  CHECK_FALSE(slowed.ready());
  t.clock.advance(1s);
  REQUIRE(slowed.wait_for(default_deadline));
  CHECK(slowed.get());
  const auto waited = t.items.db.stats().slowed_for;
  CHECK(waited > 0ns);
  CHECK(waited <= 1s);

  REQUIRE(sqlite3_close(foreign) == SQLITE_OK);
  REQUIRE(t.items.db.checkpoint().value() == 0);
  auto last = t.items.db.write_async(insert(t.key++)); // still over the budget when it begins
  REQUIRE(eventually([&] { return t.items.db.stats().slowed_groups == 2; }));
  t.clock.advance(1s);
  REQUIRE(last.wait_for(default_deadline));
  t.write_one();
  CHECK(t.items.db.stats().slowed_groups == 2);
}

TEST_CASE("a slowed write does not hold up closing", "[storage][governor]") {
  governed_database t{[](auto& o) { o.governor.longest_delay = 1h; }};
  t.write_one();
  auto check = std::optional{look(t, {.owner = "check", .pin_for = 1000h})};
  static_cast<void>(t.write_until(2 * budget_pages));
  t.clock.advance(30s);
  auto slowed = t.items.db.write_async(insert(t.key++), storage::write_options{.deadline = 10h});
  REQUIRE(eventually([&] { return t.items.db.stats().slowed_groups == 1; }));
  check.reset();

  CHECK(t.items.db.close(default_deadline));

  CHECK(slowed.get()); // it was accepted, so it was done
}

TEST_CASE("a log at its limit refuses writes, naming who keeps it, until it is emptied",
          "[storage][governor][errors]") {
  governed_database t{[](auto& o) {
    o.governor.interrupt_after = std::chrono::nanoseconds::max();
    o.governor.wal_limit_bytes = 2 * budget_bytes;
  }};
  t.write_one();
  std::optional<storage::read_lease> stuck = look(t, {.owner = "the report"});
  static_cast<void>(t.write_until(2 * budget_pages));

  auto refused = t.items.db.write(insert(-1));
  const auto pages = t.items.db.stats().wal_pages;

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::no_space);
  CHECK(mentions(refused.error().detail, "the report"));
  CHECK_FALSE(t.items.db.write(insert(-2)));
  CHECK(t.items.db.stats().wal_pages == pages);
  CHECK((*stuck)->one<row_id>("SELECT count(*) FROM item").value() == 1);
  stuck.reset();
  CHECK(t.items.db.write(insert(-1)));
  CHECK(t.items.db.stats().wal_pages < budget_pages);
}

TEST_CASE("leases are ended and given back at the same time, and nobody sees half a state",
          "[storage][governor][concurrency]") {
  governed_database t{[](auto& o) {
    o.readers = 2;
    o.governor.interrupt_after = 0ns;
  }};
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> told{0};

  run_threads(4, [&](std::size_t thread) {
    if (thread == 0) {
      for (row_id key = 0; key < 600; ++key)
        static_cast<void>(t.items.db.write(insert(key, std::string(8'000, 'x'))).value());
      over = true;
      return;
    }
    while (!over) {
      auto lease = t.items.db.lease({.owner = "short"}).value();
      std::optional<row_id> first;
      for (int i = 0; i < 20; ++i) {
        auto seen = lease->value<row_id>("SELECT count(*) FROM item");
        if (!seen && (seen.error().where != stage::reader || seen.error().code != errc::timeout))
          throw std::logic_error{to_string(seen.error())};
        if (!seen) {
          ++told;
          break;
        }
        if (first.value_or(*seen) != *seen)
          throw std::logic_error{"a lease saw two states"};
        first = *seen;
        std::this_thread::yield();
      }
    }
  });

  CHECK(t.items.keys().size() == 600);
  CHECK(t.items.db.checkpoint().value() == 0);
}
