#include "cache_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cache::match;
using cortex::errc;
using testing::commands_of;
using testing::key_of;
using namespace std::chrono_literals;
using texts = std::vector<std::string>;

namespace {

/// Four entries: two of one scope, one of another model, one put later.
cache::cache open_filled(testing::cache_fixture& t) {
  auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("bravo"), {"x"}, 100s}));
  REQUIRE(opened.call(cache::put{key_of("alpha", "other"), {"x"}}));
  t.clock.advance(10s);
  REQUIRE(opened.call(cache::put{key_of("delta"), {"x"}}));
  return opened;
}

std::string ids_in_file(const testing::cache_fixture& t) {
  return testing::sqlite_probe{t.file()}
    .text("SELECT group_concat(id) FROM (SELECT id FROM llm_cache_entries ORDER BY id)")
    .value_or("");
}

} // namespace

TEST_CASE("what is invalidated is gone from memory and file, and nothing else",
          "[semantic_cache][invalidate]") {
  testing::cache_fixture t;
  const auto opened = open_filled(t);
  struct example {
    cache::filter which;
    std::string left;
  };
  const auto now = std::chrono::floor<std::chrono::seconds>(t.clock.now());
  const auto tried = GENERATE_COPY(values<example>({
    {{.what = key_of("alpha")}, "2,3,4"},
    {{.id = 2}, "1,3,4"},
    {{.provider = "openai"}, ""},
    {{.model = "other"}, "1,2,4"},
    {{.system_prompt = "You are a helper."}, ""},
    {{.put_before = now}, "4"},
    {{.model = "gpt-4", .put_before = now}, "3,4"},
    {{.id = 77}, "1,2,3,4"},
  }));

  const auto done = opened.call(cache::invalidate{tried.which});

  REQUIRE(done);
  CHECK(ids_in_file(t) == tried.left); // the reply came after COMMIT
  CHECK(done->commit == opened.database().commit_number());
  const auto left = opened.call(cache::list{}).value().entries;
  CHECK(done->removed == 4 - left.size());
  std::string ids;
  for (const auto& each : left)
    ids += (ids.empty() ? "" : ",") + std::to_string(each.id);
  CHECK(ids == tried.left);
  CHECK(testing::sqlite_probe{t.file()}.count("cortex_cache_expiry")
        == (ids.find('2') != std::string::npos ? 1 : 0));
}

TEST_CASE("an invalidated answer is asked for again", "[semantic_cache][invalidate]") {
  testing::cache_fixture t;
  const auto opened = open_filled(t);
  REQUIRE(opened.call(cache::invalidate{{.what = key_of("alpha")}}));

  CHECK(opened.call(cache::get{key_of("alpha")})->kind == match::miss);
  CHECK(opened.call(cache::get{key_of("Alpha!")})->kind == match::miss);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"new"}}));
  CHECK(commands_of(opened.call(cache::get{key_of("alpha")})) == texts{"new"});
}

TEST_CASE("everything is invalidated only by name", "[semantic_cache][invalidate][errors]") {
  testing::cache_fixture t;
  const auto opened = open_filled(t);

  CHECK(opened.call(cache::invalidate{}).error().code == errc::invalid_argument);
  CHECK(opened.call(cache::invalidate{{.id = 1}, true}).error().code == errc::invalid_argument);
  CHECK(opened.call(cache::invalidate{{.model = "\xff"}}).error().code == errc::invalid_argument);
  CHECK(ids_in_file(t) == "1,2,3,4");
  CHECK(opened.call(cache::invalidate{{}, true})->removed == 4);
  CHECK(ids_in_file(t).empty());
  CHECK(opened.call(cache::stats{})->bytes == 0);
  CHECK(opened.call(cache::stats{})->evictions == 0);
}

TEST_CASE("rows of another program are invalidated before the cache has noticed them",
          "[semantic_cache][invalidate]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::hours{1000};
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
    "INSERT INTO llm_cache_entries(provider, model, system_hash, prompt, prompt_hash, embedding, "
    "commands_json, created_at, last_accessed) SELECT provider, model, system_hash, 'bravo', 'b', "
    "embedding, commands_json, created_at, last_accessed FROM llm_cache_entries");

  CHECK(opened.call(cache::invalidate{{.provider = "openai"}})->removed == 2);
  CHECK(ids_in_file(t).empty());
}

TEST_CASE("expired rows do not count as invalidated", "[semantic_cache][invalidate]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::hours{1000};
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}, 10s}));
  REQUIRE(opened.call(cache::put{key_of("bravo"), {"x"}}));
  t.clock.advance(10s);

  CHECK(opened.call(cache::invalidate{{}, true})->removed == 1);
  CHECK(ids_in_file(t).empty());
}

TEST_CASE("a lead goes on when its key is invalidated, and its answer is stored",
          "[semantic_cache][invalidate]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  cortex::future<cache::claimed> waiting;

  const auto answer = opened.get_or_compute(key_of("alpha"), [&] {
    waiting = opened.ask(cache::claim{key_of("alpha")});
    REQUIRE(opened.call(cache::invalidate{{.what = key_of("alpha")}})->removed == 0);
    return texts{"found"};
  });

  CHECK(commands_of(answer) == texts{"found"});
  CHECK(*waiting.get()->answer.commands == texts{"found"});
  CHECK(opened.call(cache::get{key_of("alpha")})->kind == match::exact);
}

TEST_CASE("an invalidation that the file refuses leaves every answer",
          "[semantic_cache][invalidate][errors]") {
  testing::fault_vfs disk;
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"kept"}}));
  disk.disk_full_after(0);
  const auto refused = opened.call(cache::invalidate{{}, true});
  disk.clear();

  REQUIRE(!refused);
  CHECK(refused.error().code == errc::no_space);
  REQUIRE(testing::eventually(
    [&] { return commands_of(opened.call(cache::get{key_of("alpha")})) == texts{"kept"}; }));
}
