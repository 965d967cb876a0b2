// The response cache through its handle: rows, hits, bounds, ages, what a full disk does.
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/graceful_degradation/actor.hpp"

#include "manager_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <set>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::errc;
using cortex::storage::snapshot;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> queries_in(const degraded::manager& opened) {
  REQUIRE(opened.call(degraded::flush{}));
  auto file = opened.database();
  return file
    .read([](snapshot& view) {
      return view.all<std::string>("SELECT query FROM response_cache ORDER BY rowid");
    })
    .value();
}

void put(const degraded::manager& opened, const std::string& query, const std::string& response) {
  REQUIRE(opened.call(degraded::put{query, response}));
}

std::optional<degraded::record> get(const degraded::manager& opened, const std::string& query) {
  auto found = opened.call(degraded::get{query});
  REQUIRE(found);
  return *std::move(found);
}

} // namespace

TEST_CASE("GD-13: each of many gets at the same time counts once",
          "[graceful_degradation][concurrency]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  put(opened, "install docker", "do it");
  constexpr std::size_t threads = 16;
  constexpr std::size_t gets = 50;
  std::vector<std::vector<std::int64_t>> counts(threads);

  testing::run_threads(threads, [&](std::size_t index) {
    for (std::size_t i = 0; i < gets; ++i)
      counts[index].push_back(opened.call(degraded::get{"Install Docker "}).value()->hit_count);
  });

  std::set<std::int64_t> seen;
  for (const auto& of_one : counts)
    seen.insert(of_one.begin(), of_one.end());
  CHECK(seen.size() == threads * gets);
  CHECK(*seen.begin() == 1);
  REQUIRE(opened.call(degraded::flush{}));
  auto file = opened.database();
  CHECK(file
          .read([](snapshot& view) {
            return view.value<std::int64_t>("SELECT sum(hit_count) FROM response_cache");
          })
          .value()
        == threads * gets);
}

TEST_CASE("hits are in the file after an orderly end, and answers stay",
          "[graceful_degradation][recovery]") {
  testing::manager_fixture t;
  {
    const auto opened = t.open();
    put(opened, "one", "1");
    put(opened, "two", "2");
    CHECK(get(opened, "one")->hit_count == 1);
    CHECK(get(opened, "ONE")->hit_count == 2);
  }
  t.restart();

  const auto again = t.open();

  CHECK(get(again, "one")->hit_count == 3);
  CHECK(get(again, "two")->response == "2");
  CHECK(again.call(degraded::status{})->cache_hits == 4);
}

TEST_CASE(
  "GD-12: beyond the bound rows never used make room first, then those used the longest ago",
  "[graceful_degradation]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.max_entries = 3;
  const auto opened = t.open(wanted);
  for (const char* name : {"a", "b", "c"}) {
    put(opened, name, name);
    t.pass(1s);
  }
  CHECK(get(opened, "c"));
  t.pass(1s);
  CHECK(get(opened, "a"));

  put(opened, "d", "d"); // b was never used
  CHECK(queries_in(opened) == std::vector<std::string>{"a", "c", "d"});
  t.pass(1s);
  put(opened, "e", "e"); // nor was d, and the new one is never the one to go
  CHECK(queries_in(opened) == std::vector<std::string>{"a", "c", "e"});
  t.pass(1s);
  CHECK(get(opened, "e"));
  put(opened, "f", "f"); // all used: c the longest ago
  CHECK(queries_in(opened) == std::vector<std::string>{"a", "e", "f"});
  CHECK(opened.cache_statistics()->evictions == 3);
}

TEST_CASE("the bound is 10,000 unless another is asked for", "[graceful_degradation]") {
  CHECK(degraded::options{}.max_entries == 10'000);
}

TEST_CASE("GD-4: clearing compares instants and keeps what is younger, on the cut-off day too",
          "[graceful_degradation]") {
  testing::manager_fixture t{"2025-12-22T10:00:00Z"};
  const auto opened = t.open();
  put(opened, "old", "x");
  t.wall.set(testing::instant_of("2025-12-22T10:00:01Z"));
  put(opened, "young", "x");
  t.wall.set(testing::instant_of("2025-12-23T10:00:01Z"));

  const auto done = opened.call(degraded::clear_old{1});

  REQUIRE(done);
  CHECK(done->removed == 1);
  CHECK(queries_in(opened) == std::vector<std::string>{"young"});
}

TEST_CASE("GD-4: clearing with zero days keeps what was stored this second",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  put(opened, "earlier", "x");
  t.pass(1s);
  put(opened, "now", "x");
  t.pass(250ms);

  CHECK(opened.call(degraded::clear_old{0})->removed == 1);
  CHECK(queries_in(opened) == std::vector<std::string>{"now"});
}

TEST_CASE("GD-4, GD-9: clearing does not depend on the time zone, nor do stamps",
          "[graceful_degradation]") {
  const std::string before = std::getenv("TZ") == nullptr ? "UTC" : std::getenv("TZ");
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  testing::manager_fixture t{"2025-12-22T10:00:00Z"};
  const auto opened = t.open();
  const auto stored = opened.call(degraded::put{"a", "x"});
  t.pass(10h);
  const auto got = get(opened, "a");
  const auto removed = opened.call(degraded::clear_old{1});
  ::setenv("TZ", before.c_str(), 1);
  ::tzset();

  CHECK(testing::iso_text(stored->created_at) == "2025-12-22T10:00:00");
  CHECK(testing::iso_text(got->created_at) == "2025-12-22T10:00:00");
  CHECK(testing::iso_text(got->last_used.value()) == "2025-12-22T20:00:00");
  CHECK(removed->removed == 0);
}

TEST_CASE("a put that the disk refuses changes nothing", "[graceful_degradation][errors]") {
  testing::fault_vfs disk;
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  put(opened, "kept", "as it was");
  disk.disk_full_after(0);

  const auto refused = opened.call(degraded::put{"kept", "changed"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::no_space);
  const auto lost = opened.call(degraded::put{"lost", "x"});
  REQUIRE_FALSE(lost);
  disk.clear();

  // Memory goes back to what the file says once it has been read again.
  CHECK(testing::eventually([&] { return !get(opened, "lost"); }));
  CHECK(testing::eventually([&] { return get(opened, "kept")->response == "as it was"; }));
  put(opened, "later", "y");
  CHECK(queries_in(opened) == std::vector<std::string>{"kept", "later"});
}

TEST_CASE("rows that another program wrote are followed, however much is written meanwhile",
          "[graceful_degradation][concurrency]") {
  testing::manager_fixture t;
  t.how.monotonic = nullptr; // ticks come by the system's clock
  t.restart();
  auto wanted = t.options();
  wanted.flush_interval = 1ms;
  wanted.database.busy_timeout = testing::default_deadline; // theirs may be slow to sync
  const auto opened = t.open(wanted);
  put(opened, "kept", "x");
  // As a program would that does not know the lock: with SQLite alone.
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  constexpr int rows = 20;
  std::atomic<int> followed{0};
  std::atomic<int> kept{0};
  std::atomic<int> unfound{0};
  std::atomic<bool> over{false};

  // Some write without a pause, and find what they have written, while the file is read again and
  // again.
  testing::run_threads(5, [&](std::size_t index) {
    const auto find
      = [&](const std::string& query) { return opened.call(degraded::get{query}).value(); };
    if (index == 0) {
      for (; followed < rows; ++followed) {
        const degraded::query theirs{"theirs " + std::to_string(followed)};
        other.execute("INSERT INTO response_cache(query_hash, query, response) VALUES('"
                      + theirs.hash() + "', '" + theirs.text() + "', 'x')");
        if (!testing::eventually([&] { return find(theirs.text()).has_value(); }))
          break;
      }
      over = true;
      return;
    }
    for (int i = 0; !over; ++i) {
      const auto ours = std::to_string(index) + " of ours " + std::to_string(i % 50);
      static_cast<void>(opened.call(degraded::put{ours, std::to_string(i)}).value());
      const auto got = find(ours);
      unfound += got && got->response == std::to_string(i) ? 0 : 1;
      kept += find("kept") ? 1 : 0;
    }
  });

  CHECK(followed == rows);
  CHECK(unfound == 0);
  CHECK(get(opened, "kept")->hit_count == kept + 1);
  const auto hits = opened.call(degraded::status{})->cache_hits;
  REQUIRE(opened.call(degraded::flush{}));
  auto file = opened.database();
  CHECK(file
          .read([](snapshot& view) {
            return view.value<std::int64_t>("SELECT sum(hit_count) FROM response_cache");
          })
          .value()
        == hits);
}

TEST_CASE("hits that could not be written during a reading count once", "[graceful_degradation]") {
  cortex::runtime_options steps;
  steps.deterministic = true;
  testing::manager_fixture t{"2025-12-22T10:00:00Z", steps};
  auto file = t.open().database();
  const auto actor = cortex::detail::spawn_loaded<degraded::actor>(
    *t.rt, "wide", degraded::actor_parts{file, t.rt->unowned()},
    [](cortex::storage::database& from) {
      return from.read([](snapshot& view) { return degraded::read_file(view); });
    },
    [](const degraded::file_content&) {}, {});
  REQUIRE(actor);
  REQUIRE(actor->call(degraded::put{"query", "answer"}));
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  other.execute("CREATE TRIGGER refuse BEFORE UPDATE ON response_cache "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END");

  actor->tell(degraded::write_failed{}); // the file is to be read
  actor->tell(degraded::get{"query"});
  auto written = actor->ask(degraded::flush{}); // in one group with the reading
  t.rt->run_until_idle();

  CHECK_FALSE(written.get());
  CHECK(actor->call(degraded::count{}).value().total_hits == 1);
}

TEST_CASE("damaged rows are removed with a notice, odd stamps and counts are read as they can be",
          "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  {
    const auto opened = t.open();
    put(opened, "good", "x");
  }
  t.restart();
  {
    testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
    other.execute("INSERT INTO response_cache VALUES(NULL, 'no hash', 'x', NULL, 0, NULL)");
    other.execute("INSERT INTO response_cache VALUES('a', x'ff00', 'x', NULL, 0, NULL)");
    other.execute("INSERT INTO response_cache VALUES('b', 'odd', 'x', 'yesterday', NULL, 7)");
    other.execute("INSERT INTO response_cache VALUES('c', 'vast', 'x', NULL, "
                  "9223372036854775807, NULL)");
    other.execute("INSERT INTO response_cache VALUES('d', 'vast too', 'x', NULL, "
                  "9223372036854775807, NULL)");
    other.execute("INSERT INTO response_cache VALUES('e', 'below', 'x', NULL, -5, NULL)");
  }

  const auto opened = t.open();

  REQUIRE(opened.notices().size() == 1);
  CHECK(opened.notices().front() == "2 damaged rows were removed");
  CHECK(queries_in(opened) == std::vector<std::string>{"good", "odd", "vast", "vast too", "below"});
  CHECK(opened.call(degraded::status{})->cache_hits > 0);
  CHECK(opened.call(degraded::clear_old{30})->removed == 4); // of unknown age: the oldest
}

TEST_CASE("texts that are no UTF-8 or too long are refused", "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  const std::string broken = "caf\xe9";
  const std::string long_query(degraded::max_query_bytes + 1, 'x');
  const std::string long_response(degraded::max_response_bytes + 1, 'x');

  CHECK(opened.call(degraded::get{broken}).error() == errc::invalid_argument);
  CHECK(opened.call(degraded::similar{broken}).error() == errc::invalid_argument);
  CHECK(opened.call(degraded::put{broken, "x"}).error() == errc::invalid_argument);
  CHECK(opened.call(degraded::put{"x", broken}).error() == errc::invalid_argument);
  CHECK(opened.call(degraded::put{long_query, "x"}).error() == errc::invalid_argument);
  CHECK(opened.call(degraded::put{"x", long_response}).error() == errc::invalid_argument);
  CHECK(opened.process(broken).error() == errc::invalid_argument);
  CHECK(opened.call(degraded::clear_old{-1}).error() == errc::invalid_argument);
  CHECK(queries_in(opened).empty());
}

TEST_CASE("options out of range are named all at once", "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  auto wanted = t.options();
  wanted.max_entries = 0;
  wanted.health_check_interval = 0s;
  wanted.api_timeout = -1s;
  wanted.flush_interval = -1ms;
  wanted.flush_hits = 0;

  const auto refused = degraded::open(*t.rt, wanted);

  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::invalid_argument);
  for (const char* name :
       {"max_entries", "health_check_interval", "api_timeout", "flush_interval", "flush_hits"})
    CHECK(refused.error().detail.find(name) != std::string::npos);
}

TEST_CASE("a second manager on the same file is refused", "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  const auto opened = t.open();

  CHECK(degraded::open(*t.rt, t.options()).error() == errc::already_exists);
}

TEST_CASE("without a path the cache lies in the home folder, for its owner alone",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const std::string before = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::setenv("HOME", t.folder.path().c_str(), 1);
  auto wanted = t.options();
  wanted.path.clear();
  auto opened = degraded::open(*t.rt, wanted);
  ::setenv("HOME", before.c_str(), 1);

  REQUIRE(opened);
  const auto file = t.folder / ".cortex" / "response_cache.db";
  REQUIRE(std::filesystem::exists(file));
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms{077})
        == std::filesystem::perms::none);
  CHECK(opened->cache_statistics()->db_size_kb
        == static_cast<double>(std::filesystem::file_size(file)) / 1024.0);
}
