// Explain and list, and the guard inside a lookup.
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/text/digest.hpp"

#include "cache_fixture.hpp"

#include <set>
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

cache::cache open_guarded(const testing::cache_fixture& t, bool guard = true) {
  auto wanted = t.options();
  wanted.guard = guard;
  wanted.threshold = 0.7;
  return t.open(wanted);
}

std::vector<std::int64_t> ids_of(const cache::page& some) {
  std::vector<std::int64_t> ids;
  for (const auto& each : some.entries)
    ids.push_back(each.id);
  return ids;
}

} // namespace

// -- guard ----------------------------------------------------------------------------------------

TEST_CASE("the guard refuses a near match and the lookup takes the next best",
          "[semantic_cache][guard]") {
  testing::cache_fixture t;
  const auto opened = open_guarded(t);
  REQUIRE(opened.call(cache::put{key_of("please install python 3.12 on my machine"), {"3.12"}}));
  const auto farther
    = opened.call(cache::put{key_of("install python 3.11 on my machine for everyone"), {"3.11"}});
  const auto asked = key_of("please install python 3.11 on my machine now");

  const auto found = opened.call(cache::get{asked}).value();

  CHECK(found.kind == match::near);
  CHECK(found.id == farther->id);
  CHECK(*found.commands == texts{"3.11"});
  CHECK(opened.call(cache::stats{})->guarded == 1);
  CHECK(opened.call(cache::stats{})->hits == 1);
}

TEST_CASE("a lookup whose candidates are all refused is a miss", "[semantic_cache][guard]") {
  testing::cache_fixture t;
  const auto opened = open_guarded(t);
  REQUIRE(opened.call(cache::put{key_of("please start the nginx web server"), {"start"}}));
  const auto asked = key_of("please stop the nginx web server");

  const auto found = opened.call(cache::get{asked}).value();

  CHECK(found.kind == match::miss);
  CHECK(found.commands == nullptr);
  CHECK(found.similarity >= 0.7);
  CHECK(opened.call(cache::stats{})->misses == 1);
  CHECK(opened.call(cache::get{key_of("please start the nginx web server")})->kind == match::exact);
}

TEST_CASE("without the guard an opposite is a near match", "[semantic_cache][guard]") {
  testing::cache_fixture t;
  const auto opened = open_guarded(t, false);
  REQUIRE(opened.call(cache::put{key_of("please start the nginx web server"), {"start"}}));

  CHECK(opened.call(cache::get{key_of("please stop the nginx web server")})->kind == match::near);
  CHECK(opened.call(cache::stats{})->guarded == 0);
}

TEST_CASE("equal candidates are offered to the guard in the order of comparison",
          "[semantic_cache][guard]") {
  cache::entry_table table;
  const auto commands = std::make_shared<const texts>(1, "x");
  const auto ask
    = [](std::string_view prompt) { return cache::make_question("openai", "gpt-4", "", prompt); };
  for (const auto* prompt : {"alpha bravo 'one'", "alpha 'bravo' one", "'alpha' bravo one"})
    REQUIRE(table.put(ask(prompt), commands, 100, 10));
  const auto open = table.lookup(ask("alpha bravo one"), {200, 0.5, false}, 10);

  const auto guarded = table.lookup(ask("alpha, bravo, one"), {200, 0.5, true}, 10);

  CHECK(guarded.id == open.id);
}

// -- explain --------------------------------------------------------------------------------------

TEST_CASE("explain tells which entry answers a prompt and what became of it",
          "[semantic_cache][explain]") {
  testing::cache_fixture t;
  const auto opened = open_guarded(t);
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"apt install nginx"}, 100s}));
  t.clock.advance(10s);
  REQUIRE(opened.call(cache::get{key_of("install nginx")}));
  t.clock.advance(20s);

  const auto told = opened.call(cache::explain{key_of("install nginx")}).value();

  CHECK(told.kind == match::exact);
  CHECK(told.threshold == 0.7);
  CHECK(told.compared == 0);
  REQUIRE(told.answer);
  CHECK(told.answer->similarity == 1.0);
  const auto& entry = told.answer->entry;
  CHECK(entry.id == 1);
  CHECK(entry.prompt == "install nginx");
  CHECK(entry.provider == "openai");
  CHECK(entry.model == "gpt-4");
  CHECK(entry.system_hash == cortex::text::sha256("You are a helper."));
  CHECK(*entry.commands == texts{"apt install nginx"});
  CHECK(entry.age == 30s);
  CHECK(entry.time_left == 70s);
  CHECK(entry.hit_count == 1);
  CHECK(entry.last_accessed - entry.created_at == 10s);
  CHECK(entry.bytes == 6 + 5 + 13 + 17);
}

TEST_CASE("explain tells the near match, what the guard refused and the best below the threshold",
          "[semantic_cache][explain]") {
  testing::cache_fixture t;
  const auto opened = open_guarded(t);
  REQUIRE(opened.call(cache::put{key_of("please install python 3.12 on my machine"), {"a"}}));
  REQUIRE(opened.call(cache::put{key_of("install python 3.11 on my machine for everyone"), {"b"}}));
  REQUIRE(opened.call(cache::put{key_of("paint my machine red"), {"c"}}));
  REQUIRE(opened.call(cache::put{key_of("entirely different words"), {"d"}}));
  REQUIRE(opened.call(cache::put{key_of("please install python 3.11 now", "other model"), {"e"}}));
  const auto asked = key_of("please install python 3.11 on my machine now");

  const auto told = opened.call(cache::explain{asked}).value();

  CHECK(told.kind == match::near);
  CHECK(told.compared == 4);
  REQUIRE(told.answer);
  CHECK(told.answer->entry.id == 2);
  CHECK_FALSE(told.answer->entry.time_left);
  REQUIRE(told.refused.size() == 1);
  CHECK(told.refused.front().entry.id == 1);
  CHECK(told.refused.front().refusal == "number: asked '3.11', remembered '3.12'");
  CHECK(told.refused.front().similarity > told.answer->similarity);
  REQUIRE(told.below);
  CHECK(told.below->entry.id == 3);
  CHECK(told.below->similarity < told.threshold);
  const auto found = opened.call(cache::get{asked}).value();
  CHECK(found.id == told.answer->entry.id);
  CHECK(found.similarity == told.answer->similarity);
}

TEST_CASE("explain tells how near a miss was, and of nothing where there is nothing",
          "[semantic_cache][explain]") {
  testing::cache_fixture t;
  const auto opened = open_guarded(t);
  const auto empty = opened.call(cache::explain{key_of("install nginx")}).value();
  CHECK(empty.kind == match::miss);
  CHECK_FALSE(empty.below);
  REQUIRE(opened.call(cache::put{key_of("install the nginx web server"), {"x"}}));

  const auto told = opened.call(cache::explain{key_of("install nginx")}).value();

  CHECK(told.kind == match::miss);
  CHECK_FALSE(told.answer);
  REQUIRE(told.below);
  CHECK(told.below->entry.prompt == "install the nginx web server");
  CHECK(told.compared == 1);
  CHECK(opened.call(cache::explain{key_of("install nginx"), 0})->compared == 0);
}

TEST_CASE("explain counts no hit or miss and renews nothing", "[semantic_cache][explain]") {
  testing::cache_fixture t;
  auto wanted = t.options();
  wanted.max_entries = 2;
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  t.clock.advance(1s);
  REQUIRE(opened.call(cache::put{key_of("bravo"), {"x"}}));
  t.clock.advance(1s);

  for (const auto* prompt : {"alpha", "Alpha!", "something else"})
    REQUIRE(opened.call(cache::explain{key_of(prompt)}));

  CHECK(opened.call(cache::stats{})->total == 0);
  REQUIRE(opened.call(cache::put{key_of("charlie"), {"x"}}));
  CHECK(opened.call(cache::get{key_of("alpha")})->kind == match::miss); // it was the oldest still
}

TEST_CASE("explain does not tell of what has expired, and refuses what get refuses",
          "[semantic_cache][explain][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("install nginx"), {"x"}, 10s}));
  t.clock.advance(10s);

  CHECK(opened.call(cache::explain{key_of("install nginx")})->kind == match::miss);
  CHECK(opened.call(cache::explain{key_of("\xff")}).error().code == errc::invalid_argument);
}

// -- list -----------------------------------------------------------------------------------------

TEST_CASE("list gives every entry once, by ascending id, a page at a time",
          "[semantic_cache][list]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  for (int i = 1; i <= 7; ++i)
    REQUIRE(opened.call(cache::put{key_of("prompt " + std::to_string(i)), {"x"}}));

  const auto first = opened.call(cache::list{{}, 0, 3}).value();
  const auto second = opened.call(cache::list{{}, first.next.value(), 3}).value();
  const auto third = opened.call(cache::list{{}, second.next.value(), 3}).value();

  CHECK(ids_of(first) == std::vector<std::int64_t>{1, 2, 3});
  CHECK(ids_of(second) == std::vector<std::int64_t>{4, 5, 6});
  CHECK(ids_of(third) == std::vector<std::int64_t>{7});
  CHECK_FALSE(third.next);
  CHECK_FALSE(opened.call(cache::list{{}, 4, 3})->next); // the last page is full
  CHECK(third.entries.front().prompt == "prompt 7");
  CHECK(opened.call(cache::stats{})->total == 0);
}

TEST_CASE("list takes every part of a filter", "[semantic_cache][list]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}}));
  REQUIRE(opened.call(cache::put{key_of("alpha", "other"), {"x"}}));
  REQUIRE(opened.call(cache::put{cache::key{"alpha", "local", "gpt-4", "be brief"}, {"x"}}));
  t.clock.advance(10s);
  REQUIRE(opened.call(cache::put{key_of("bravo"), {"x"}}));
  const auto listed
    = [&](const cache::filter& which) { return ids_of(opened.call(cache::list{which}).value()); };
  using ids = std::vector<std::int64_t>;

  CHECK(listed({.id = 2}) == ids{2});
  CHECK(listed({.what = key_of("alpha")}) == ids{1});
  CHECK(listed({.provider = "openai"}) == ids{1, 2, 4});
  CHECK(listed({.model = "gpt-4"}) == ids{1, 3, 4});
  CHECK(listed({.system_prompt = "be brief"}) == ids{3});
  const auto now = std::chrono::floor<std::chrono::seconds>(t.clock.now());
  CHECK(listed({.put_before = now}) == ids{1, 2, 3});
  CHECK(listed({.provider = "openai", .model = "gpt-4", .put_before = now}) == ids{1});
  CHECK(listed({.id = 1, .model = "other"}).empty());
}

TEST_CASE("list leaves out what has expired and refuses a bad page or filter",
          "[semantic_cache][list][errors]") {
  testing::cache_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(cache::put{key_of("alpha"), {"x"}, 10s}));
  t.clock.advance(10s);
  const auto refused = [&](const cache::list& request) {
    return opened.call(request).error().code == errc::invalid_argument;
  };

  CHECK(opened.call(cache::list{})->entries.empty());
  CHECK(refused({{}, 0, 0}));
  CHECK(refused({{}, 0, 1001}));
  CHECK(refused({{.model = "\xff"}}));
  CHECK(refused({{.what = key_of("\xff")}}));
  CHECK(refused({{.what = key_of("alpha"), .model = "gpt-4"}}));
}
