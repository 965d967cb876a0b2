// Times to live: the queue by itself, and the cache with a wall clock that the test sets.
#include "cortex/semantic_cache/expiry.hpp"

#include "cache_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <chrono>
#include <limits>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cache::begin_life;
using cache::match;
using cortex::errc;
using testing::commands_of;
using testing::key_of;
using namespace std::chrono_literals;
using ids = std::vector<std::int64_t>;

namespace {

constexpr auto never = std::chrono::hours{1000};

/// Nothing of its runtime runs but what a test drives, so no tick comes by itself.
testing::cache_fixture driven_fixture() {
  cortex::runtime_options how;
  how.deterministic = true;
  return testing::cache_fixture{"2025-12-22T10:00:00Z", how};
}

cache::options living(const testing::cache_fixture& t, std::optional<std::chrono::seconds> time) {
  auto wanted = t.options();
  wanted.time_to_live = time;
  wanted.flush_interval = never;
  return wanted;
}

std::int64_t rows_in_file(const testing::cache_fixture& t, const std::string& table) {
  return testing::sqlite_probe{t.file()}.count(table);
}

match kind_of(const cache::cache& opened, const std::string& prompt) {
  return opened.call(cache::get{key_of(prompt)})->kind;
}

} // namespace

// -- queue ----------------------------------------------------------------------------------------

TEST_CASE("lives end in the order of their ends, each once", "[semantic_cache][expiry]") {
  cache::expiry_queue lives;
  lives.insert(1, begin_life(30, 100));
  lives.insert(2, begin_life(10, 100));
  lives.insert(3, begin_life(20, 100));

  CHECK_FALSE(lives.due(109));
  CHECK(lives.take_ended(109).empty());
  CHECK(lives.due(110));
  CHECK(lives.take_ended(125) == ids{2, 3});
  CHECK(lives.left(1, 125) == 5);
  CHECK_FALSE(lives.left(2, 125));
  lives.erase(1);
  lives.erase(1);
  CHECK(lives.empty());
  CHECK(lives.take_ended(1000).empty());
}

TEST_CASE("a clock that is set back adds at most one time to live", "[semantic_cache][expiry]") {
  cache::expiry_queue lives;
  lives.insert(1, begin_life(60, 1000));
  lives.insert(2, begin_life(500, 400));

  CHECK(lives.due(500)); // before the beginning of 1, not of 2
  CHECK(lives.take_ended(500).empty());
  CHECK(lives.left(1, 500) == 60);
  CHECK(lives.left(2, 500) == 400);
  CHECK(lives.take_ended(559).empty());
  CHECK(lives.take_ended(560) == ids{1});
  CHECK(lives.take_ended(900) == ids{2});
}

TEST_CASE("lives from a hostile file neither overflow nor last for ever",
          "[semantic_cache][expiry][errors]") {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  constexpr auto smallest = std::numeric_limits<std::int64_t>::min();
  cache::expiry_queue lives;
  lives.insert(1, {0, 5000});
  lives.insert(2, {-7, largest});
  lives.insert(3, {largest, smallest});
  lives.insert(4, {10, largest}); // begins in the far future, so with the first look

  CHECK(lives.take_ended(100) == ids{1, 2, 3});
  CHECK(lives.left(4, 100) == 10);
  CHECK(begin_life(largest, 100).ends_at == largest);
}

// -- cache ----------------------------------------------------------------------------------------

TEST_CASE("an answer whose time is over is given neither for its prompt nor for a near one",
          "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  const auto opened = t.open(living(t, 60s));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));

  t.clock.advance(59s);
  CHECK(kind_of(opened, "install nginx") == match::exact);
  CHECK(kind_of(opened, "Install NGINX!") == match::near);
  t.clock.advance(1s); // hits did not prolong it

  CHECK(kind_of(opened, "Install NGINX!") == match::miss);
  CHECK(kind_of(opened, "install nginx") == match::miss);
  const auto counted = opened.call(cache::stats{}).value();
  CHECK(counted.entries == 0);
  CHECK(counted.expired == 1);
  CHECK(counted.evictions == 0);
}

TEST_CASE("a put may live longer or shorter than the others", "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  const auto opened = t.open(living(t, 60s));
  REQUIRE(opened.call(cache::put{key_of("short alpha"), {"x"}, 10s}));
  REQUIRE(opened.call(cache::put{key_of("usual bravo"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("endless charlie"), {"x"}, cache::for_ever}));

  t.clock.advance(10s);
  CHECK(kind_of(opened, "short alpha") == match::miss);
  CHECK(kind_of(opened, "usual bravo") == match::exact);
  t.clock.advance(50s);
  CHECK(kind_of(opened, "usual bravo") == match::miss);
  t.clock.advance(std::chrono::hours{24 * 365 * 50});
  CHECK(kind_of(opened, "endless charlie") == match::exact);
}

TEST_CASE("a new put to a prompt begins a new life", "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  const auto opened = t.open(living(t, 60s));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"old"}}));
  t.clock.advance(50s);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"new"}}));
  t.clock.advance(50s);
  CHECK(kind_of(opened, "install nginx") == match::exact);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"new"}, cache::for_ever}));

  t.clock.advance(std::chrono::hours{1000});

  CHECK(kind_of(opened, "install nginx") == match::exact);
  CHECK(rows_in_file(t, "cortex_cache_expiry") == 0);
}

TEST_CASE("a put whose prompt has expired starts from nothing", "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  const auto opened = t.open(living(t, 60s));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"old"}}));
  CHECK(kind_of(opened, "install nginx") == match::exact);
  t.clock.advance(60s);

  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"new"}}));

  CHECK(opened.call(cache::explain{key_of("install nginx")})->answer->entry.hit_count == 0);
  CHECK(rows_in_file(t, "llm_cache_entries") == 1);
  CHECK(rows_in_file(t, "cortex_cache_expiry") == 1);
}

TEST_CASE("what was replaced, evicted or invalidated does not expire later",
          "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  auto wanted = living(t, 10s);
  wanted.max_entries = 1;
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("bravo"), {"x"}})->evicted == 1);
  REQUIRE(opened.call(cache::invalidate{{}, true})->removed == 1);
  t.clock.advance(10s);

  REQUIRE(opened.call(cache::flush{}));

  CHECK(opened.call(cache::stats{})->expired == 0);
}

TEST_CASE("the room of expired entries is used before any is evicted", "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  auto wanted = living(t, std::nullopt);
  wanted.max_entries = 2;
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("kept alpha"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("short bravo"), {"x"}, 10s}));
  t.clock.advance(10s);

  const auto made = opened.call(cache::put{key_of("new charlie"), {"x"}}).value();

  CHECK(made.evicted == 0);
  CHECK(kind_of(opened, "kept alpha") == match::exact);
}

TEST_CASE("the tick removes the rows of what has expired", "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  auto wanted = living(t, 60s);
  wanted.flush_interval = 1s;
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
  CHECK(rows_in_file(t, "cortex_cache_expiry") == 1);
  t.clock.advance(60s);

  t.rt->advance(1s);
  t.rt->run_until_idle();

  CHECK(rows_in_file(t, "llm_cache_entries") == 0);
  CHECK(rows_in_file(t, "cortex_cache_expiry") == 0);
}

TEST_CASE("a life goes on over a restart", "[semantic_cache][expiry][recovery]") {
  testing::cache_fixture t;
  {
    const auto opened = t.open(living(t, 60s));
    REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
    REQUIRE(opened.call(cache::put{key_of("list all files"), {"x"}, cache::for_ever}));
  }
  t.restart();
  t.clock.advance(59s);
  {
    const auto opened = t.open(living(t, std::nullopt));
    CHECK(kind_of(opened, "install nginx") == match::exact);
  }
  t.restart();
  t.clock.advance(1s);
  const auto opened = t.open(living(t, std::nullopt));

  CHECK(kind_of(opened, "install nginx") == match::miss);
  CHECK(kind_of(opened, "list all files") == match::exact);
}

TEST_CASE("setting the clock back makes no answer live for ever, setting it ahead ends it",
          "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  const auto opened = t.open(living(t, 60s));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));

  t.set_clock("2020-01-01T00:00:00Z");
  CHECK(kind_of(opened, "install nginx") == match::exact);
  t.clock.advance(59s);
  CHECK(kind_of(opened, "install nginx") == match::exact);
  t.clock.advance(1s);
  CHECK(kind_of(opened, "install nginx") == match::miss);

  REQUIRE(opened.call(cache::put{key_of("list all files"), {"x"}}));
  t.set_clock("2025-12-22T10:00:00Z");
  CHECK(kind_of(opened, "list all files") == match::miss);
}

TEST_CASE("a life that began anew is written and does so once",
          "[semantic_cache][expiry][recovery]") {
  testing::cache_fixture t;
  {
    const auto opened = t.open(living(t, 60s));
    REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
    t.set_clock("2020-01-01T00:00:00Z");
    REQUIRE(opened.call(cache::flush{}));
  }
  for (int i = 0; i < 2; ++i) {
    t.restart();
    t.clock.advance(25s);
    const auto opened = t.open(living(t, std::nullopt));
    CHECK(kind_of(opened, "install nginx") == match::exact);
  }
  t.restart();
  t.clock.advance(10s);
  const auto opened = t.open(living(t, std::nullopt));

  CHECK(kind_of(opened, "install nginx") == match::miss);
}

TEST_CASE("a life that began anew stays so when memory is loaded again",
          "[semantic_cache][expiry][errors]") {
  testing::fault_vfs disk;
  testing::cache_fixture t;
  auto wanted = living(t, 60s);
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
  t.set_clock("2020-01-01T00:00:00Z");
  CHECK(kind_of(opened, "install nginx") == match::exact);
  t.clock.advance(30s);
  disk.disk_full_after(0); // neither the lives nor the put are written, so memory is loaded again
  REQUIRE(!opened.call(cache::flush{}));
  REQUIRE(!opened.call(cache::put{key_of("list all files"), {"x"}}));
  disk.clear();
  REQUIRE(testing::eventually([&] { return opened.call(cache::stats{})->entries == 1; }));

  t.clock.advance(30s);

  CHECK(kind_of(opened, "install nginx") == match::miss);
}

TEST_CASE("without a time to live a file has the original's tables and no other",
          "[semantic_cache][expiry]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.guard = true;
  wanted.max_bytes = 1000;
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"y"}}));
  REQUIRE(opened.call(cache::invalidate{{}, true}));
  REQUIRE(opened.call(cache::flush{}));

  CHECK(testing::sqlite_probe{t.file()}.text(
          "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master "
          "WHERE name NOT LIKE 'sqlite_%' ORDER BY name)")
        == "idx_llm_cache_lru,idx_llm_cache_unique,llm_cache_entries,llm_cache_stats");
}

TEST_CASE("times to live leave the original's tables as they are", "[semantic_cache][expiry]") {
  const auto schema_of_original = [](const testing::cache_fixture& t) {
    return testing::sqlite_probe{t.file()}.text(
      "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master "
      "WHERE tbl_name LIKE 'llm_cache_%' ORDER BY name)");
  };
  testing::cache_fixture t;
  const auto opened = t.open(living(t, 60s));
  const auto before = schema_of_original(t);

  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));

  CHECK(rows_in_file(t, "cortex_cache_expiry") == 1);
  CHECK(schema_of_original(t) == before);
  CHECK(testing::sqlite_probe{t.file()}.text("PRAGMA user_version") == "0");
}

TEST_CASE("what another program replaces lives for ever, and its old life is cleared away",
          "[semantic_cache][expiry]") {
  testing::cache_fixture t;
  {
    const auto opened = t.open(living(t, 60s));
    REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
  }
  t.restart();
  testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
    "UPDATE llm_cache_entries SET id = 7"); // what a replacement is in the end
  t.clock.advance(std::chrono::hours{1});

  const auto opened = t.open(living(t, 60s));

  CHECK(kind_of(opened, "install nginx") == match::exact);
  REQUIRE(opened.call(cache::flush{}));
  CHECK(rows_in_file(t, "cortex_cache_expiry") == 0);
}

TEST_CASE("a put with a time to live that the file refuses leaves memory as the file is",
          "[semantic_cache][expiry][errors]") {
  testing::fault_vfs disk;
  testing::cache_fixture t;
  auto wanted = living(t, 60s);
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  disk.disk_full_after(0); // so the table is not made either
  const auto refused = opened.call(cache::put{key_of("install nginx"), {"lost"}});
  disk.clear();
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::no_space);
  REQUIRE(testing::eventually([&] { return opened.call(cache::stats{})->entries == 0; }));

  REQUIRE(opened.call(cache::put{key_of("list all files"), {"ls"}, cache::for_ever}));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"stored"}}));
  t.clock.advance(60s);

  CHECK(kind_of(opened, "install nginx") == match::miss);
  CHECK(kind_of(opened, "list all files") == match::exact);
}

TEST_CASE("expired rows that could not be deleted are deleted later",
          "[semantic_cache][expiry][errors]") {
  testing::fault_vfs disk;
  testing::cache_fixture t;
  auto wanted = living(t, 60s);
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
  t.clock.advance(60s);
  disk.disk_full_after(0);
  CHECK(opened.call(cache::flush{}).error().code == errc::no_space);
  disk.clear();

  REQUIRE(testing::eventually([&] {
    REQUIRE(opened.call(cache::flush{}));
    return rows_in_file(t, "llm_cache_entries") == 0;
  }));
  CHECK(rows_in_file(t, "cortex_cache_expiry") == 0);
}

TEST_CASE("a time to live that is not positive is refused", "[semantic_cache][expiry][errors]") {
  testing::cache_fixture t;
  CHECK(cache::open(*t.rt, living(t, 0s)).error().code == errc::invalid_argument);
  const auto opened = t.open();

  CHECK(opened.call(cache::put{key_of("a"), {"x"}, 0s}).error().code == errc::invalid_argument);
  CHECK(opened.call(cache::put{key_of("a"), {"x"}, -1s}).error().code == errc::invalid_argument);
  CHECK(opened.call(cache::stats{})->entries == 0);
}

TEST_CASE("a computed answer lives as long as its caller says", "[semantic_cache][expiry]") {
  auto t = driven_fixture();
  const auto opened = t.open();

  REQUIRE(opened.get_or_compute(
    key_of("install nginx"), [] { return std::vector<std::string>{"x"}; }, 10s));
  CHECK(kind_of(opened, "install nginx") == match::exact);
  t.clock.advance(10s);

  CHECK(kind_of(opened, "install nginx") == match::miss);
}
