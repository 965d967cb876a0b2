// Books made anew: whatever of them can be worked out is; what makes no sense goes, and nothing
// else.
#include "memory_pool.hpp"

#include <cstring>
#include <random>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using testing::id_list;
using testing::memory_pool;

namespace {

void fill(memory_pool& t) {
  const auto lease = t.pool.take_lease({1, 1}, t.now);
  REQUIRE(t.add(1, 3));
  REQUIRE(t.pool.seal(1, 0, testing::hash_list{testing::hash_of(1), testing::hash_of(2)}));
  REQUIRE(t.add(2, 3, testing::hash_list{testing::hash_of(1)}));
  REQUIRE(t.pool.fork(2, 3, ++t.now));
  REQUIRE(t.add(4, 1));
  REQUIRE(t.pool.seal(4, 0, testing::hash_list{testing::hash_of(9)}));
  REQUIRE(t.pool.release(4));
  REQUIRE(t.pool.allocate({5, 70, 7, {}}, ++t.now));
  REQUIRE(t.pool.pin(3, *lease, t.now + 1000, t.now));
}

} // namespace

TEST_CASE("books that are made anew say what they said before", "[kv_cache][recovery]") {
  memory_pool t{16};
  fill(t);
  const auto before = t.pool.sequences();
  const auto counted = t.pool.stats();

  t.pool.rebuild();

  t.require_sound();
  const auto after = t.pool.sequences();
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i].id == before[i].id);
    CHECK(after[i].size_bytes == before[i].size_bytes);
    CHECK(after[i].offset == before[i].offset);
    CHECK(after[i].pins == before[i].pins);
  }
  CHECK(t.pool.stats().free_blocks == counted.free_blocks);
  CHECK(t.pool.stats().cached_blocks == counted.cached_blocks);
  CHECK(t.pool.stats().shared_blocks == counted.shared_blocks);
  CHECK(t.pool.stats().fragmentation_ratio == counted.fragmentation_ratio);
  CHECK(t.add(6, 1, testing::hash_list{testing::hash_of(9)})->shared_blocks == 1);
}

TEST_CASE("a sequence whose chain is broken is lost, the others stay", "[kv_cache][recovery]") {
  memory_pool t{16};
  fill(t);
  auto& record = t.tables.sequence(t.tables.bucket_of(std::int64_t{5}));
  REQUIRE(record.id == 5);
  t.tables.link(record.head).next = 4'000'000;

  t.pool.rebuild();

  CHECK(t.ids() == id_list{1, 2, 3});
  CHECK(t.pool.stats().lost_sequences == 1);
  t.require_sound();
}

TEST_CASE("a change that was half done is undone", "[kv_cache][recovery]") {
  memory_pool t{16};
  fill(t);
  auto& live = t.tables.live();
  const auto at = t.tables.bucket_of(std::int64_t{5});
  live.undo = {1, at, t.tables.sequence(at)};
  t.tables.sequence(at).size_bytes = 9999;
  t.tables.sequence(at).blocks = 77;

  t.pool.rebuild();

  CHECK(t.pool.lookup(5, t.now)->size_bytes == 70);
  CHECK(t.pool.stats().lost_sequences == 0);
  t.require_sound();
}

TEST_CASE("an append that is cut off has noted what was before it", "[kv_cache][recovery]") {
  memory_pool t{16};
  fill(t);
  auto& live = t.tables.live();
  auto& next = t.tables.block(live.free_block_head);
  next.references = 1; // so that it cannot be taken

  CHECK_THROWS_AS(t.pool.append(5, 100, 1, t.now), kv::damaged);

  CHECK(live.undo.valid == 1);
  CHECK(live.undo.before.id == 5);
  CHECK(live.undo.before.size_bytes == 70);
  t.pool.rebuild();
  CHECK(live.undo.valid == 0);
  CHECK(t.pool.lookup(5, t.now)->size_bytes == 70);
  t.require_sound();
}

TEST_CASE("the check finds what is wrong", "[kv_cache][recovery]") {
  const auto breaks = [](auto damage) {
    memory_pool t{16};
    fill(t);
    t.require_sound();
    damage(t);
    return !t.pool.check().empty();
  };
  CHECK(breaks([](memory_pool& t) { ++t.tables.block(0).references; }));
  CHECK(breaks([](memory_pool& t) { ++t.tables.live().free_blocks; }));
  CHECK(breaks([](memory_pool& t) { t.tables.live().free_block_head = kv::none; }));
  CHECK(breaks([](memory_pool& t) { t.tables.live().free_link_head = kv::none; }));
  CHECK(breaks([](memory_pool& t) { t.tables.live().free_pin_head = kv::none; }));
  CHECK(breaks([](memory_pool& t) { t.tables.live().heap_size = 0; }));
  CHECK(breaks([](memory_pool& t) { t.tables.live().filled_bytes = 0; }));
  CHECK(breaks([](memory_pool& t) { t.tables.live().undo.valid = 1; }));
  CHECK(breaks([](memory_pool& t) { t.tables.clear_buckets(); }));
  CHECK(breaks([](memory_pool& t) { t.tables.link(0).next = 0; }));
}

TEST_CASE("no damage to the books brings the process down, and they can be made anew",
          "[kv_cache][recovery][security]") {
  std::mt19937_64 random{20260101};
  const auto below = [&random](std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>{0, end - 1}(random);
  };
  std::size_t refused = 0;
  for (int round = 0; round < 600; ++round) {
    INFO("round " << round);
    memory_pool t{16, 8};
    fill(t);
    // Anywhere in the books and in what changes of the header, but for the lock.
    const auto books = t.books.bytes();
    const auto live = std::as_writable_bytes(std::span{&t.tables.live(), 1})
                        .subspan(offsetof(kv::live_header, changes));
    for (auto hits = 1 + below(4); hits > 0; --hits) {
      const auto where = below(3) == 0 ? live : books;
      const auto at = below(where.size() / 4) * 4;
      const auto value = below(2) == 0 ? static_cast<std::uint32_t>(random())
                                       : static_cast<std::uint32_t>(below(24));
      std::memcpy(where.data() + at, &value, sizeof value);
    }
    const auto attempt = [&](auto work) {
      try {
        work();
      } catch (const kv::damaged&) {
        ++refused;
      }
    };
    std::array<std::byte, 100> bytes{};
    for (std::int64_t id = 0; id < 7; ++id) {
      attempt([&] { static_cast<void>(t.pool.lookup(id, 1.0)); });
      attempt([&] { static_cast<void>(t.pool.read(id, 0, bytes)); });
      attempt([&] { static_cast<void>(t.pool.write(id, 10, bytes, 1.0)); });
      attempt([&] { static_cast<void>(t.pool.append(id, 100, 1, 1.0)); });
      attempt([&] { static_cast<void>(t.pool.fork(id, id + 20, 1.0)); });
      attempt(
        [&] { static_cast<void>(t.add(id + 40, 5, testing::hash_list{testing::hash_of(1)})); });
      attempt(
        [&] { static_cast<void>(t.pool.seal(id, 0, testing::hash_list{testing::hash_of(3)})); });
      attempt([&] { static_cast<void>(t.pool.pin(id, 0, 1.0, 1.0)); });
      attempt([&] { static_cast<void>(t.pool.sequences()); });
      attempt([&] { static_cast<void>(t.pool.blocks_of(id)); });
      attempt([&] { static_cast<void>(t.pool.release(id)); });
    }
    attempt([&] { static_cast<void>(t.pool.reclaim(1e18)); });
    attempt([&] { t.pool.drop_lease(0); });
    static_cast<void>(t.pool.check());

    t.pool.rebuild();

    t.require_sound();
    REQUIRE(t.add(1000, 16));
    t.require_sound();
  }
  CHECK(refused > 0);
}
