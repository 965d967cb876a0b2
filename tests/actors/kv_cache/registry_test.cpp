// Pools by name: made, found, replaced, removed; their rows, and what is refused.
#include "cortex/kv_cache/process.hpp"

#include "registry_fixture.hpp"
#include "support/wait.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using testing::registry_fixture;

namespace {

std::vector<std::string> names_of(const kv::registry& pools) {
  std::vector<std::string> out;
  const auto all = pools.call(kv::list{});
  REQUIRE(all);
  for (const auto& each : *all)
    out.push_back(each.name);
  return out;
}

using name_list = std::vector<std::string>;

} // namespace

TEST_CASE("a pool is there for other connections when its creation is answered",
          "[kv_cache][kv1]") {
  registry_fixture t;
  const auto pools = t.open();

  REQUIRE(pools.create({"a", 4096}));
  REQUIRE(pools.create({"b", 8192, "lfu", 10})); // the original says "database is locked"

  CHECK(testing::sqlite_probe{t.file()}.count("pools") == 2);
  CHECK(testing::sqlite_probe{t.file()}.count("stats") == 2);
  CHECK(t.text("SELECT config FROM pools WHERE name = 'b'")
        == R"({"name": "b", "size_bytes": 8192, "policy": "lfu", "max_sequences": 10})");
  CHECK(t.text("SELECT shm_name FROM pools WHERE name = 'b'") == "cortex_kv_b");
}

TEST_CASE("a pool outlives the program that made it, with what is in it", "[kv_cache][kv2]") {
  registry_fixture t;
  {
    const auto pools = t.open();
    REQUIRE(pools.create({"a", 4096}, {.block_bytes = 64}));
    const auto pool = pools.attach("a").value();
    REQUIRE(pool.allocate({.id = 1, .bytes = 100}));
    REQUIRE(pool.write(1, 0, std::array{std::byte{33}}));
  }
  t.restart();

  const auto pools = t.open();

  CHECK(pools.notices().empty());
  const auto pool = pools.attach("a").value();
  std::array<std::byte, 1> out{};
  REQUIRE(pool.read(1, 0, out));
  CHECK(out[0] == std::byte{33});
  CHECK(pool.block_bytes() == 64);
}

TEST_CASE("destroying a pool removes its segment and all its rows", "[kv_cache][kv3]") {
  registry_fixture t;
  {
    const auto pools = t.open();
    REQUIRE(pools.create({"a", 4096}));
    REQUIRE(pools.create({"b", 4096}));
    REQUIRE(pools.attach("a")->allocate({.id = 1, .bytes = 100}));
    REQUIRE(pools.flush());
    REQUIRE(testing::sqlite_probe{t.file()}.count("entries") == 1);
  }
  t.restart(); // so that somebody else made it
  const auto pools = t.open();
  const auto inside = pools.attach("a").value();

  REQUIRE(pools.destroy("a"));

  CHECK(names_of(pools) == name_list{"b"});
  CHECK_FALSE(t.memory.has("cortex_kv_a"));
  CHECK_FALSE(t.memory.has("cortex_kvm_a"));
  CHECK(t.memory.has("cortex_kv_b"));
  CHECK(testing::sqlite_probe{t.file()}.count("pools") == 1);
  CHECK(testing::sqlite_probe{t.file()}.count("stats") == 1);
  CHECK(testing::sqlite_probe{t.file()}.count("entries") == 0);
  CHECK(inside.lookup(1).error() == errc::closed);
  CHECK(pools.destroy("a").error() == errc::not_found);
  CHECK(pools.destroy("never").error() == errc::not_found);
  CHECK(pools.attach("a").error() == errc::not_found);
}

TEST_CASE("a pool is not replaced unless it is forced, and then its users are told",
          "[kv_cache][kv4]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 4096}));
  REQUIRE(pools.create({"b", 4096}));
  const auto inside = pools.attach("a").value();
  REQUIRE(inside.allocate({.id = 1, .bytes = 100}));

  CHECK(pools.create({"a", 8192}).error() == errc::already_exists);
  CHECK(inside.lookup(1)->has_value());
  REQUIRE(pools.create({"a", 8192, "fifo"}, {.force = true}));

  CHECK(inside.lookup(1).error() == errc::closed);
  CHECK(names_of(pools) == name_list{"b", "a"});
  const auto again = pools.attach("a").value();
  CHECK(again.usage()->size_bytes == 8192);
  CHECK(again.usage()->sequences == 0);
  CHECK(again.policy() == kv::eviction_policy::fifo);
  CHECK(t.memory.count() == 4);
}

TEST_CASE("counters go on when a pool is replaced, its sequences do not", "[kv_cache][kv4]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 4096}));
  {
    const auto pool = pools.attach("a").value();
    REQUIRE(pool.allocate({.id = 1, .bytes = 100}));
    REQUIRE(pool.lookup(1));
    REQUIRE(pool.lookup(2));
  }
  REQUIRE(pools.flush());

  REQUIRE(pools.create({"a", 4096}, {.force = true}));
  REQUIRE(pools.attach("a")->lookup(1));
  REQUIRE(pools.flush());

  CHECK(t.text("SELECT hits || ' ' || misses FROM stats") == "1 2");
  CHECK(testing::sqlite_probe{t.file()}.count("entries") == 0);
}

TEST_CASE("a creation that fails leaves neither segment nor row", "[kv_cache][kv4][errors]") {
  registry_fixture t;
  const auto pools = t.open();
  const auto fails = [&](const kv::create_options& how) {
    const auto made = pools.create({"a", 4096}, how);
    return made ? errc{} : made.error().code;
  };
  const auto forbid = [&] { // as a full disk would
    testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
      "CREATE TRIGGER no BEFORE INSERT ON pools BEGIN SELECT RAISE(ABORT, 'no'); END");
  };
  forbid();

  CHECK(fails({}) != errc{});

  CHECK(t.memory.count() == 0);
  CHECK(pools.call(kv::get{"a"})->has_value() == false);
  testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
    "DROP TRIGGER no");
  REQUIRE(pools.create({"a", 4096}));
  REQUIRE(pools.attach("a")->allocate({.id = 1, .bytes = 10}));
  forbid();

  CHECK(fails({.force = true}) != errc{});

  CHECK(t.memory.count() == 2); // the one before, under its name
  CHECK(pools.attach("a")->lookup(1)->has_value());
}

TEST_CASE("sizes that are nothing or more than memory are refused", "[kv_cache][kv5]") {
  registry_fixture t;
  const auto pools = t.open();

  CHECK(pools.create({"a", 0}).error() == errc::invalid_argument);
  CHECK(pools.create({"a", -5}).error() == errc::invalid_argument);
  CHECK(pools.create({"a", 1'000'000'000'000'000}).error() == errc::no_space);
  CHECK(pools.create({"a", INT64_MAX}).error() == errc::no_space);

  CHECK(t.memory.count() == 0);
  CHECK(names_of(pools).empty());
}

TEST_CASE("sequences and counters of a pool come to its rows", "[kv_cache][kv6]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 65'536, "lru", 2}));
  const auto pool = pools.attach("a").value();
  REQUIRE(pool.allocate({.id = 1, .bytes = 5000, .tokens = 20}));
  REQUIRE(pool.allocate({.id = 2, .bytes = 100, .tokens = 2}));
  t.clock.advance(std::chrono::seconds{5});
  REQUIRE(pool.lookup(1));
  REQUIRE(pool.lookup(77));

  REQUIRE(pools.flush());

  CHECK(t.text("SELECT group_concat(seq_id || ' ' || pool || ' ' || created || ' ' || accessed || "
               "' ' || count || ' ' || tokens || ' ' || size || ' ' || offset) FROM entries")
        == "1 a 1766400000.0 1766400005.0 1 20 5000 0,2 a 1766400000.0 1766400000.0 0 2 100 8192");
  CHECK(t.text("SELECT hits || ' ' || misses FROM stats") == "1 1");
  REQUIRE(pool.allocate({.id = 3, .bytes = 100})); // 2 makes room
  REQUIRE(pools.flush());
  CHECK(t.text("SELECT group_concat(seq_id) FROM entries") == "1,3");
  CHECK(pools.create({"b", 4096, "random"}).error() == errc::invalid_argument);
  CHECK(pools.create({"b", 4096, "lru", 0}).error() == errc::invalid_argument);
}

TEST_CASE("rows follow the pools by themselves", "[kv_cache][kv6]") {
  registry_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::milliseconds{1};
  const auto pools = t.open(wanted);
  REQUIRE(pools.create({"a", 65'536}));
  REQUIRE(pools.attach("a")->allocate({.id = 1, .bytes = 5000}));

  CHECK(testing::eventually([&] { return t.text("SELECT count(*) FROM entries") == "1"; }));
}

TEST_CASE("rows are up to date when the pools end", "[kv_cache][kv6]") {
  registry_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::hours{1};
  {
    const auto pools = t.open(wanted);
    REQUIRE(pools.create({"a", 65'536}));
    const auto pool = pools.attach("a").value();
    REQUIRE(pool.allocate({.id = 1, .bytes = 5000}));
    REQUIRE(pool.lookup(1));
  }
  t.restart();

  CHECK(t.text("SELECT seq_id || ' ' || count FROM entries") == "1 1");
  CHECK(t.text("SELECT hits FROM stats") == "1");
}

TEST_CASE("names that no file can have are refused when the pool is made", "[kv_cache][kv7]") {
  registry_fixture t;
  const auto pools = t.open();
  using namespace std::string_literals;
  for (const auto& name : {""s, "a/b"s, "../a"s, "a\0b"s, "a b"s, "é"s, "a\n"s, "a~"s, "a:b"s,
                           std::string(201, 'a')}) {
    INFO("name '" << name << "'");
    CHECK(pools.create({name, 4096}).error() == errc::invalid_argument);
  }
  CHECK(t.memory.count() == 0);

  for (const auto& name : {"."s, ".."s, "A-Z_0.9"s, std::string(200, 'a')}) {
    INFO("name '" << name << "'");
    CHECK(pools.create({name, 4096}));
    CHECK(t.memory.has("cortex_kv_" + name));
  }
}

TEST_CASE("rows with other names stay readable and can be destroyed", "[kv_cache][kv7]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.call(kv::save{{"café", 16'000'000'000}}));
  REQUIRE(pools.call(kv::save{{"../../etc/passwd", 1, "weird", 0}}));
  CHECK(pools.call(kv::save{{"\xff", 1}}).error() == errc::invalid_argument);

  CHECK(names_of(pools) == name_list{"café", "../../etc/passwd"});
  CHECK(pools.call(kv::get{"café"})->value().segment == "cortex_kv_café");
  CHECK(pools.attach("../../etc/passwd").error() == errc::invalid_argument);
  CHECK(pools.attach("café").error() == errc::not_found);
  CHECK(pools.destroy("../../etc/passwd"));
  CHECK(pools.destroy("café"));
  CHECK(testing::sqlite_probe{t.file()}.count("stats") == 0);
}

TEST_CASE("a row with unknown keys or without sense does not spoil the others", "[kv_cache][kv8]") {
  registry_fixture t;
  {
    const auto pools = t.open();
    REQUIRE(pools.create({"a", 4096}));
  }
  t.restart();
  testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
    "INSERT INTO pools VALUES"
    "('extra', '{\"name\": \"extra\", \"size_bytes\": 5, \"tier\": [1, {}]}', 'cortex_kv_extra'),"
    "('broken', '{', 'cortex_kv_broken'), ('huge', '{\"name\": \"huge\", \"size_bytes\": 1"
    + std::string(30, '0') + "}', NULL), (NULL, NULL, NULL), ('null', NULL, NULL)");

  const auto pools = t.open();

  CHECK(names_of(pools) == name_list{"a", "extra"});
  CHECK(pools.call(kv::get{"extra"})->value().config == kv::configuration{"extra", 5, "lru", 1000});
  CHECK_FALSE(pools.call(kv::get{"broken"})->has_value());
  CHECK(pools.notices().size() == 3);
  CHECK(pools.destroy("broken"));
  CHECK(pools.destroy("null"));
  CHECK(pools.create({"huge", 4096}).error() == errc::already_exists);
  CHECK(testing::sqlite_probe{t.file()}.count("pools") == 4);
}

TEST_CASE("two that make or destroy the same pool at once do not meet", "[kv_cache][kv9]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"same", 4096}));
  std::atomic<int> made{1};
  std::atomic<int> destroyed{0};

  testing::run_threads(8, [&](std::size_t index) {
    for (int i = 0; i < 20; ++i) {
      if (index % 2 == 0)
        made += pools.create({"same", 4096}) ? 1 : 0;
      else
        destroyed += pools.destroy("same") ? 1 : 0;
    }
  });

  const auto left = names_of(pools).size();
  CHECK(static_cast<std::size_t>(made - destroyed) == left);
  CHECK(t.memory.count() == 2 * left);
  CHECK(testing::sqlite_probe{t.file()}.count("pools") == static_cast<std::int64_t>(left));
  // Nobody still has the name.
  CHECK((left == 0 || pools.destroy("same")));
  CHECK(pools.create({"same", 4096}));
}

TEST_CASE("a foreign segment of the name is not touched unless it is forced",
          "[kv_cache][kv4][errors]") {
  registry_fixture t;
  const auto pools = t.open();
  std::ofstream{t.memory / "cortex_kv_a"} << "somebody's";

  CHECK(pools.create({"a", 4096}).error() == errc::already_exists);
  CHECK(std::filesystem::file_size(t.memory / "cortex_kv_a") == 10);
  REQUIRE(pools.create({"a", 4096}, {.force = true}));
  CHECK(pools.attach("a"));
  CHECK(t.memory.count() == 2);
}

TEST_CASE("what another program writes is noticed", "[kv_cache]") {
  registry_fixture t;
  auto wanted = t.options();
  wanted.flush_interval = std::chrono::milliseconds{1};
  const auto pools = t.open(wanted);
  REQUIRE(pools.create({"a", 4096}));

  testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
    "INSERT INTO pools VALUES('b', '{\"name\": \"b\", \"size_bytes\": 1}', 'cortex_kv_b')");

  // The pools look at their next tick, and a write makes the writer notice.
  CHECK(testing::eventually([&] {
    REQUIRE(pools.flush());
    return names_of(pools) == name_list{"a", "b"};
  }));
}

TEST_CASE("pools that are opened again at once have all that was handed to the old ones",
          "[kv_cache]") {
  registry_fixture t;

  for (std::size_t round = 0; round < 20; ++round) {
    const auto pools = kv::open(*t.rt, t.options());
    if (!pools)
      FAIL("round " << round << ": " << to_string(pools.error()));
    if (names_of(*pools).size() != round)
      FAIL("something is missing in round " << round);
    pools->tell(kv::save{{"pool " + std::to_string(round), 4096}}); // nobody waits for it
  }
}

TEST_CASE("whoever opens read-only reads, works on pools and changes no rows", "[kv_cache]") {
  registry_fixture t;
  const auto owner = t.open();
  REQUIRE(owner.create({"a", 4096}));
  auto wanted = t.options();
  wanted.access = cortex::storage::access::read_only;
  const auto reader = t.open(wanted);

  CHECK(names_of(reader) == name_list{"a"});
  REQUIRE(owner.create({"b", 4096}));
  CHECK(names_of(reader) == name_list{"a", "b"});
  CHECK(reader.call(kv::get{"b"})->value().config.size_bytes == 4096);
  CHECK(reader.attach("b")->allocate({.id = 1, .bytes = 10}));
  CHECK(reader.create({"c", 4096}).error() == errc::read_only);
  CHECK(reader.destroy("a").error() == errc::read_only);
  CHECK(reader.flush().error() == errc::read_only);
  CHECK(reader.call(kv::save{{"d", 1}}).error() == errc::read_only);
}

TEST_CASE("a registry is opened once, and with sense", "[kv_cache][errors]") {
  registry_fixture t;
  const auto pools = t.open();
  CHECK(kv::open(*t.rt, t.options()).error() == errc::already_exists);
  auto wanted = t.options();
  wanted.path = (t.folder / "other.db").string();
  wanted.patience = std::chrono::nanoseconds{0};
  CHECK(kv::open(*t.rt, wanted).error() == errc::invalid_argument);
  wanted = t.options();
  wanted.path = (t.folder / "none.db").string();
  wanted.access = cortex::storage::access::read_only;
  CHECK(kv::open(*t.rt, wanted).error() == errc::not_found);
  wanted.access = cortex::storage::access::read_write;
  wanted.directory = (t.folder / "nowhere").string();
  const auto elsewhere = kv::open(*t.rt, wanted);
  REQUIRE(elsewhere);
  CHECK(elsewhere->create({"a", 4096}).error() == errc::not_found);
}
