// Blocks that sequences share: by the hash of their prefix, by fork, until somebody writes.
#include "memory_pool.hpp"

#include <array>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using testing::hash_of;
using testing::memory_pool;

namespace {

std::byte first_byte(const memory_pool& t, std::int64_t id, std::uint64_t offset = 0) {
  std::array<std::byte, 1> out{};
  REQUIRE(t.pool.read(id, offset, out));
  return out[0];
}

void put_byte(memory_pool& t, std::int64_t id, std::uint64_t offset, std::byte value) {
  REQUIRE(t.pool.write(id, offset, std::array{value}, t.now));
}

} // namespace

TEST_CASE("a sealed prefix is shared and its content is there", "[kv_cache][prefix]") {
  memory_pool t{8};
  REQUIRE(t.add(1, 3));
  put_byte(t, 1, 0, std::byte{11});
  put_byte(t, 1, 64, std::byte{12});
  const testing::hash_list prefix{hash_of(1), hash_of(2)};
  REQUIRE(t.pool.seal(1, 0, prefix));

  const auto made = t.add(2, 4, prefix);

  REQUIRE(made);
  CHECK(made->shared_blocks == 2);
  CHECK(first_byte(t, 2, 64) == std::byte{12});
  CHECK(t.pool.usage().used_bytes == 5 * 64);
  CHECK(t.pool.stats().shared_blocks == 2);
  CHECK(t.pool.stats().prefix_hits == 2);
  CHECK(t.pool.stats().prefix_misses == 0);
  t.require_sound();
}

TEST_CASE("a prefix is shared up to the first block that nobody has", "[kv_cache][prefix]") {
  memory_pool t{8};
  REQUIRE(t.add(1, 3));
  REQUIRE(t.pool.seal(1, 0, testing::hash_list{hash_of(1), hash_of(2), hash_of(3)}));

  const auto made = t.add(2, 3, testing::hash_list{hash_of(1), hash_of(9), hash_of(3)});

  REQUIRE(made);
  CHECK(made->shared_blocks == 1);
  CHECK(t.pool.stats().prefix_misses == 2);
}

TEST_CASE("a shared block is copied before it is written", "[kv_cache][prefix]") {
  memory_pool t{8};
  REQUIRE(t.add(1, 2));
  put_byte(t, 1, 0, std::byte{1});
  put_byte(t, 1, 70, std::byte{2});
  REQUIRE(t.pool.fork(1, 2, ++t.now));
  CHECK(t.pool.usage().used_bytes == 2 * 64);

  put_byte(t, 2, 70, std::byte{99});

  CHECK(first_byte(t, 1, 70) == std::byte{2});
  CHECK(first_byte(t, 2, 70) == std::byte{99});
  CHECK(first_byte(t, 2, 0) == std::byte{1});
  CHECK(t.pool.usage().used_bytes == 3 * 64);
  CHECK(t.pool.stats().copies == 1);
  CHECK(t.pool.stats().shared_blocks == 1);
  t.require_sound();
}

TEST_CASE("growing into a shared last block copies it", "[kv_cache][prefix]") {
  memory_pool t{8};
  REQUIRE(t.pool.allocate({1, 70, 0, {}}, 1.0));
  put_byte(t, 1, 64, std::byte{5});
  REQUIRE(t.pool.fork(1, 2, 2.0));

  REQUIRE(t.pool.append(2, 1, 0, 3.0));

  CHECK(t.pool.stats().copies == 1);
  CHECK(first_byte(t, 2, 64) == std::byte{5});
  CHECK(t.pool.blocks_of(1)->at(0) == t.pool.blocks_of(2)->at(0));
  CHECK(t.pool.blocks_of(1)->at(1) != t.pool.blocks_of(2)->at(1));
  t.require_sound();
}

TEST_CASE("a released prefix is found until its blocks are needed", "[kv_cache][prefix]") {
  memory_pool t{4};
  REQUIRE(t.add(1, 2));
  put_byte(t, 1, 64, std::byte{42});
  const testing::hash_list prefix{hash_of(1), hash_of(2)};
  REQUIRE(t.pool.seal(1, 0, prefix));
  REQUIRE(t.pool.release(1));
  CHECK(t.pool.stats().free_blocks == 4);
  CHECK(t.pool.stats().cached_blocks == 2);
  REQUIRE(t.add(2, 2)); // takes the blocks that nobody knows

  CHECK(t.add(3, 2, prefix)->shared_blocks == 2);
  CHECK(first_byte(t, 3, 64) == std::byte{42});
  CHECK(t.pool.stats().cached_blocks == 0);
  t.require_sound();
  REQUIRE(t.pool.release(3));
  REQUIRE(t.add(4, 2)); // and now the others

  CHECK(t.pool.stats().cached_blocks == 0);
  REQUIRE(t.pool.release(4));
  CHECK(t.add(5, 2, prefix)->shared_blocks == 0);
  t.require_sound();
}

TEST_CASE("a sealed block that its only owner writes is no longer found", "[kv_cache][prefix]") {
  memory_pool t{4};
  REQUIRE(t.add(1, 1));
  REQUIRE(t.pool.seal(1, 0, testing::hash_list{hash_of(1)}));

  put_byte(t, 1, 3, std::byte{1});

  CHECK(t.pool.stats().copies == 0);
  CHECK(t.add(2, 1, testing::hash_list{hash_of(1)})->shared_blocks == 0);
  t.require_sound();
}

TEST_CASE("only full blocks can be sealed, and the first to seal a content keeps it",
          "[kv_cache][prefix][errors]") {
  memory_pool t{8};
  REQUIRE(t.pool.allocate({1, 100, 0, {}}, 1.0));
  REQUIRE(t.add(2, 1));
  const testing::hash_list two{hash_of(1), hash_of(2)};

  CHECK(t.pool.seal(1, 0, two).error() == errc::invalid_argument);
  CHECK(t.pool.seal(1, 2, {}).error() == errc::invalid_argument);
  CHECK(t.pool.seal(3, 0, two).error() == errc::not_found);
  REQUIRE(t.pool.seal(1, 0, testing::hash_list{hash_of(1)}));
  REQUIRE(t.pool.seal(2, 0, testing::hash_list{hash_of(1)}));

  const auto made = t.add(3, 1, testing::hash_list{hash_of(1)});
  CHECK(t.pool.blocks_of(3)->front() == t.pool.blocks_of(1)->front());
  REQUIRE(t.pool.seal(1, 0, testing::hash_list{hash_of(7)})); // its content has another name now
  CHECK(t.add(4, 1, testing::hash_list{hash_of(1)})->shared_blocks == 0);
  t.require_sound();
}

TEST_CASE("a prefix that is shared just now is not evicted for the same request",
          "[kv_cache][prefix]") {
  memory_pool t{4};
  REQUIRE(t.add(1, 2));
  const testing::hash_list prefix{hash_of(1), hash_of(2)};
  REQUIRE(t.pool.seal(1, 0, prefix));
  REQUIRE(t.add(2, 2));

  const auto made = t.add(3, 4, prefix);

  REQUIRE(made);
  CHECK(made->shared_blocks == 2);
  CHECK(made->evicted == testing::id_list{1, 2});
  t.require_sound();
}

TEST_CASE("a block that is pinned and shared is copied for the writer alone",
          "[kv_cache][prefix]") {
  memory_pool t{4};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.pool.allocate({1, 40, 0, {}}, ++t.now));
  REQUIRE(t.pool.fork(1, 2, ++t.now));
  const auto first = t.pool.pin(1, *lease, t.now + 10, t.now);
  const auto second = t.pool.pin(2, *lease, t.now + 10, t.now);
  REQUIRE(first);
  REQUIRE(second);

  put_byte(t, 1, 0, std::byte{1});
  t.require_sound();
  REQUIRE(t.pool.append(2, 64, 0, ++t.now));

  t.require_sound();
  t.pool.unpin(*first);
  t.pool.unpin(*second);
  t.require_sound();
  CHECK(t.pool.stats().pinned_blocks == 0);
}

TEST_CASE("hashes tell tokens, their order and their prefix apart", "[kv_cache][prefix]") {
  const std::array<std::int64_t, 2> tokens{1, 2};
  const std::array<std::int64_t, 2> turned{2, 1};
  const std::array<std::int64_t, 1> shorter{1};
  const auto one = kv::hash_block({}, tokens);

  CHECK(kv::hash_block({}, tokens) == one);
  CHECK(kv::hash_block({}, turned) != one);
  CHECK(kv::hash_block({}, shorter) != one);
  CHECK(kv::hash_block(one, tokens) != one);
  CHECK(kv::hash_block({}, {}) != kv::block_hash{});
}
