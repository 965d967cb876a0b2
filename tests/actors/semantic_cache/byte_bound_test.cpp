// The bound in bytes, and that its account is right whatever happens.
#include "cortex/semantic_cache/entry_table.hpp"

#include "cache_fixture.hpp"
#include "row_store.hpp"

#include <random>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cache::match;
using cortex::errc;
using testing::commands_of;
using testing::key_of;
using texts = std::vector<std::string>;

namespace {

// What `key_of` gives beside its prompt: provider "openai" and model "gpt-4".
constexpr std::int64_t scope_bytes = 6 + 5;

cache::cache open_bounded(const testing::cache_fixture& t, std::int64_t max_bytes) {
  auto wanted = t.options();
  wanted.max_bytes = max_bytes;
  return t.open(wanted);
}

std::int64_t bytes_of(const cache::cache& opened) {
  return opened.call(cache::stats{})->bytes;
}

} // namespace

TEST_CASE("an entry counts its prompt, provider, model and commands in UTF-8",
          "[semantic_cache][bytes]") {
  testing::cache_fixture t;
  const auto opened = t.open();

  REQUIRE(opened.call(cache::put{key_of("gr\u00fc\u00dfe"), {"abc", "", "de"}}));

  CHECK(bytes_of(opened) == scope_bytes + 7 + 5);
}

TEST_CASE("the least recently used make room for bytes as they do for entries",
          "[semantic_cache][bytes]") {
  testing::cache_fixture t;
  const auto opened = open_bounded(t, 3 * (scope_bytes + 5 + 10));
  for (const auto* prompt : {"alpha", "bravo", "delta"}) {
    REQUIRE(opened.call(cache::put{key_of(prompt), {"0123456789"}}));
    t.clock.advance(std::chrono::seconds{1});
  }
  REQUIRE(opened.call(cache::get{key_of("alpha")})); // renewed

  const auto made = opened.call(cache::put{key_of("gamma"), {"0123456789a"}}).value();

  CHECK(made.evicted == 2); // one byte too many for the room of one
  CHECK(opened.call(cache::get{key_of("alpha")})->kind == match::exact);
  CHECK(opened.call(cache::get{key_of("bravo")})->kind == match::miss);
  CHECK(opened.call(cache::get{key_of("delta")})->kind == match::miss);
  CHECK(opened.call(cache::get{key_of("gamma")})->kind == match::exact);
}

TEST_CASE("exactly as many bytes as allowed are kept", "[semantic_cache][bytes]") {
  testing::cache_fixture t;
  const auto opened = open_bounded(t, scope_bytes + 5 + 10);

  CHECK(opened.call(cache::put{key_of("alpha"), {"0123456789"}})->evicted == 0);
  CHECK(opened.call(cache::put{key_of("alpha"), {"0123456789"}})->evicted == 0);
  CHECK(opened.call(cache::put{key_of("bravo"), {"0123456789"}})->evicted == 1);
  CHECK(opened.call(cache::stats{})->entries == 1);
}

TEST_CASE("an answer larger than the bound is refused and changes nothing",
          "[semantic_cache][bytes][errors]") {
  testing::cache_fixture t;
  const auto opened = open_bounded(t, scope_bytes + 5 + 10);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"old"}}));

  const auto refused = opened.call(cache::put{key_of("alpha"), {"0123456789a"}});

  REQUIRE(!refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(commands_of(opened.call(cache::get{key_of("alpha")})) == texts{"old"});
}

TEST_CASE("a computed answer larger than the bound reaches all who wait and is not stored",
          "[semantic_cache][bytes]") {
  testing::cache_fixture t;
  const auto opened = open_bounded(t, 20);
  const std::string large(100, 'x');
  cortex::future<cache::claimed> waiting;

  const auto answer = opened.get_or_compute(key_of("alpha"), [&] {
    waiting = opened.ask(cache::claim{key_of("alpha")});
    REQUIRE(opened.call(cache::stats{})); // handled behind it
    return texts{large};
  });

  CHECK(commands_of(answer) == texts{large});
  CHECK(answer->kind == match::computed);
  CHECK(answer->id == 0);
  CHECK(*waiting.get()->answer.commands == texts{large});
  CHECK(opened.call(cache::stats{})->entries == 0);
}

TEST_CASE("the bytes of a file are counted when it is opened and bounded by the next put",
          "[semantic_cache][bytes][recovery]") {
  testing::cache_fixture t;
  {
    const auto opened = t.open();
    REQUIRE(opened.call(cache::put{key_of("alpha"), {"0123456789"}}));
    REQUIRE(opened.call(cache::put{key_of("bravo"), {"0123456789"}}));
  }
  t.restart();
  const auto opened = open_bounded(t, scope_bytes + 5 + 10);
  CHECK(bytes_of(opened) == 2 * (scope_bytes + 5 + 10));

  CHECK(opened.call(cache::put{key_of("delta"), {"0123456789"}})->evicted == 2);

  CHECK(bytes_of(opened) == scope_bytes + 5 + 10);
}

TEST_CASE("a negative bound in bytes is refused", "[semantic_cache][bytes][errors]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.max_bytes = -1;

  CHECK(cache::open(*t.rt, wanted).error().code == errc::invalid_argument);
}

TEST_CASE("the account of bytes is right after any mix of changes", "[semantic_cache][bytes]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed);
  std::mt19937 random{seed};
  cache::entry_table table;
  testing::row_store file;
  std::int64_t now = 1'700'000'000;
  const cache::put_rule rule{12, 400, cache::endless};

  for (int step = 0; step < 2000; ++step) {
    now += random() % 3;
    const auto prompt = "prompt " + std::to_string(random() % 30);
    const auto asked = cache::make_question("openai", "gpt-4", "", prompt);
    auto living = rule;
    if (random() % 2 == 0)
      living.time_to_live = 1 + random() % 20;
    switch (random() % 8) {
      case 0: (void)table.lookup(asked, {}, now); break;
      case 1: file.erase(step % 50), (void)table.erase(step % 50); break;
      case 2: {
        cache::selection which;
        which.prompt_hash = asked.prompt_hash;
        for (const auto id : table.erase_all(which))
          file.erase(id);
        break;
      }
      case 3: table.expire(now); break;
      default:
        const auto made = table.put(
          asked, std::make_shared<const texts>(random() % 3, std::string(random() % 40, 'x')),
          living, now);
        REQUIRE(made);
        file.apply(*made);
    }
    for (const auto id : table.take_expired())
      file.erase(id);
    std::int64_t bytes = 0;
    for (const auto* facts : table.entries())
      bytes += cache::payload_bytes(*facts);
    REQUIRE(table.stats().bytes == bytes);
    REQUIRE(bytes <= rule.max_bytes);
    if (step % 300 == 299) {
      table.clear();
      CHECK(table.stats().bytes == 0);
      REQUIRE(file.load_into(table));
      REQUIRE(table.stats().bytes == bytes);
    }
  }
}
