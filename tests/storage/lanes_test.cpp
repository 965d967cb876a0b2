#include "storage/write_fixture.hpp"

#include <map>
#include <set>
#include <stdexcept>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using storage::lane;
using storage::transaction;

namespace {

const storage::write_options interactive{.lane = lane::interactive};
const storage::write_options normal{.lane = lane::normal};
const storage::write_options bulk{.lane = lane::bulk};
const storage::write_options maintenance{.lane = lane::maintenance};

const storage::lane_stats& of(const storage::database_stats& all, lane which) {
  return all.lanes.at(static_cast<std::size_t>(which));
}

/// How many of these writes each commit had.
std::map<std::uint64_t, int> by_commit(std::vector<pending>& of) {
  std::map<std::uint64_t, int> out;
  for (auto& done : answers(of)) {
    REQUIRE(done);
    ++out[done->commit];
  }
  return out;
}

// Hands a write over, then throws.
struct stumble {
  using reply = storage::written<storage::changes>;
};

struct stumbler {
  using protocol = cortex::protocol<stumble>;
  storage::database db;

  future<stumble::reply> operator()(const stumble&) {
    auto handed_over = db.write_async(insert(1));
    throw std::runtime_error{"stumbled"};
  }
};

} // namespace

TEST_CASE("a write that a handler handed over before it threw is committed",
          "[storage][lanes][errors]") {
  auto rt = runtime::open().value();
  item_database t{{}, {}, &rt};
  auto actor = rt.spawn<stumbler>("stumbler", [db = t.db] { return stumbler{db}; }).value();

  auto answer = actor.call(stumble{});

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::internal);
  REQUIRE(t.db.write(insert(2))); // of the same lane, so it comes after the other one
  CHECK(t.keys() == std::set<row_id>{1, 2});
  CHECK(t.db.close(std::chrono::seconds{10})); // the actor has a reference of its own
}

TEST_CASE("a lane takes as many writes as its bound says, and more once there is room",
          "[storage][lanes][errors]") {
  item_database t{options([](auto& o) { o.lane_bound = 4; })};
  auto first = t.hold_commit(0);
  auto accepted = t.queue(1, 4);

  auto refused = t.db.write_async(insert(100));
  auto told = t.db.write(insert(101)); // blocking callers are refused at once, too

  REQUIRE(refused.ready());
  auto answer = refused.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::overloaded);
  CHECK(answer.error().retry_after.count() > 0);
  REQUIRE_FALSE(told);
  CHECK(told.error().code == errc::overloaded);
  CHECK(mentions(told.error().detail, t.db.path()));
  auto other_lane = t.queue(10, 4, bulk); // the bound is for each lane
  const auto stats = t.db.stats();
  CHECK(stats.waiting_writes == 8);
  CHECK(of(stats, lane::normal).waiting == 4);
  CHECK(of(stats, lane::normal).refused == 2);
  CHECK(of(stats, lane::bulk).waiting == 4);
  CHECK(of(stats, lane::bulk).refused == 0);

  t.vfs.release();
  REQUIRE(first.get());
  for (auto* part : {&accepted, &other_lane})
    for (auto& done : answers(*part))
      CHECK(done);
  const auto later = t.db.stats();
  CHECK(later.waiting_writes == 0);
  CHECK(of(later, lane::interactive).acknowledged == 0);
  CHECK(of(later, lane::normal).acknowledged == 5);
  CHECK(of(later, lane::bulk).acknowledged == 4);
  CHECK(t.db.write(insert(100)));
  CHECK(t.keys() == std::set<row_id>{0, 1, 2, 3, 4, 10, 11, 12, 13, 100});
}

TEST_CASE("lanes that all wait share each group by their weights", "[storage][lanes]") {
  item_database t{options([](auto& o) { o.max_group = 30; })};
  auto first = t.hold_commit(0);

  std::vector<std::vector<pending>> queued; // least urgent first
  for (const auto& how : {maintenance, bulk, normal, interactive})
    queued.push_back(t.queue(1000 * static_cast<row_id>(queued.size() + 1), 100, how));
  t.vfs.release();

  const auto before = first.get();
  REQUIRE(before);
  int share = 2;
  for (auto& each : queued) {
    CAPTURE(share);
    const auto groups = by_commit(each);
    // In the first one nobody has saved anything yet, which is to the most urgent one's advantage.
    for (auto commit = before->commit + 2; commit <= before->commit + 5; ++commit)
      CHECK(groups.at(commit) == share);
    share *= 2;
  }
}

TEST_CASE("what a lane leaves of its share goes to the most urgent one", "[storage][lanes]") {
  item_database t{options([](auto& o) { o.max_group = 15; })};
  auto first = t.hold_commit(0);

  auto slow = t.queue(1000, 40, bulk);
  auto fast = t.queue(1, 26, interactive);
  t.vfs.release();

  const auto before = first.get();
  REQUIRE(before);
  const auto slow_groups = by_commit(slow);
  const auto fast_groups = by_commit(fast);
  CHECK(fast_groups
        == std::map<std::uint64_t, int>{{before->commit + 1, 13}, {before->commit + 2, 13}});
  CHECK(slow_groups.at(before->commit + 1) == 2);
  CHECK(slow_groups.at(before->commit + 2) == 2);
  CHECK(slow_groups.at(before->commit + 3) == 15);
}

TEST_CASE("interactive writes that come later overtake bulk ones", "[storage][lanes]") {
  item_database t{options([](auto& o) { o.max_group = 8; })};
  auto first = t.hold_commit(0);

  auto slow = t.queue(1000, 40, bulk);
  auto fast = t.queue(1, 7, interactive);
  t.vfs.release();

  const auto slow_groups = by_commit(slow);
  const auto fast_groups = by_commit(fast);
  REQUIRE(fast_groups.size() == 1);
  CHECK(fast_groups.begin()->first == slow_groups.begin()->first);
  CHECK(slow_groups.begin()->second == 1);
}

TEST_CASE("no lane is starved however small the groups are", "[storage][lanes]") {
  const auto max_group = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{7});
  const auto& rare = GENERATE_REF(
    values<const storage::write_options*>({&interactive, &normal, &bulk, &maintenance}));
  CAPTURE(max_group, static_cast<int>(rare->lane));
  item_database t{options([&](auto& o) { o.max_group = max_group; })};
  auto first = t.hold_commit(0);

  std::vector<pending> many;
  for (const auto* other : {&interactive, &normal, &bulk, &maintenance})
    if (other != rare)
      for (auto& each : t.queue(100 * static_cast<row_id>(other->lane) + 100, 60, *other))
        many.push_back(std::move(each));
  auto few = t.queue(1, 2, *rare);
  t.vfs.release();

  const auto before = first.get();
  REQUIRE(before);
  const auto few_at = by_commit(few).rbegin()->first;
  const auto last = by_commit(many).rbegin()->first;
  CHECK(few_at < last);
  CHECK((few_at - before->commit - 1) * max_group <= 31); // 2 of 15 places, and one more turn
}

TEST_CASE("a bound of bytes that cuts each group short starves no lane and keeps all orders",
          "[storage][lanes]") {
  // 15 is a whole round of turns: the first place of each group would always be the same lane's.
  item_database t{options([](auto& o) {
    o.max_group = 15;
    o.max_group_bytes = 1;
  })};
  auto first = t.hold_commit(0);

  std::vector<std::vector<pending>> queued; // most urgent first
  for (const auto& how : {interactive, normal, bulk, maintenance})
    queued.push_back(t.queue(1000 * static_cast<row_id>(queued.size() + 1), 30, how));
  t.vfs.release();

  const auto before = first.get();
  REQUIRE(before);
  std::uint64_t share = 16; // of the first 30 groups of one
  for (auto& each : queued) {
    CAPTURE(share);
    std::uint64_t last = before->commit;
    std::uint64_t early = 0;
    for (const auto& done : answers(each)) {
      REQUIRE(done);
      CHECK(done->commit > last);
      last = done->commit;
      early += last <= before->commit + 30 ? 1 : 0;
    }
    CHECK(early + 1 >= share);
    share /= 2;
  }
  CHECK(t.db.stats().largest_group == 1);
}

TEST_CASE("a cancelled write never runs", "[storage][lanes]") {
  item_database t;
  std::atomic<bool> ran{false};
  auto first = t.hold_commit(0);
  auto queued = t.db.write_async([&ran](transaction& in) {
    ran = true;
    return insert(1)(in);
  });
  auto neighbour = t.db.write_async(insert(2));

  CHECK(queued.cancel());
  CHECK_FALSE(queued.cancel()); // once
  t.vfs.release();

  REQUIRE(queued.ready());
  auto answer = queued.get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == errc::cancelled);
  CHECK(first.get());
  CHECK(neighbour.get());
  CHECK_FALSE(ran);
  CHECK(t.keys() == std::set<row_id>{0, 2});
  CHECK(t.db.stats().waiting_writes == 0);
}

TEST_CASE("on a deterministic runtime writes wait until they are told to run, and form one group",
          "[storage][lanes][deterministic]") {
  runtime_options how;
  how.deterministic = true;
  auto rt = runtime::open(how).value();
  item_database t{{}, {}, &rt};
  const auto before = t.db.commit_number();

  auto queued = t.queue(1, 10);
  auto read = t.db.read_async(
    [](storage::snapshot& view) { return view.one<row_id>("SELECT count(*) FROM item"); });

  for (const auto& each : queued)
    CHECK_FALSE(each.ready());
  CHECK_FALSE(read.ready());
  CHECK(t.db.stats().waiting_writes == 10);
  rt.run_until_idle();
  for (auto& each : queued) {
    REQUIRE(each.ready());
    auto done = each.get();
    REQUIRE(done);
    CHECK(done->commit == before + 1);
  }
  REQUIRE(read.ready());
  CHECK(read.get());
  CHECK(t.db.stats().largest_group == 10);
}

TEST_CASE("on a deterministic runtime a blocking write runs at once, and get() runs what waits",
          "[storage][lanes][deterministic]") {
  runtime_options how;
  how.deterministic = true;
  auto rt = runtime::open(how).value();
  item_database t{{}, {}, &rt};

  auto own = t.db.write(insert(1));
  REQUIRE(own);
  auto queued = t.db.write_async(insert(2));
  auto done = queued.get(); // drives the runtime
  REQUIRE(done);
  CHECK(done->commit == own->commit + 1);
  auto waiting = t.queue(3, 4);
  REQUIRE(t.db.close(default_deadline)); // finishes what waits

  for (auto& each : waiting) {
    REQUIRE(each.ready());
    CHECK(each.get());
  }
}
