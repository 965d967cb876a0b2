// How the profiles in memory and their file stay one, whoever writes the file.
#include "limits_fixture.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace testing = cortex::testing;
namespace limits = cortex::accelerator_limits;
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
