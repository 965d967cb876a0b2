#include "cortex/semantic_cache/entry_table.hpp"

#include "support/catch_compat.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace cache = cortex::semantic_cache;
using cache::match;
using ids = std::vector<std::int64_t>;

namespace {

constexpr std::int64_t roomy = 1000;

cache::question ask(std::string_view prompt, std::string_view provider = "openai") {
  return cache::make_question(provider, "gpt-4", "be brief", prompt);
}

cache::command_list commands(std::vector<std::string> texts) {
  return std::make_shared<const std::vector<std::string>>(std::move(texts));
}

std::int64_t put(cache::entry_table& table, std::string_view prompt, std::int64_t now) {
  return table.put(ask(prompt), commands({std::string{prompt}}), roomy, now).value().written.id;
}

cache::decoded_row row(std::int64_t id, const std::string& prompt) {
  const auto asked = ask(prompt);
  cache::decoded_row result;
  result.facts.id = id;
  result.facts.home = {std::string{asked.provider}, std::string{asked.model}, asked.system_hash};
  result.facts.prompt = prompt;
  result.facts.prompt_hash = asked.prompt_hash;
  result.facts.commands = commands({prompt});
  result.vector = cache::embed(prompt);
  return result;
}

/// The prompts by ascending hash: the order in which entries of one second are compared.
std::vector<std::string> by_hash(std::vector<std::string> prompts) {
  std::sort(prompts.begin(), prompts.end(), [](const auto& left, const auto& right) {
    return cortex::text::sha256_hex(left) < cortex::text::sha256_hex(right);
  });
  return prompts;
}

} // namespace

TEST_CASE("an empty table misses", "[semantic_cache]") {
  cache::entry_table table;

  const auto found = table.lookup(ask("install nginx"), {}, 10);

  CHECK(found.kind == match::miss);
  CHECK(found.id == 0);
  CHECK(found.commands == nullptr);
  CHECK(table.stats().misses == 1);
}

TEST_CASE("a hit shares the commands and counts", "[semantic_cache]") {
  cache::entry_table table;
  const auto stored = commands({"apt install nginx"});
  const auto id = table.put(ask("install nginx"), stored, roomy, 10).value().written.id;

  const auto exact = table.lookup(ask("install nginx"), {}, 20);
  const auto near = table.lookup(ask("Install NGINX!"), {}, 30);

  CHECK(exact.kind == match::exact);
  CHECK(exact.similarity == 1.0);
  CHECK(exact.commands == stored);
  CHECK(near.kind == match::near);
  CHECK(near.id == id);
  CHECK(near.commands == stored);
  CHECK(table.find(id)->hit_count == 2);
  CHECK(table.find(id)->last_accessed == 30);
  CHECK(table.find(id)->created_at == 10);
}

TEST_CASE("a miss tells how near the best candidate was", "[semantic_cache]") {
  cache::entry_table table;
  put(table, "alpha bravo", 10);

  const auto found = table.lookup(ask("alpha"), {}, 10);

  CHECK(found.kind == match::miss);
  CHECK(found.similarity == cache::similarity(cache::embed("alpha"), cache::embed("alpha bravo")));
}

TEST_CASE("equal candidates of one second are taken by prompt hash", "[semantic_cache]") {
  const auto prompts = by_hash({"a b", "b a", "a, b", "b, a", "A b", "b A"});
  cache::entry_table table;
  for (const auto& prompt : prompts)
    put(table, prompt, 10);
  const auto limit = GENERATE(as<std::int64_t>{}, -1, 1, 2, 5, 6, 200);

  const auto found = table.lookup(ask("a; b"), {limit, 0.5}, 10);

  REQUIRE(found.kind == match::near);
  CHECK(table.find(found.id)->prompt == prompts.front());
}

TEST_CASE("only the newest candidates are compared", "[semantic_cache]") {
  cache::entry_table table;
  put(table, "alpha bravo", 10);
  put(table, "charlie delta", 11);
  put(table, "echo foxtrot", 12);

  CHECK(table.lookup(ask("alpha bravo!"), {2, 0.5}, 13).kind == match::miss);
  CHECK(table.lookup(ask("alpha bravo!"), {0, -1.0}, 13).kind == match::miss);
  CHECK(table.lookup(ask("alpha bravo!"), {-1, 0.5}, 13).kind == match::near);
  // That hit made it the newest.
  CHECK(table.lookup(ask("alpha bravo!"), {1, 0.5}, 14).kind == match::near);
}

TEST_CASE("replacing an entry gives a new id and keeps its hits", "[semantic_cache]") {
  cache::entry_table table;
  const auto old_id = put(table, "install nginx", 10);
  (void)table.lookup(ask("install nginx"), {}, 11);

  const auto made = table.put(ask("install nginx"), commands({"new"}), roomy, 12).value();

  CHECK(made.replaced == old_id);
  CHECK(made.written.id > old_id);
  CHECK(made.written.hit_count == 1);
  CHECK(made.written.created_at == 12);
  CHECK(made.evicted.empty());
  CHECK(table.find(old_id) == nullptr);
  // The new row says it all: the accesses of the old one are not to be added again.
  const auto log = table.take_accesses();
  CHECK(log.accesses.empty());
  CHECK(log.hits == 1);
}

TEST_CASE("the least recently accessed entries of all scopes make room", "[semantic_cache]") {
  cache::entry_table table;
  for (const auto& prompt : {"one", "two", "three", "four"})
    put(table, prompt, 10);
  (void)table.lookup(ask("two"), {}, 11);

  const auto made = table.put(ask("five", "other"), commands({}), 2, 11).value();

  CHECK(made.evicted == ids{1, 3, 4});
  CHECK(table.stats().entries == 2);
}

TEST_CASE("the written entry is evicted if it is the least recently accessed", "[semantic_cache]") {
  cache::entry_table table;

  const auto nothing_stays = table.put(ask("one"), commands({}), 0, 10).value();
  CHECK(nothing_stays.evicted == ids{nothing_stays.written.id});

  put(table, "two", 20);
  const auto clock_stepped_back = table.put(ask("three"), commands({}), 1, 5).value();
  CHECK(clock_stepped_back.evicted == ids{clock_stepped_back.written.id});
  CHECK(table.find(2) != nullptr);
}

TEST_CASE("accesses are handed out once, added up for each entry", "[semantic_cache]") {
  cache::entry_table table;
  put(table, "one", 10);
  put(table, "two", 10);
  for (const std::int64_t now : {11, 12})
    (void)table.lookup(ask("one"), {}, now);
  (void)table.lookup(ask("three"), {}, 12);
  CHECK(table.pending_lookups() == 3);

  const auto log = table.take_accesses();

  CHECK(log.accesses == std::vector<cache::access_delta>{{1, 2, 12}});
  CHECK(log.hits == 2);
  CHECK(log.misses == 1);
  CHECK(table.take_accesses().empty());
  CHECK(table.pending_lookups() == 0);
}

TEST_CASE("accesses that could not be written come again", "[semantic_cache][errors]") {
  cache::entry_table table;
  put(table, "one", 10);
  put(table, "two", 10);
  (void)table.lookup(ask("one"), {}, 11);
  (void)table.lookup(ask("two"), {}, 11);
  const auto failed = table.take_accesses();
  (void)table.lookup(ask("one"), {}, 12);
  table.erase(2);

  table.restore_accesses(failed);
  const auto log = table.take_accesses();

  CHECK(log.accesses == std::vector<cache::access_delta>{{1, 2, 12}});
  CHECK(log.hits == 3);
}

TEST_CASE("accesses are replayed over what was loaded again", "[semantic_cache]") {
  cache::entry_table table;
  put(table, "one", 10);
  put(table, "two", 10);
  for (const auto& prompt : {"one", "two", "three"})
    (void)table.lookup(ask(prompt), {}, 20);
  const auto unwritten = table.take_accesses();
  table.clear();
  auto renewed_elsewhere = row(1, "one");
  renewed_elsewhere.facts.last_accessed = 30;
  renewed_elsewhere.facts.hit_count = 4;
  REQUIRE(table.load(renewed_elsewhere)); // "two" is gone

  table.replay_accesses(unwritten);

  CHECK(table.find(1)->last_accessed == 30);
  CHECK(table.find(1)->hit_count == 5);
  CHECK(table.stats().hits == 2);
  CHECK(table.stats().misses == 1);
  const auto log = table.take_accesses();
  CHECK(log.accesses == std::vector<cache::access_delta>{{1, 1, 30}});
  CHECK(log.hits == 2);
}

TEST_CASE("a row that is there twice is refused", "[semantic_cache][errors]") {
  cache::entry_table table;
  REQUIRE(table.load(row(5, "one")));

  CHECK(table.load(row(5, "two")).error().code == cortex::errc::already_exists);
  CHECK(table.load(row(6, "one")).error().code == cortex::errc::already_exists);
  CHECK(table.stats().entries == 1);
  CHECK(put(table, "three", 10) == 6); // ids go on behind the loaded ones
}

TEST_CASE("ids are never used twice, and end", "[semantic_cache][errors]") {
  cache::entry_table table;
  table.load_counters(0, 0, 41);
  CHECK(put(table, "one", 10) == 42);
  table.erase(42);
  CHECK(put(table, "one", 10) == 43);

  table.load_counters(0, 0, std::numeric_limits<std::int64_t>::max());
  const auto refused = table.put(ask("two"), commands({}), roomy, 10);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == cortex::errc::no_space);
  CHECK(table.stats().entries == 1);
}

TEST_CASE("counters from a hostile file do not overflow", "[semantic_cache][errors]") {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  cache::entry_table table;
  auto worn = row(1, "one");
  worn.facts.hit_count = largest;
  REQUIRE(table.load(worn));
  table.load_counters(largest, largest, 1);

  CHECK(table.lookup(ask("one"), {}, 10).kind == match::exact);

  CHECK(table.find(1)->hit_count == largest);
  CHECK(table.stats().hits == largest);
  CHECK(table.stats().total == largest);
}

TEST_CASE("a cleared table begins anew", "[semantic_cache]") {
  cache::entry_table table;
  put(table, "one", 10);
  (void)table.lookup(ask("one"), {}, 11);

  table.clear();

  CHECK(table.entries().empty());
  CHECK(table.stats().total == 0);
  CHECK(table.take_accesses().empty());
  CHECK(table.lookup(ask("one"), {}, 12).kind == match::miss);
  CHECK(put(table, "one", 12) == 1);
}
