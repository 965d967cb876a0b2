#include "cortex/runtime/mailbox.hpp"

#include "sample_actors.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace cortex::testing {
namespace {

using detail::mailbox;
using detail::mailbox_node;
using detail::pushed;

struct item : mailbox_node {
  std::size_t from = 0;
  std::size_t number = 0;
};

/// A mailbox at rest.
struct resting : mailbox {
  resting() { REQUIRE(rest()); }
};

item* take(mailbox& from) {
  auto* next = from.front();
  if (next != nullptr)
    from.pop();
  return static_cast<item*>(next);
}

} // namespace

TEST_CASE("the first push to a resting mailbox makes its pusher the owner", "[mailbox]") {
  resting box;
  std::array<item, 2> items;

  CHECK(box.push(items[0]) == pushed::owner);
  CHECK(box.push(items[1]) == pushed::queued);
}

TEST_CASE("a mailbox is owned by its maker until it rests", "[mailbox]") {
  mailbox box;
  std::array<item, 2> items;

  CHECK(box.push(items[0]) == pushed::queued);
  CHECK_FALSE(box.rest());
  CHECK(take(box) == &items[0]);
  CHECK(box.rest());
  CHECK(box.push(items[1]) == pushed::owner);
}

TEST_CASE("nodes come out in the order in which they entered", "[mailbox]") {
  resting box;
  std::array<item, 6> items;

  for (std::size_t i = 0; i < 3; ++i)
    static_cast<void>(box.push(items[i]));
  CHECK(box.front() == &items[0]);
  CHECK(take(box) == &items[0]); // the others are turned round already
  for (std::size_t i = 3; i < 6; ++i)
    CHECK(box.push(items[i]) == pushed::queued);

  for (std::size_t i = 1; i < 6; ++i)
    CHECK(take(box) == &items[i]);
  CHECK(take(box) == nullptr);
  CHECK(box.rest());
}

TEST_CASE("a node may enter again once it is out", "[mailbox]") {
  resting box;
  item one;

  for (int i = 0; i < 3; ++i) {
    CHECK(box.push(one) == pushed::owner);
    CHECK(take(box) == &one);
    CHECK(box.rest());
  }
}

TEST_CASE("a closed mailbox takes nothing and gives out what it had", "[mailbox]") {
  resting box;
  std::array<item, 4> items;
  for (std::size_t i = 0; i < 3; ++i)
    static_cast<void>(box.push(items[i]));
  const bool turned = GENERATE(true, false);
  if (turned)
    REQUIRE(box.front() == &items[0]);

  box.close();

  CHECK(box.closed());
  CHECK(box.push(items[3]) == pushed::closed);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(take(box) == &items[i]);
  CHECK(take(box) == nullptr);
  CHECK_FALSE(box.rest());
}

TEST_CASE("a mailbox that is closed while parts of it are turned round keeps the order",
          "[mailbox]") {
  resting box;
  std::array<item, 4> items;
  static_cast<void>(box.push(items[0]));
  static_cast<void>(box.push(items[1]));
  REQUIRE(box.front() == &items[0]);
  static_cast<void>(box.push(items[2]));
  static_cast<void>(box.push(items[3]));

  box.close();

  for (auto& each : items)
    CHECK(take(box) == &each);
}

TEST_CASE("many pushers: one owner at a time, nothing lost, each pusher's order kept",
          "[mailbox][concurrency]") {
  constexpr std::size_t pushers = 8;
  constexpr std::size_t each = 20'000;
  resting box;
  std::vector<std::vector<item>> items(pushers);
  std::atomic<int> owners = 0;
  std::atomic<std::size_t> taken = 0;
  std::array<std::size_t, pushers> next{}; // the owner's

  run_threads(pushers, [&](std::size_t me) {
    auto& mine = items[me];
    mine.resize(each);
    for (std::size_t i = 0; i < each; ++i) {
      mine[i].from = me;
      mine[i].number = i;
      if (box.push(mine[i]) != pushed::owner)
        continue;
      do {
        if (owners.fetch_add(1) != 0)
          throw std::runtime_error{"two owners"};
        while (auto* one = take(box)) {
          if (one->number != next[one->from]++)
            throw std::runtime_error{"out of order"};
          taken.fetch_add(1, std::memory_order_relaxed);
        }
        owners.fetch_sub(1);
      } while (!box.rest());
    }
  });

  CHECK(taken == pushers * each);
}

} // namespace cortex::testing
