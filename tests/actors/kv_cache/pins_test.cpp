// Pins end with their deadline, their lease, and the process that had it.
#include "memory_pool.hpp"

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;
using testing::id_list;
using testing::memory_pool;

TEST_CASE("the pins of a dead process are reclaimed when there is no room", "[kv_cache][pins]") {
  memory_pool t{2};
  const auto living = t.pool.take_lease({1, 1}, t.now);
  const auto dying = t.pool.take_lease({2, 1}, t.now);
  REQUIRE(t.add(1));
  REQUIRE(t.add(2));
  REQUIRE(t.pool.pin(1, *living, t.now + 1000, t.now));
  REQUIRE(t.pool.pin(2, *dying, t.now + 1000, t.now));
  CHECK(t.add(3).error() == errc::no_space);

  t.dead.push_back(2);

  CHECK(t.add(3)->evicted == id_list{2});
  CHECK(t.pool.stats().reclaimed_pins == 1);
  CHECK(t.pool.stats().attached_now == 1);
  CHECK(t.add(4)->evicted == id_list{3});
  t.require_sound();
}

TEST_CASE("a pin ends with its deadline when there is no room", "[kv_cache][pins]") {
  memory_pool t{1};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1));
  const auto pinned = t.pool.pin(1, *lease, t.now + 5, t.now);
  REQUIRE(pinned);
  CHECK(t.pool.allocate({2, 64, 0, {}}, t.now + 4.9).error() == errc::no_space);

  REQUIRE(t.pool.allocate({2, 64, 0, {}}, t.now + 5));

  CHECK(t.ids() == id_list{2});
  REQUIRE(t.pool.pin(2, *lease, t.now + 100, t.now));
  t.pool.unpin(*pinned); // has ended: the record is another pin's
  CHECK(t.pool.release(2).error() == errc::in_use);
  t.require_sound();
}

TEST_CASE("a sequence stays pinned until its last pin ends", "[kv_cache][pins]") {
  memory_pool t{2};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1));
  const auto one = t.pool.pin(1, *lease, t.now + 5, t.now);
  const auto two = t.pool.pin(1, *lease, t.now + 5, t.now);

  t.pool.unpin(*one);
  t.pool.unpin(*one);
  CHECK(t.pool.release(1).error() == errc::in_use);
  t.pool.unpin(*two);

  CHECK(t.pool.release(1));
  t.require_sound();
}

TEST_CASE("a lease that ends takes its pins with it, and only these", "[kv_cache][pins]") {
  memory_pool t{4};
  const auto one = t.pool.take_lease({1, 1}, t.now);
  const auto two = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1));
  REQUIRE(t.add(2));
  REQUIRE(t.pool.pin(1, *one, t.now + 5, t.now));
  REQUIRE(t.pool.pin(1, *two, t.now + 5, t.now));
  REQUIRE(t.pool.pin(2, *one, t.now + 5, t.now));

  t.pool.drop_lease(*one);

  CHECK(t.pool.release(2));
  CHECK(t.pool.release(1).error() == errc::in_use);
  t.require_sound();
}

TEST_CASE("the 65th lease is refused unless one of the others is dead", "[kv_cache][pins]") {
  memory_pool t{1};
  for (std::int64_t pid = 1; pid <= 64; ++pid)
    REQUIRE(t.pool.take_lease({pid, 1}, t.now));
  CHECK(t.pool.take_lease({65, 1}, t.now).error() == errc::overloaded);

  t.dead.push_back(17);

  CHECK(t.pool.take_lease({65, 1}, t.now));
  CHECK(t.pool.take_lease({66, 1}, t.now).error() == errc::overloaded);
}

TEST_CASE("more pins than there can be are refused", "[kv_cache][pins][errors]") {
  memory_pool t{1, 1};
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1));
  for (int i = 0; i < 257; ++i)
    REQUIRE(t.pool.pin(1, *lease, t.now + 5, t.now));

  CHECK(t.pool.pin(1, *lease, t.now + 5, t.now).error() == errc::overloaded);
  CHECK(t.pool.pin(1, *lease, t.now + 50, t.now + 5)); // the others have ended
  CHECK(t.pool.pin(9, *lease, t.now + 5, t.now).error() == errc::not_found);
  t.require_sound();
}
