// What the cache promises beyond the original: its defects SC-1 to SC-10 with the right behaviour.
#include "cortex/text/digest.hpp"

#include "cache_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cortex::errc;
using cortex::storage::snapshot;
using cortex::storage::transaction;
using testing::commands_of;
using testing::key_of;

namespace {

using texts = std::vector<std::string>;

std::int64_t count_rows(const cache::cache& opened, const std::string& where = "1") {
  auto file = opened.database();
  return file
    .read([&](snapshot& view) {
      return view.one<std::int64_t>("SELECT count(*) FROM llm_cache_entries WHERE " + where);
    })
    .value()
    .value();
}

// Nothing of its runtime runs but what a test drives.
testing::cache_fixture driven_fixture(const cortex::monotonic_clock* clock = nullptr) {
  cortex::runtime_options how;
  how.deterministic = true;
  how.monotonic = clock;
  return testing::cache_fixture{"2025-12-22T10:00:00Z", how};
}

void change_file(const cache::cache& opened, const std::string& sql) {
  auto file = opened.database();
  REQUIRE(file.write([&](transaction& in) { return in.execute_script(sql); }));
}

} // namespace

TEST_CASE("what was put is found after a restart", "[semantic_cache]") {
  testing::cache_fixture t;
  {
    const auto opened = t.open();
    REQUIRE(opened.call(cache::put{key_of("install nginx"), {"apt install nginx"}}));
  }
  t.restart();
  const auto opened = t.open();
  CHECK(commands_of(opened.call(cache::get{key_of("install nginx")}))
        == texts{"apt install nginx"});
}

TEST_CASE("SC-1: a near match follows a change that another program made", "[semantic_cache]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("install nginx web server"), {"old"}}));
  // As a program would that does not know the lock: with SQLite alone.
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  other.execute("UPDATE llm_cache_entries SET commands_json = '[\"new\"]'");

  // The cache looks at its next tick, and a write makes the writer notice.
  REQUIRE(testing::eventually([&] {
    REQUIRE(opened.call(cache::flush{}));
    return commands_of(opened.call(cache::get{key_of("install nginx web server now")}))
           == texts{"new"};
  }));
}

TEST_CASE("SC-2: damaged rows are removed, counted and told, and the others answer",
          "[semantic_cache][recovery]") {
  testing::cache_fixture t;
  {
    const auto opened = t.open();
    REQUIRE(opened.call(cache::put{key_of("install nginx web server"), {"good"}}));
    REQUIRE(opened.call(cache::put{key_of("remove postgres data"), {"bad"}}));
    REQUIRE(opened.call(cache::put{key_of("list all files"), {"bad"}}));
    change_file(opened, "UPDATE llm_cache_entries SET embedding = x'5b31' WHERE id = 2;"
                        "UPDATE llm_cache_entries SET commands_json = '{' WHERE id = 3;");
  }
  t.restart();
  const auto opened = t.open();

  CHECK(opened.notices().size() == 1);
  CHECK(commands_of(opened.call(cache::get{key_of("install nginx web server please")}))
        == texts{"good"});
  CHECK(commands_of(opened.call(cache::get{key_of("remove postgres data")})).empty());
  CHECK(opened.call(cache::stats{})->damaged == 2);
  REQUIRE(opened.call(cache::flush{}));
  CHECK(count_rows(opened) == 1);
}

TEST_CASE("SC-4: a put that the file refuses leaves nothing behind, and the next one works",
          "[semantic_cache][errors]") {
  testing::fault_vfs disk;
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("first prompt of all"), {"kept"}}));
  disk.disk_full_after(0);
  const auto refused = opened.call(cache::put{key_of("install nginx"), {"lost"}});
  disk.clear();

  REQUIRE(!refused);
  CHECK(refused.error().code == errc::no_space);
  // Memory has gone back to what the file says.
  REQUIRE(testing::eventually(
    [&] { return commands_of(opened.call(cache::get{key_of("install nginx")})).empty(); }));
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"stored"}}));
  CHECK(commands_of(opened.call(cache::get{key_of("install nginx")})) == texts{"stored"});
  CHECK(commands_of(opened.call(cache::get{key_of("first prompt of all")})) == texts{"kept"});
  CHECK(count_rows(opened) == 2);
}

TEST_CASE("a put replaces a row that memory does not know of", "[semantic_cache][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"apt install nginx"}}));
  change_file(opened, "INSERT INTO llm_cache_entries(provider, model, system_hash, prompt, "
                      "prompt_hash, embedding, commands_json, created_at, last_accessed) "
                      "SELECT provider, model, system_hash, 'list all files', '"
                        + cortex::text::sha256_hex("list all files")
                        + "', embedding, '[\"dir\"]', created_at, last_accessed "
                          "FROM llm_cache_entries");

  REQUIRE(opened.call(cache::put{key_of("list all files"), {"ls"}}));

  CHECK(count_rows(opened) == 2);
  CHECK(count_rows(opened, "prompt = 'list all files' AND commands_json = '[\"ls\"]'") == 1);
}

TEST_CASE("a put can be asked more than once, and each time has a row of its own",
          "[semantic_cache]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  const cache::put answer{key_of("install nginx"), {"apt install nginx"}};

  auto first = opened.ask(answer);
  auto second = opened.ask(answer);

  CHECK(first.get()->id == 1);
  CHECK(second.get()->id == 2);
  CHECK(count_rows(opened, "id = 2 AND prompt = 'install nginx'") == 1);
}

TEST_CASE("a put that was moved from is refused", "[semantic_cache][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  cache::put answer{key_of("install nginx"), {"apt install nginx"}};
  REQUIRE(opened.call(std::move(answer)));

  // NOLINTNEXTLINE(bugprone-use-after-move): that is the point
  CHECK(opened.call(answer).error().code == errc::invalid_argument);
}

TEST_CASE("SC-6: lookups write nothing until they are flushed, and then in one commit",
          "[semantic_cache]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::hours{1};
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
  const auto before = opened.database().commit_number();

  for (int i = 0; i < 100; ++i)
    REQUIRE(opened.call(cache::get{key_of("install nginx")}));

  CHECK(opened.database().commit_number() == before);
  REQUIRE(opened.call(cache::flush{}));
  CHECK(opened.database().commit_number() == before + 1);
  CHECK(count_rows(opened, "hit_count = 100") == 1);
}

TEST_CASE("SC-6: counters are written when the cache is closed", "[semantic_cache]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::hours{1};
  {
    const auto opened = t.open(wanted);
    REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}}));
    REQUIRE(opened.call(cache::get{key_of("install nginx")}));
    REQUIRE(opened.call(cache::get{key_of("something else")}));
  }
  t.restart();
  const auto counted = t.open().call(cache::stats{});
  REQUIRE(counted);
  CHECK(counted->hits == 1);
  CHECK(counted->misses == 1);
}

TEST_CASE("SC-7: bad settings are refused as arguments and ignored with a notice as environment",
          "[semantic_cache][errors]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.max_entries = -1;
  CHECK(cache::open(*t.rt, wanted).error().code == errc::invalid_argument);
  wanted.max_entries = 1;
  wanted.threshold = std::nan("");
  CHECK(cache::open(*t.rt, wanted).error().code == errc::invalid_argument);

  setenv("CORTEX_CACHE_MAX_ENTRIES", "many", 1); // NOLINT(concurrency-mt-unsafe): no other thread
  const auto opened = t.open();
  unsetenv("CORTEX_CACHE_MAX_ENTRIES"); // NOLINT(concurrency-mt-unsafe): no other thread

  REQUIRE(opened.notices().size() == 1);
  CHECK(opened.notices().front().find("CORTEX_CACHE_MAX_ENTRIES") != std::string::npos);
}

TEST_CASE("SC-8: a cache in memory is one private database", "[semantic_cache]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.path = ":memory:";
  const auto first = t.open(wanted);
  const auto second = t.open(wanted);

  testing::run_threads(8, [&](std::size_t i) {
    REQUIRE(first.call(cache::put{key_of("prompt " + std::to_string(i)), {"x"}}));
    REQUIRE(commands_of(first.call(cache::get{key_of("prompt " + std::to_string(i))})).size() == 1);
  });

  CHECK(count_rows(first) == 8);
  CHECK(count_rows(second) == 0);
}

TEST_CASE("SC-10: texts that are no UTF-8 are refused before anything happens",
          "[semantic_cache][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  const std::string lone_surrogate = "install \xed\xa0\x80";

  CHECK(opened.call(cache::get{key_of(lone_surrogate)}).error().code == errc::invalid_argument);
  CHECK(opened.call(cache::put{key_of(lone_surrogate), {}}).error().code == errc::invalid_argument);
  CHECK(opened.call(cache::put{key_of("fine"), {lone_surrogate}}).error().code
        == errc::invalid_argument);
  CHECK(opened.call(cache::get{key_of("fine", lone_surrogate)}).error().code
        == errc::invalid_argument);

  CHECK(opened.call(cache::stats{})->total == 0);
  CHECK(count_rows(opened) == 0);
}

TEST_CASE("the same file cannot be opened as a cache twice in one runtime", "[semantic_cache]") {
  testing::cache_fixture t;
  const auto opened = t.open();

  const auto second = cache::open(*t.rt, t.options());

  REQUIRE(!second);
  CHECK(second.error().code == errc::already_exists);
}

TEST_CASE("equal misses at the same time ask the model once", "[semantic_cache][concurrency]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  constexpr std::size_t callers = 16;
  std::atomic<int> asked{0};
  testing::countdown arrived{callers - 1};
  std::atomic<int> right{0};

  testing::run_threads(callers, [&](std::size_t) {
    const auto answer = opened.get_or_compute(
      key_of("install nginx"), [&]() -> cortex::expected<texts> {
        asked.fetch_add(1);
        // The leader comes back when all others wait for it.
        CHECK(
          testing::eventually([&] { return opened.call(cache::stats{})->joined == callers - 1; }));
        return texts{"apt install nginx"};
      });
    if (commands_of(answer) == texts{"apt install nginx"})
      right.fetch_add(1);
  });

  CHECK(asked.load() == 1);
  CHECK(right.load() == callers);
  CHECK(count_rows(opened) == 1);
  CHECK(opened.call(cache::get{key_of("install nginx")})->kind == cache::match::exact);
}

TEST_CASE("a failing computation gives its error to all who wait, and the next caller leads",
          "[semantic_cache][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  auto leader = opened.call(cache::claim{key_of("install nginx")});
  REQUIRE(leader);
  REQUIRE(leader->leads);
  auto follower = opened.ask(cache::claim{key_of("install nginx")});
  REQUIRE(testing::eventually([&] { return opened.call(cache::stats{})->joined == 1; }));

  auto settled = opened.call(
    cache::settle{key_of("install nginx"), cortex::fail(errc::unavailable, "the model is down")});

  CHECK(settled.error().code == errc::unavailable);
  CHECK(follower.get().error().detail == "the model is down");
  CHECK(opened.call(cache::claim{key_of("install nginx")})->leads);
  CHECK(count_rows(opened) == 0);
}

TEST_CASE("a lead that could not be settled passes on, first to those who wait for it",
          "[semantic_cache][errors]") {
  auto t = driven_fixture();
  auto wanted = t.options();
  wanted.actor.mailbox_bound = 4;
  const auto opened = t.open(wanted);
  std::vector<cortex::future<cache::claimed>> waiting;
  std::vector<cortex::future<cache::statistics>> crowd;

  const auto answer = opened.get_or_compute(key_of("install nginx"), [&] {
    for (int i = 0; i < 2; ++i)
      waiting.push_back(opened.ask(cache::claim{key_of("install nginx")}));
    t.rt->run_until_idle();
    for (int i = 0; i < 4; ++i) // so that the answer is refused
      crowd.push_back(opened.ask(cache::stats{}));
    return texts{"lost"};
  });
  t.rt->run_until_idle();
  REQUIRE(!answer);
  CHECK(answer.error().code == errc::overloaded);
  CHECK_FALSE(waiting[0].ready());
  t.rt->advance(wanted.flush_interval);

  REQUIRE(waiting[0].ready());
  auto next = waiting[0].get();
  REQUIRE(next);
  CHECK(next->leads);
  CHECK_FALSE(waiting[1].ready());
  REQUIRE(opened.call(cache::settle{key_of("install nginx"), texts{"found"}}));
  REQUIRE(waiting[1].ready());
  CHECK(*waiting[1].get()->answer.commands == texts{"found"});
}

TEST_CASE("a lead that could not be settled goes to the next who misses",
          "[semantic_cache][errors]") {
  auto t = driven_fixture();
  auto wanted = t.options();
  wanted.actor.mailbox_bound = 4;
  const auto opened = t.open(wanted);
  std::vector<cortex::future<cache::statistics>> crowd;
  const auto refused = opened.get_or_compute(key_of("install nginx"), [&] {
    for (int i = 0; i < 4; ++i)
      crowd.push_back(opened.ask(cache::stats{}));
    return texts{"lost"};
  });
  REQUIRE(!refused);
  t.rt->run_until_idle();

  const auto answer = opened.get_or_compute(key_of("install nginx"), [] { return texts{"found"}; });

  CHECK(commands_of(answer) == texts{"found"});
}

TEST_CASE("a lead that is told to somebody who has gone passes to the next who misses",
          "[semantic_cache][errors]") {
  auto t = driven_fixture();
  const auto opened = t.open();
  {
    auto gone = opened.ask(cache::claim{key_of("install nginx")});
    t.rt->run_until_idle();
    CHECK(gone.ready());
  }

  const auto answer = opened.get_or_compute(key_of("install nginx"), [] { return texts{"found"}; });

  CHECK(commands_of(answer) == texts{"found"});
}

TEST_CASE("a computation that takes longer than a lead may is joined by the next who misses",
          "[semantic_cache]") {
  cortex::manual_monotonic_clock clock;
  auto t = driven_fixture(&clock);
  const auto wanted = t.options();
  const auto opened = t.open(wanted);

  const auto slow = opened.get_or_compute(key_of("install nginx"), [&] {
    clock.advance(wanted.lead_limit);
    const auto quick
      = opened.get_or_compute(key_of("install nginx"), [] { return texts{"quick"}; });
    CHECK(commands_of(quick) == texts{"quick"});
    return texts{"slow"};
  });

  CHECK(commands_of(slow) == texts{"slow"});
  CHECK(commands_of(opened.call(cache::get{key_of("install nginx")})) == texts{"slow"});
}

TEST_CASE("an answer for which nobody leads any more is stored all the same",
          "[semantic_cache][recovery]") {
  auto t = driven_fixture();
  const auto opened = t.open();

  const auto answer = opened.get_or_compute(key_of("install nginx"), [&] {
    REQUIRE(opened.call(cache::settle{key_of("install nginx"), texts{"of another"}}));
    return texts{"found"};
  });

  CHECK(commands_of(answer) == texts{"found"});
  CHECK(commands_of(opened.call(cache::get{key_of("install nginx")})) == texts{"found"});
}

TEST_CASE("an endless flush interval is one", "[semantic_cache]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::milliseconds::max();

  const auto opened = t.open(wanted);

  CHECK(opened.call(cache::put{key_of("install nginx"), {"x"}}));
}

TEST_CASE("a computation that throws is an error, not a hang", "[semantic_cache][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();

  const auto answer = opened.get_or_compute(
    key_of("install nginx"), []() -> cortex::expected<texts> { throw std::runtime_error{"bug"}; });

  REQUIRE(!answer);
  CHECK(answer.error().code == errc::internal);
  CHECK(opened.get_or_compute(key_of("install nginx"), [] { return texts{"fine"}; }));
}

TEST_CASE("every put and get of many threads is there in the end",
          "[semantic_cache][concurrency]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.max_entries = 10'000;
  constexpr std::size_t threads = 60;
  constexpr std::size_t each = 5;
  {
    const auto opened = t.open(wanted);
    std::atomic<std::size_t> failures{0};
    testing::run_threads(threads, [&](std::size_t thread) {
      for (std::size_t i = 0; i < each; ++i) {
        const auto prompt = "prompt " + std::to_string(thread) + " number " + std::to_string(i);
        if (!opened.call(cache::put{key_of(prompt), {prompt}}))
          failures.fetch_add(1);
        if (commands_of(opened.call(cache::get{key_of(prompt)})) != texts{prompt})
          failures.fetch_add(1);
      }
    });
    CHECK(failures.load() == 0);
  }
  t.restart();
  const auto opened = t.open(wanted);
  CHECK(count_rows(opened) == threads * each);
  CHECK(opened.call(cache::stats{})->hits == threads * each);
}
