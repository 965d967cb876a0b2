// Allocation in blocks: room, appending, releasing, counting, and what is refused.
#include "memory_pool.hpp"

#include <array>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using testing::memory_pool;

TEST_CASE("a sequence takes as many blocks as its bytes need and gives them back", "[kv_cache]") {
  memory_pool t{10};

  REQUIRE(t.pool.allocate({7, 129, 33, {}}, 1000.0));

  CHECK(t.pool.usage().used_bytes == 3 * 64);
  CHECK(t.pool.usage().sequences == 1);
  const auto all = t.pool.sequences();
  REQUIRE(all.size() == 1);
  CHECK(all[0].size_bytes == 129);
  CHECK(all[0].token_count == 33);
  CHECK(all[0].blocks == 3);
  CHECK(all[0].created_at == 1000.0);
  t.require_sound();

  REQUIRE(t.pool.release(7));

  CHECK(t.pool.usage().used_bytes == 0);
  CHECK(t.pool.usage().sequences == 0);
  t.require_sound();
}

TEST_CASE("a sequence grows inside its last block before it takes another one", "[kv_cache]") {
  memory_pool t{4};
  REQUIRE(t.pool.allocate({1, 10, 1, {}}, 1.0));

  REQUIRE(t.pool.append(1, 54, 2, 2.0));
  CHECK(t.pool.usage().used_bytes == 64);
  REQUIRE(t.pool.append(1, 1, 3, 3.0));

  CHECK(t.pool.usage().used_bytes == 128);
  const auto one = t.pool.sequences().front();
  CHECK(one.size_bytes == 65);
  CHECK(one.token_count == 6);
  CHECK(one.last_accessed == 3.0);
  t.require_sound();
}

TEST_CASE("what cannot be a sequence is refused and changes nothing", "[kv_cache][errors]") {
  memory_pool t{4, 2};
  REQUIRE(t.add(1));
  const std::array prefix{testing::hash_of(1), testing::hash_of(2)};

  CHECK(t.pool.allocate({2, 0, 0, {}}, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.allocate({2, 64, -1, {}}, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.allocate({2, 5 * 64, 0, {}}, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.allocate({2, UINT64_MAX, 0, {}}, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.allocate({2, 127, 0, prefix}, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.allocate({1, 64, 0, {}}, 1.0).error() == errc::already_exists);
  CHECK(t.pool.append(1, UINT64_MAX, 0, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.append(1, 4 * 64, 0, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.append(9, 1, 0, 1.0).error() == errc::not_found);
  CHECK(t.pool.release(9).error() == errc::not_found);
  CHECK(t.pool.fork(9, 10, 1.0).error() == errc::not_found);
  CHECK(t.pool.fork(1, 1, 1.0).error() == errc::already_exists);

  CHECK(t.ids() == testing::id_list{1});
  t.require_sound();
}

TEST_CASE("lookups count hits and misses and the accesses of a sequence", "[kv_cache]") {
  memory_pool t{4};
  REQUIRE(t.add(1));

  CHECK(t.pool.lookup(1, 2000.0)->access_count == 1);
  CHECK(t.pool.lookup(1, 1500.0)->last_accessed == 2000.0); // a clock that was set back
  CHECK_FALSE(t.pool.lookup(2, 2001.0));

  CHECK(t.pool.stats().hits == 2);
  CHECK(t.pool.stats().misses == 1);
}

TEST_CASE("bytes are read back as they were written, over the ends of blocks", "[kv_cache]") {
  memory_pool t{8};
  REQUIRE(t.add(1, 2));
  REQUIRE(t.add(2, 1));
  REQUIRE(t.pool.append(1, 64, 0, 1.0)); // its blocks do not lie beside each other
  std::array<std::byte, 150> in{};
  for (std::size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<std::byte>(i + 1);

  REQUIRE(t.pool.write(1, 20, in, 1.0));

  std::array<std::byte, 150> out{};
  REQUIRE(t.pool.read(1, 20, out));
  CHECK(out == in);
  CHECK(t.pool.write(1, 43, in, 1.0).error() == errc::invalid_argument);
  CHECK(t.pool.read(1, 193, std::span{out}.first(0)).error() == errc::invalid_argument);
  CHECK(t.pool.read(1, UINT64_MAX, out).error() == errc::invalid_argument);
  std::array<std::byte, 64> others{};
  REQUIRE(t.pool.read(2, 0, others));
  CHECK(others == std::array<std::byte, 64>{});
}

TEST_CASE("fragmentation is the part of the used bytes that holds nothing", "[kv_cache]") {
  memory_pool t{8};
  REQUIRE(t.pool.allocate({1, 16, 0, {}}, 1.0));
  CHECK(t.pool.stats().fragmentation_ratio == 0.75);
  REQUIRE(t.pool.append(1, 48 + 64, 0, 1.0));
  CHECK(t.pool.stats().fragmentation_ratio == 0.0);
  REQUIRE(t.pool.release(1));
  CHECK(t.pool.stats().fragmentation_ratio == 0.0);
}

TEST_CASE("a pool smaller than a block has one of its own size, and a rest is left over",
          "[kv_cache]") {
  const auto tiny = kv::plan_geometry(77, 0, 10);
  REQUIRE(tiny);
  CHECK(tiny->blocks == 1);
  CHECK(tiny->block_bytes == 77);
  const auto odd = kv::plan_geometry(10'000, 4096, 10);
  REQUIRE(odd);
  CHECK(odd->blocks == 2);
  const auto large = kv::plan_geometry(16'000'000'000, 0, 1000);
  REQUIRE(large);
  CHECK(large->block_bytes == 16'384);
  CHECK(large->blocks <= 1U << 20U);

  CHECK_FALSE(kv::plan_geometry(0, 0, 10));
  CHECK_FALSE(kv::plan_geometry(100, 32, 10));
  CHECK_FALSE(kv::plan_geometry(100, 65, 10));
  CHECK_FALSE(kv::plan_geometry(100, std::uint64_t{1} << 31U, 10));
  CHECK_FALSE(kv::plan_geometry(UINT64_MAX / 2, 0, 10));
  CHECK_FALSE(kv::plan_geometry(100, 0, 0));
  CHECK_FALSE(kv::plan_geometry(100, 0, 1'000'001));
}
