#include "storage/write_fixture.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>
#include <thread>

using namespace cortex;
using namespace cortex::testing;
using storage::transaction;

namespace {

using write_function = std::function<expected<storage::changes>(transaction&)>;

constexpr row_id partial = 1000; // the row that a failing member leaves half-way

/// One way for a member of a group to fail after it has changed something.
struct way_to_fail {
  std::string name;
  errc code;
  write_function run;
};

std::vector<way_to_fail> ways_to_fail() {
  auto begin = insert(partial);
  return {
    {"an error", errc::not_found,
     [begin](transaction& in) -> expected<storage::changes> {
       static_cast<void>(begin(in));
       return fail(errc::not_found, "no such thing");
     }},
    {"an exception", errc::internal,
     [begin](transaction& in) -> expected<storage::changes> {
       static_cast<void>(begin(in));
       throw std::runtime_error{"a bug"};
     }},
    {"a thrown number", errc::internal,
     [begin](transaction& in) -> expected<storage::changes> {
       static_cast<void>(begin(in));
       throw 7;
     }},
    {"a constraint", errc::constraint,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       return insert(partial)(in);
     }},
    {"a deferred foreign key", errc::constraint,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       return in.execute("INSERT INTO child(parent) VALUES(777)");
     }},
    {"its own COMMIT", errc::invalid_argument,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       return in.execute("COMMIT");
     }},
    {"its own ROLLBACK", errc::invalid_argument,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       return in.execute("ROLLBACK");
     }},
    {"RELEASE of the group's savepoint", errc::invalid_argument,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       return in.execute("RELEASE cortex_member");
     }},
    {"INSERT OR ROLLBACK", errc::constraint,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       return in.execute("INSERT OR ROLLBACK INTO item(key) VALUES(?)", partial);
     }},
    {"INSERT OR ROLLBACK that it ignores", errc::internal,
     [begin](transaction& in) {
       static_cast<void>(begin(in));
       static_cast<void>(in.execute("INSERT OR ROLLBACK INTO item(key) VALUES(?)", partial));
       return expected<storage::changes>{storage::changes{}};
     }},
    {"an exception in a savepoint that it opened after a rollback", errc::internal,
     [begin](transaction& in) -> expected<storage::changes> {
       static_cast<void>(begin(in));
       static_cast<void>(in.execute("INSERT OR ROLLBACK INTO item(key) VALUES(?)", partial));
       return in.savepoint([&]() -> expected<storage::changes> {
         static_cast<void>(begin(in));
         throw std::runtime_error{"a bug"};
       });
     }},
  };
}

void make_child_table(item_database& on) {
  REQUIRE(on.db.write([](transaction& in) {
    return in.execute_script("CREATE TABLE child(parent INTEGER REFERENCES item(key) "
                             "DEFERRABLE INITIALLY DEFERRED);"
                             "CREATE TABLE counter(n INTEGER); INSERT INTO counter VALUES(0)");
  }));
}

/// Inserts the row and counts it.
auto insert_and_count(row_id key) {
  return [key](transaction& in) -> expected<storage::changes> {
    if (auto counted = in.execute("UPDATE counter SET n = n + 1"); !counted)
      return counted;
    return insert(key)(in);
  };
}

std::int64_t counted(item_database& on) {
  auto n = on.db.read(
    [](storage::snapshot& view) { return view.one<std::int64_t>("SELECT n FROM counter"); });
  return n.value().value();
}

} // namespace

TEST_CASE("the function of a lone writer runs on its own thread, in a commit of its own",
          "[storage][group_commit]") {
  item_database t;
  auto before = t.db.commit_number();

  for (row_id key = 0; key < 20; ++key) {
    auto done = t.db.write([key](transaction& in) {
      static_cast<void>(insert(key)(in));
      return std::this_thread::get_id();
    });

    REQUIRE(done);
    CHECK(done->value == std::this_thread::get_id());
    CHECK(done->commit == ++before);
    CHECK(t.db.commit_number() == before);
  }
  CHECK(t.db.stats().largest_group == 1);
  CHECK(t.db.stats().writes == 20);
}

TEST_CASE("writes that wait for the same commit share the next one", "[storage][group_commit]") {
  item_database t;
  auto first = t.hold_commit(0);

  auto queued = t.queue(1, 40);
  std::atomic<std::uint64_t> same{0};
  std::vector<std::jthread> blocking;
  for (row_id key = 100; key < 104; ++key)
    blocking.emplace_back([&t, &same, key] {
      if (auto done = t.db.write(insert(key)))
        same = done->commit; // all store the same number, or the check below fails for one
    });
  REQUIRE(eventually([&] { return t.db.stats().waiting_writes == 44; }));
  t.vfs.release();

  auto before = first.get();
  REQUIRE(before);
  for (auto& done : answers(queued)) {
    REQUIRE(done);
    CHECK(done->commit == before->commit + 1);
  }
  blocking.clear();
  CHECK(same == before->commit + 1);
  CHECK(t.db.commit_number() == before->commit + 1);
  CHECK(t.db.stats().largest_group == 44);
  CHECK(t.keys().size() == 45);
}

TEST_CASE("a member of a group that fails, fails alone", "[storage][group_commit][errors]") {
  for (const auto& way : ways_to_fail()) {
    DYNAMIC_SECTION("by " << way.name) {
      item_database t;
      make_child_table(t);
      auto first = t.hold_commit(0);

      std::vector<pending> neighbours;
      for (row_id key = 1; key <= 5; ++key)
        neighbours.push_back(t.db.write_async(insert_and_count(key)));
      auto culprit = t.db.write_async(way.run);
      for (row_id key = 6; key <= 10; ++key)
        neighbours.push_back(t.db.write_async(insert_and_count(key)));
      t.vfs.release();

      REQUIRE(first.get());
      auto failed = culprit.get();
      REQUIRE_FALSE(failed);
      CHECK(failed.error().code == way.code);
      for (auto& done : answers(neighbours))
        CHECK(done);
      CHECK(t.keys() == std::set<row_id>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
      CHECK(counted(t) == 10);
      CHECK(t.db.stats().failed_writes == 1);
    }
  }
}

TEST_CASE("a lone write that fails leaves nothing", "[storage][group_commit][errors]") {
  for (const auto& way : ways_to_fail()) {
    DYNAMIC_SECTION("by " << way.name) {
      item_database t;
      make_child_table(t);

      auto failed = t.db.write(way.run);

      REQUIRE_FALSE(failed);
      CHECK(failed.error().code == way.code);
      CHECK(t.keys().empty());
      CHECK(t.db.write(insert(1)));
      CHECK(t.keys() == std::set<row_id>{1});
    }
  }
}

TEST_CASE("statements after an INSERT OR ROLLBACK are not kept on their own",
          "[storage][group_commit][errors]") {
  item_database t;
  auto swallow = [](transaction& in) {
    static_cast<void>(insert(partial)(in));
    static_cast<void>(in.execute("INSERT OR ROLLBACK INTO item(key) VALUES(?)", partial));
    static_cast<void>(insert(partial + 1)(in));
    static_cast<void>(in.execute_script("INSERT INTO item(key) VALUES(1002)"));
    return expected<storage::changes>{storage::changes{}};
  };

  SECTION("in a group") {
    auto first = t.hold_commit(0);
    auto queued = t.queue(1, 3);
    auto culprit = t.db.write_async(swallow);
    t.vfs.release();

    REQUIRE(first.get());
    CHECK_FALSE(culprit.get());
    for (auto& done : answers(queued))
      CHECK(done);
    CHECK(t.keys() == std::set<row_id>{0, 1, 2, 3});
  }
  SECTION("alone") {
    CHECK_FALSE(t.db.write(swallow));
    CHECK(t.keys().empty());
  }
  CHECK(t.db.write(insert(50)));
}

TEST_CASE("a function that goes on after its COMMIT was refused is committed as a whole",
          "[storage][group_commit]") {
  item_database t;

  auto done = t.db.write([](transaction& in) -> expected<storage::changes> {
    static_cast<void>(insert(1)(in));
    if (in.execute("COMMIT"))
      return fail(errc::internal, "COMMIT was let through");
    return insert(2)(in);
  });

  CHECK(done);
  CHECK(t.keys() == std::set<row_id>{1, 2});
}

TEST_CASE("a function that runs twice takes effect once and replies what the kept run returned",
          "[storage][group_commit]") {
  item_database t;
  make_child_table(t);
  std::atomic<int> runs{0};
  auto first = t.hold_commit(0);

  auto innocent = t.db.write_async([&runs](transaction& in) -> expected<int> {
    if (auto done = insert_and_count(1)(in); !done)
      return unexpected{std::move(done).error()};
    return ++runs;
  });
  auto culprit = t.db.write_async([](transaction& in) -> expected<void> {
    static_cast<void>(insert(partial)(in));
    return fail(errc::not_found);
  });
  t.vfs.release();

  auto done = innocent.get();
  REQUIRE(done);
  CHECK_FALSE(culprit.get());
  CHECK(runs == 2);
  CHECK(done->value == 2);
  CHECK(counted(t) == 1);
  CHECK(t.db.stats().reruns == 1);
}

TEST_CASE("of a group in which two of three fail, the third part is committed",
          "[storage][group_commit][errors]") {
  item_database t;
  make_child_table(t);
  const auto ways = ways_to_fail();
  auto first = t.hold_commit(0);

  std::vector<pending> good;
  std::vector<pending> bad;
  for (row_id i = 0; i < 240; ++i) {
    if (i % 3 == 0)
      good.push_back(t.db.write_async(insert_and_count(2000 + i)));
    else
      bad.push_back(t.db.write_async(ways[static_cast<std::size_t>(i) % ways.size()].run));
  }
  t.vfs.release();

  for (auto& done : answers(good))
    CHECK(done);
  for (auto& done : answers(bad))
    CHECK_FALSE(done);
  CHECK(t.keys().size() == 1 + good.size());
  CHECK(counted(t) == static_cast<std::int64_t>(good.size()));
  CHECK(t.db.stats().failed_writes == bad.size());
}

TEST_CASE("no group is larger than max_group", "[storage][group_commit]") {
  item_database t{options([](auto& o) { o.max_group = 5; })};
  auto first = t.hold_commit(0);

  auto queued = t.queue(1, 23);
  t.vfs.release();

  std::map<std::uint64_t, int> members;
  for (auto& done : answers(queued)) {
    REQUIRE(done);
    ++members[done->commit];
  }
  CHECK(members.size() == 5);
  for (const auto& [commit, count] : members)
    CHECK(count <= 5);
  CHECK(t.db.stats().largest_group == 5);
}

TEST_CASE("a group ends when its statements have bound max_group_bytes",
          "[storage][group_commit]") {
  constexpr std::size_t size = 20'000;
  item_database t{options([](auto& o) { o.max_group_bytes = 3 * size; })};
  auto first = t.hold_commit(0);

  std::vector<pending> queued;
  for (row_id key = 1; key <= 10; ++key)
    queued.push_back(t.db.write_async(insert(key, std::string(size, 'x'))));
  t.vfs.release();

  std::map<std::uint64_t, int> members;
  auto last = std::uint64_t{0};
  for (auto& done : answers(queued)) {
    REQUIRE(done);
    ++members[done->commit];
    CHECK(done->commit >= last); // what was put off keeps its place
    last = done->commit;
  }
  CHECK(members.size() == 4);
  for (const auto& [commit, count] : members)
    CHECK(count <= 3);
  CHECK(t.keys().size() == 11);
}

TEST_CASE("after any mix of failures the rows are those that were acknowledged",
          "[storage][group_commit][concurrency]") {
  item_database t;
  make_child_table(t);
  const auto ways = ways_to_fail();
  constexpr std::size_t threads = 8;
  constexpr row_id writes = 150;
  std::atomic<std::int64_t> acknowledged{0};

  run_threads(threads, [&](std::size_t thread) {
    for (row_id i = 0; i < writes; ++i) {
      const auto key = 10'000 * static_cast<row_id>(thread + 1) + i;
      if (i % 4 == 3) {
        const auto& way = ways[(thread + static_cast<std::size_t>(i)) % ways.size()];
        if (t.db.write(way.run))
          throw std::logic_error{way.name + " was acknowledged"};
      } else if (t.db.write(insert_and_count(key))) {
        ++acknowledged;
      }
    }
  });

  CHECK(acknowledged == threads * (writes - writes / 4));
  CHECK(counted(t) == acknowledged);
  CHECK(static_cast<std::int64_t>(t.keys().size()) == acknowledged);
}
