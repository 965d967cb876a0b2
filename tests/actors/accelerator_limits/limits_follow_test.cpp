// How the profiles in memory and their file stay one, whoever writes the file.
#include "cortex/accelerator_limits/actor.hpp"
#include "cortex/detail/spawn_loaded.hpp"

#include "limits_fixture.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace limits = cortex::accelerator_limits;
using cortex::expected;
using testing::profile_of;

namespace {

using names = std::vector<std::string>;

names names_of(const limits::limits& opened) {
  names out;
  const auto found = opened.call(limits::list{}).value(); // a loop over its part would dangle
  for (const auto& each : found.profiles)
    out.push_back(each.name);
  return out;
}

expected<limits::file_content> read_all(cortex::storage::database& file) {
  return file.read([](cortex::storage::snapshot& view) { return limits::read_file(view); });
}

} // namespace

TEST_CASE("profiles follow what another program writes", "[accelerator_limits]") {
  testing::limits_fixture t;
  auto wanted = t.options();
  wanted.poll_interval = std::chrono::milliseconds{5};
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(limits::create{profile_of("mine")}));
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  other.execute("INSERT INTO profiles VALUES('theirs', '{\"name\": \"theirs\"}')");

  CHECK(testing::eventually([&] { return names_of(opened) == names{"mine", "theirs"}; }));
}

TEST_CASE("what another program writes is followed, however much is saved meanwhile",
          "[accelerator_limits][concurrency]") {
  testing::limits_fixture t;
  auto wanted = t.options();
  wanted.poll_interval = std::chrono::milliseconds{1};
  wanted.level = cortex::storage::durability::committed;
  wanted.database.busy_timeout = testing::default_deadline; // theirs may be slow to sync
  const auto opened = t.open(wanted);
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  constexpr int rows = 20;
  std::atomic<int> followed{0};
  std::atomic<int> unfound{0};
  std::atomic<bool> over{false};

  testing::run_threads(4, [&](std::size_t index) {
    if (index == 0) {
      for (; followed < rows; ++followed) {
        const auto name = "theirs " + std::to_string(followed);
        other.execute("INSERT INTO profiles VALUES('" + name + "', '{\"name\": \"" + name
                      + "\"}')");
        if (!testing::eventually([&] { return opened.call(limits::get{name}).has_value(); }))
          break;
      }
      over = true;
      return;
    }
    for (int i = 0; !over; ++i) {
      auto ours = profile_of("ours " + std::to_string(index));
      ours.oom_score_adj = i % 1000;
      const auto good = i % 3 != 0 ? opened.call(limits::create{ours})
                                   : opened.call(limits::remove{ours.name});
      const auto found = opened.call(limits::get{ours.name});
      unfound += i % 3 == 0 ? (found ? 1 : 0) : (good && found && *found == ours ? 0 : 1);
    }
  });

  CHECK(followed == rows);
  CHECK(unfound == 0);
  const auto before = names_of(opened);
  t.restart();
  CHECK(names_of(t.open()) == before);
}

TEST_CASE("profiles that are opened again at once have all that was handed to the old ones",
          "[accelerator_limits]") {
  testing::limits_fixture t;

  for (std::size_t round = 0; round < 20; ++round) {
    const auto opened = limits::open(*t.rt, t.options());
    if (!opened)
      FAIL("round " << round << ": " << to_string(opened.error()));
    if (names_of(*opened).size() != round)
      FAIL("something is missing in round " << round);
    opened->tell(limits::create{profile_of("profile " + std::to_string(round))});
  }
}

TEST_CASE("a reading that was asked for before a crash takes no change away",
          "[accelerator_limits]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  limits::actor made_anew{
    {opened.database(), t.rt->unowned(), cortex::storage::durability::committed}, {}, 0};
  auto [owed, saved] = cortex::make_promise<limits::saved>();
  made_anew(limits::create{profile_of("acknowledged")}, std::move(owed));
  REQUIRE(saved.get());
  limits::reloaded of_the_one_before{1, limits::file_content{}};

  made_anew(of_the_one_before);

  CHECK(made_anew(limits::get{"acknowledged"}));
}

TEST_CASE("what another program writes just after the first reading is followed",
          "[accelerator_limits]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  auto file = opened.database();
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  cortex::actor_options how;
  how.tick = std::chrono::milliseconds{1};

  const auto spawned = cortex::detail::spawn_loaded<limits::actor>(
    *t.rt, "late",
    limits::actor_parts{file, t.rt->unowned(), cortex::storage::durability::committed}, read_all,
    [&](const limits::file_content& content) {
      CHECK(content.profiles.list().profiles.empty());
      const auto before = file.stats().foreign_changes;
      other.execute("INSERT INTO profiles VALUES('theirs', '{\"name\": \"theirs\"}')");
      CHECK(testing::eventually([&] { // the writer looks for it now and then
        return file.write([](cortex::storage::transaction&) {})
               && file.stats().foreign_changes != before;
      }));
    },
    how);

  REQUIRE(spawned);
  CHECK(testing::eventually([&] { return spawned->call(limits::get{"theirs"}).has_value(); }));
}

TEST_CASE("profiles are read from a file that cannot be written just now", "[accelerator_limits]") {
  testing::limits_fixture t;
  auto wanted = t.options();
  wanted.database.busy_timeout = std::chrono::milliseconds{1};
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(limits::create{profile_of("mine")}));
  auto file = opened.database();
  testing::sqlite_probe other{t.file(), testing::sqlite_probe::access::read_write};
  other.execute("BEGIN IMMEDIATE");
  REQUIRE_FALSE(file.write([](cortex::storage::transaction&) {}));

  const auto spawned = cortex::detail::spawn_loaded<limits::actor>(
    *t.rt, "another",
    limits::actor_parts{file, t.rt->unowned(), cortex::storage::durability::committed}, read_all,
    [](const limits::file_content&) {}, {});

  REQUIRE(spawned);
  CHECK(spawned->call(limits::get{"mine"}));
}

TEST_CASE("nothing is read from a file that is closed", "[accelerator_limits][errors]") {
  testing::limits_fixture t;
  auto file = t.open().database();
  REQUIRE(file.close(testing::default_deadline));

  const auto settled = cortex::detail::settle_writes(file);

  REQUIRE_FALSE(settled);
  CHECK(settled.error() == cortex::errc::closed);
}
