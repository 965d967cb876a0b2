// Several processes on one pool: they share it, die in it, and leave pins behind.
#include "registry_fixture.hpp"
#include "support/child_process.hpp"

#include <array>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using testing::child_process;
using testing::registry_fixture;

namespace {

std::vector<std::string> worker(const registry_fixture& t, const std::string& verb,
                                const std::string& pool, const std::string& number) {
  return {CORTEX_KV_WORKER, verb, t.file(), t.memory.path(), pool, number};
}

} // namespace

TEST_CASE("two processes share one pool", "[kv_cache][process]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 64 * 64}, {.block_bytes = 64}));
  const auto pool = pools.attach("a").value();
  REQUIRE(pool.allocate({.id = 5, .bytes = 100}));
  REQUIRE(pool.write(5, 0, std::array{std::byte{77}}));

  child_process reader{worker(t, "read", "a", "5")};
  REQUIRE(reader.wait());
  CHECK(reader.output() == "77\n");
  child_process holder{worker(t, "hold", "a", "6")};
  REQUIRE(holder.wait_for_output("held"));

  std::array<std::byte, 1> out{};
  REQUIRE(pool.read(6, 0, out));
  CHECK(out[0] == std::byte{42});
  CHECK(pool.stats()->attached_now == 2);
  REQUIRE(pools.flush()); // the owner writes what the other one did
  CHECK(t.text("SELECT group_concat(seq_id) FROM entries") == "5,6");
}

TEST_CASE("a dead process keeps no sequence pinned", "[kv_cache][process][recovery]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 64}, {.block_bytes = 64}));
  const auto pool = pools.attach("a").value();
  child_process holder{worker(t, "hold", "a", "6")};
  REQUIRE(holder.wait_for_output("held"));
  CHECK(pool.allocate({.id = 7, .bytes = 64}).error() == errc::no_space);

  holder.kill();
  REQUIRE(holder.wait());

  const auto made = pool.allocate({.id = 7, .bytes = 64});
  REQUIRE(made);
  CHECK(made->evicted == std::vector<std::int64_t>{6});
  CHECK(pool.stats()->reclaimed_pins == 1);
  CHECK(pool.stats()->attached_now == 1);
}

TEST_CASE("processes that are killed while they work leave a sound pool",
          "[kv_cache][process][recovery]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 64 * 64, "lru", 30}, {.block_bytes = 64}));
  const auto pool = pools.attach("a").value();

  for (int round = 0; round < 6; ++round) {
    INFO("round " << round);
    child_process one{worker(t, "work", "a", std::to_string(2 * round))};
    child_process two{worker(t, "work", "a", std::to_string(2 * round + 1))};
    REQUIRE(one.wait_for_output("working"));
    REQUIRE(two.wait_for_output("working"));
    one.kill(); // the other one goes on
    if (const auto used = pool.usage(); !used)
      FAIL(to_string(used.error()));
    two.kill();
    REQUIRE(one.wait());
    REQUIRE(two.wait());

    const auto wrong = pool.check();
    REQUIRE(wrong);
    for (const auto& each : *wrong)
      UNSCOPED_INFO(each);
    CHECK(wrong->empty());
    CHECK(pool.stats()->lost_sequences == 0);
  }
  CHECK(pool.reclaim());
  CHECK(pool.stats()->attached_now == 1);
  CHECK(pool.allocate({.id = 1000, .bytes = 64 * 64}));
}

TEST_CASE("four processes that work at once disturb nobody", "[kv_cache][process]") {
  registry_fixture t;
  const auto pools = t.open();
  REQUIRE(pools.create({"a", 64 * 64, "lfu", 30}, {.block_bytes = 64}));
  const auto pool = pools.attach("a").value();
  std::vector<std::unique_ptr<child_process>> all;
  for (int i = 0; i < 4; ++i) {
    auto line = worker(t, "work", "a", std::to_string(i));
    line.emplace_back("2000");
    all.push_back(std::make_unique<child_process>(line));
  }
  for (const auto& each : all) {
    const auto ended = each->wait();
    REQUIRE(ended);
    CHECK(ended->ok());
  }

  CHECK(pool.check()->empty());
  CHECK(pool.stats()->recoveries == 0);
  CHECK(pool.stats()->attached_now == 1);
}

TEST_CASE("a pool made by a program that ends is there for the next", "[kv_cache][process][kv2]") {
  registry_fixture t;
  child_process maker{worker(t, "create", "a", "65536")};
  REQUIRE(maker.wait()->ok());

  const auto pools = t.open();

  CHECK(pools.attach("a")->usage()->size_bytes == 65'536);
  CHECK(pools.destroy("a"));
  CHECK(t.memory.count() == 0);
}

TEST_CASE("without a path the file is in the home folder", "[kv_cache][process][kv8]") {
  const registry_fixture t;
  child_process maker{{CORTEX_KV_WORKER, "create", "", t.memory.path(), "a", "4096"},
                      {"HOME=" + t.folder.path().string()}};
  REQUIRE(maker.wait()->ok());

  CHECK(std::filesystem::exists(t.folder / ".cortex/kv_cache.db"));
}

TEST_CASE("a program killed while it makes a pool leaves nothing that stays",
          "[kv_cache][process][recovery]") {
  registry_fixture t;
  {
    child_process maker{worker(t, "create", "a", "65536")};
    REQUIRE(maker.wait()->ok());
  }
  // As if it had been killed between the segment and its row, or between row and segment.
  testing::sqlite_probe{t.file(), testing::sqlite_probe::access::read_write}.execute(
    "DELETE FROM pools");

  {
    const auto pools = t.open();
    CHECK(pools.notices().size() == 1);
    CHECK(t.memory.count() == 0);
    REQUIRE(pools.create({"b", 4096}));
  }
  t.restart();
  const auto pools = t.open();
  CHECK(pools.notices().empty());
  CHECK(t.memory.count() == 2);
}

TEST_CASE("a pool of a dead program without a row does not block its name",
          "[kv_cache][process][recovery]") {
  registry_fixture t;
  const auto pools = t.open();
  {
    // The same file, as another program would have it: with the name of its canonical path.
    const testing::temp_dir other;
    child_process maker{
      {CORTEX_KV_WORKER, "create", (other / "x.db").string(), t.memory.path(), "a", "4096"}};
    REQUIRE(maker.wait()->ok());
  }

  CHECK(pools.create({"a", 4096}).error() == errc::already_exists); // not this file's
  CHECK(t.memory.count() == 2);
  CHECK(pools.create({"a", 4096}, {.force = true}));
}
