// Who makes room: by policy, with the rule for ties, never a pinned one, and refused when nobody
// can.
#include "memory_pool.hpp"

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using kv::eviction_policy;
using testing::id_list;
using testing::memory_pool;

TEST_CASE("lru evicts the one not accessed for the longest time", "[kv_cache][kv6]") {
  memory_pool t{3};
  REQUIRE(t.add(1));
  REQUIRE(t.add(2));
  REQUIRE(t.add(3));
  REQUIRE(t.pool.lookup(1, ++t.now));

  const auto made = t.add(4, 2);

  REQUIRE(made);
  CHECK(made->evicted == id_list{2, 3});
  CHECK(t.ids() == id_list{1, 4});
  CHECK(t.pool.stats().evictions == 2);
  t.require_sound();
}

TEST_CASE("lfu evicts the one accessed least often and of these the one not accessed for longest",
          "[kv_cache][kv6]") {
  memory_pool t{4, 100, eviction_policy::lfu};
  for (const auto id : {1, 2, 3, 4})
    REQUIRE(t.add(id));
  for (const auto id : {1, 1, 4, 3})
    REQUIRE(t.pool.lookup(id, ++t.now));

  CHECK(t.add(5)->evicted == id_list{2}); // never accessed
  CHECK(t.add(6)->evicted == id_list{5}); // neither
  REQUIRE(t.pool.lookup(6, ++t.now));
  REQUIRE(t.pool.lookup(6, ++t.now));
  CHECK(t.add(7, 2)->evicted == id_list{4, 3}); // once each, 4 earlier
  t.require_sound();
}

TEST_CASE("fifo evicts the one made first, however often it is accessed", "[kv_cache][kv6]") {
  memory_pool t{3, 100, eviction_policy::fifo};
  for (const auto id : {3, 1, 2})
    REQUIRE(t.add(id));
  REQUIRE(t.pool.lookup(3, ++t.now));

  CHECK(t.add(4)->evicted == id_list{3});
  CHECK(t.add(5)->evicted == id_list{1});
}

TEST_CASE("of equal ones the one with the smallest id makes room", "[kv_cache][kv6]") {
  for (const auto policy : {eviction_policy::lru, eviction_policy::lfu, eviction_policy::fifo}) {
    memory_pool t{4, 100, policy};
    for (const auto id : {5, -3, 9, 0})
      REQUIRE(t.pool.allocate({id, 64, 0, {}}, 50.0));

    const auto made = t.pool.allocate({100, 4 * 64, 0, {}}, 50.0);

    REQUIRE(made);
    CHECK(made->evicted == id_list{-3, 0, 5, 9});
  }
}

TEST_CASE("beyond max_sequences one makes room though there are blocks", "[kv_cache][kv6]") {
  memory_pool t{10, 2};
  REQUIRE(t.add(1));
  REQUIRE(t.add(2));

  CHECK(t.add(3)->evicted == id_list{1});

  CHECK(t.pool.fork(3, 4, ++t.now));
  CHECK(t.ids() == id_list{3, 4});
  t.require_sound();
}

TEST_CASE("no more are evicted than have to be", "[kv_cache]") {
  memory_pool t{6};
  REQUIRE(t.add(1, 3));
  REQUIRE(t.add(2, 1));
  REQUIRE(t.add(3, 1));

  CHECK(t.add(4, 2)->evicted == id_list{1});
  CHECK(t.ids() == id_list{2, 3, 4});
}

TEST_CASE("a sequence that grows evicts others and never itself", "[kv_cache]") {
  memory_pool t{3};
  REQUIRE(t.add(1));
  REQUIRE(t.add(2));
  REQUIRE(t.add(3));

  const auto grown = t.pool.append(1, 64, 0, ++t.now);

  REQUIRE(grown);
  CHECK(*grown == id_list{2});
  CHECK(t.ids() == id_list{1, 3});
  t.require_sound();
}

TEST_CASE("a pinned sequence is neither evicted nor released", "[kv_cache]") {
  memory_pool t{3};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  for (const auto id : {1, 2, 3})
    REQUIRE(t.add(id));
  const auto held = t.pool.pin(1, *lease, t.now + 100, t.now);
  REQUIRE(held);

  CHECK(t.add(4, 2)->evicted == id_list{2, 3});
  CHECK(t.pool.release(1).error() == errc::in_use);
  t.require_sound();
  t.pool.unpin(*held);

  CHECK(t.add(5, 3)->evicted == id_list{1, 4});
  t.require_sound();
}

TEST_CASE("a pool full of pinned sequences refuses at once and keeps everything",
          "[kv_cache][errors]") {
  memory_pool t{4};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1, 2));
  REQUIRE(t.add(2, 1));
  REQUIRE(t.add(3, 1));
  REQUIRE(t.pool.pin(1, *lease, t.now + 100, t.now));

  const auto made = t.add(4, 3);

  REQUIRE_FALSE(made);
  CHECK(made.error() == errc::no_space);
  CHECK(t.ids() == id_list{1, 2, 3}); // 2 and 3 would not have been enough, so they stay
  CHECK(t.pool.stats().refused == 1);
  CHECK(t.pool.append(1, 3 * 64, 0, t.now).error() == errc::invalid_argument);
  CHECK(t.pool.append(2, 2 * 64, 0, t.now).error() == errc::no_space);
  CHECK(t.ids() == id_list{1, 2, 3});
  t.require_sound();
}

TEST_CASE("blocks that a pinned sequence shares do not count as room", "[kv_cache][errors]") {
  memory_pool t{4};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1, 2));
  REQUIRE(t.pool.fork(1, 2, ++t.now));
  REQUIRE(t.add(3, 2));
  REQUIRE(t.pool.pin(2, *lease, t.now + 100, t.now));

  CHECK(t.add(4, 3).error() == errc::no_space);
  CHECK(t.ids() == id_list{1, 2, 3});
  CHECK(t.add(4, 2)->evicted == id_list{1, 3});
  t.require_sound();
}
