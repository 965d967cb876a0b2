// How the cache in memory and its file stay one, whoever writes the file.
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/semantic_cache/actor.hpp"

#include "cache_fixture.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using testing::commands_of;
using testing::key_of;

namespace {

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("what another program writes is followed, however much is put meanwhile",
          "[semantic_cache][concurrency]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::milliseconds{1};
  wanted.database.busy_timeout = testing::default_deadline; // theirs may be slow to sync
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("theirs"), {"-"}}));
  // As a program would that does not know the lock: with SQLite alone.
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  constexpr int rows = 20;
  constexpr int prompts = 50;
  std::atomic<int> followed{0};
  std::atomic<int> unfound{0};
  std::atomic<int> gone{0};
  std::atomic<bool> over{false};

  // Some put and invalidate without a pause while the file is read again and again.
  testing::run_threads(5, [&](std::size_t index) {
    const auto model = index == 0 ? std::string{"gpt-4"} : "model " + std::to_string(index);
    const auto find = [&](const std::string& prompt) {
      return commands_of(opened.call(cache::get{key_of(prompt, model), 0}));
    };
    if (index == 0) {
      for (; followed < rows; ++followed) {
        const auto now = std::to_string(followed);
        other.execute("UPDATE llm_cache_entries SET commands_json = '[\"" + now
                      + "\"]' WHERE prompt = 'theirs'");
        if (!testing::eventually([&] { return find("theirs") == texts{now}; }))
          break;
      }
      over = true;
      return;
    }
    for (int i = 0; !over; ++i) {
      const auto ours = "prompt " + std::to_string(i % prompts);
      const texts commands{std::to_string(i)};
      unfound
        += opened.call(cache::put{key_of(ours, model), commands}) && find(ours) == commands ? 0 : 1;
      if (i % prompts != 0)
        continue;
      cache::filter which;
      which.model = model;
      gone += opened.call(cache::invalidate{which}) && find(ours).empty() ? 0 : 1;
    }
  });

  CHECK(followed == rows);
  CHECK(unfound == 0);
  CHECK(gone == 0);
  const auto counted = opened.call(cache::stats{}).value();
  REQUIRE(opened.call(cache::flush{}));
  testing::sqlite_probe file{t.file()};
  CHECK(file.count("llm_cache_entries") == static_cast<std::int64_t>(counted.entries));
  CHECK(file.text("SELECT hits || ' ' || misses FROM llm_cache_stats")
        == std::to_string(counted.hits) + " " + std::to_string(counted.misses));
}

TEST_CASE("a cache that is opened again at once has all that was handed to the old one",
          "[semantic_cache]") {
  testing::cache_fixture t;

  for (std::size_t round = 0; round < 50; ++round) {
    const auto opened = cache::open(*t.rt, t.options());
    if (!opened)
      FAIL("round " << round << ": " << to_string(opened.error()));
    if (opened->call(cache::stats{}).value().entries != 4 * round)
      FAIL("something is missing in round " << round);
    for (std::size_t i = 0; i < 4; ++i) // nobody waits for them
      opened->tell(cache::put{key_of("prompt " + std::to_string(4 * round + i)), {"x"}});
  }
}

TEST_CASE("lookups that could not be written during a reading count once", "[semantic_cache]") {
  cortex::runtime_options steps;
  steps.deterministic = true;
  testing::cache_fixture t{"2025-12-22T10:00:00Z", steps};
  auto file = t.open().database();
  const auto actor = cortex::detail::spawn_loaded<cache::actor>(
    *t.rt, "wide", cache::actor_parts{file, t.rt->unowned()},
    [](cortex::storage::database& from) {
      return from.read([](cortex::storage::snapshot& view) { return cache::read_file(view); });
    },
    [](const cache::file_content&) {}, {});
  REQUIRE(actor);
  REQUIRE(actor->call(cache::put{key_of("prompt"), {"-"}}));
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  other.execute("CREATE TRIGGER refuse BEFORE UPDATE ON llm_cache_stats "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END");

  actor->tell(cache::write_failed{}); // the file is to be read
  actor->tell(cache::get{key_of("prompt")});
  auto written = actor->ask(cache::flush{}); // in one group with the reading
  t.rt->run_until_idle();

  CHECK_FALSE(written.get());
  CHECK(actor->call(cache::stats{}).value().hits == 1);
  CHECK(actor->call(cache::list{}).value().entries.at(0).hit_count == 1);
}
