// Queries from the model down to the hint, and what is remembered of how it went.
#include "manager_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <mutex>
#include <thread>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::errc;
using degraded::mode;
using degraded::source;
using namespace std::chrono_literals;

namespace {

degraded::manager_status status_of(const degraded::manager& opened) {
  return opened.call(degraded::status{}).value();
}

void put(const degraded::manager& opened, const std::string& query, const std::string& response) {
  REQUIRE(opened.call(degraded::put{query, response}));
}

} // namespace

TEST_CASE("GD-2: one common verb does not make a stored answer an answer",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  put(opened, "install docker for containers", "about docker");

  const auto got = opened.process("install nginx");

  REQUIRE(got);
  CHECK(got->source == source::pattern_matching);
  CHECK(got->command->text == "sudo apt install nginx");
}

TEST_CASE("GD-2: queries that lead to different commands are not alike, however many words are",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  put(opened, "please install docker for me right now", "about docker");

  CHECK(opened.process("please install nginx for me right now")->source
        == source::pattern_matching);
  const auto same = opened.process("please install docker for me now");
  CHECK(same->source == source::cache_similar);
  CHECK(same->similar_query == "please install docker for me right now");
  CHECK(same->age == 0s);
}

TEST_CASE("GD-12: a similar answer is found beyond the hundred used most",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  for (int i = 0; i < 120; ++i) {
    put(opened, "filler number" + std::to_string(i), "r");
    REQUIRE(opened.call(degraded::get{"filler number" + std::to_string(i)}));
  }
  put(opened, "why is the sky blue", "scattering");

  CHECK(opened.process("why is the sky so blue")->response == "scattering");
}

TEST_CASE("GD-6: an answer of the model ends the count of failures", "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.process("one", testing::failing()));
  REQUIRE(opened.call(degraded::force{mode::full_ai}));
  CHECK(status_of(opened).api_failures == 1);

  REQUIRE(opened.process("two", testing::answering("fine")));

  CHECK(status_of(opened).api_failures == 0);
  REQUIRE(opened.process("three", testing::failing()));
  CHECK(status_of(opened).api_failures == 1);
}

TEST_CASE("GD-7: an answer that cannot be stored is given all the same, and logged",
          "[graceful_degradation][errors]") {
  testing::fault_vfs disk;
  std::mutex lines;
  std::string log;
  cortex::runtime_options how;
  how.log = [&](cortex::severity, std::string_view, std::string_view text) {
    const std::lock_guard guard{lines};
    log.append(text).append("\n");
  };
  testing::manager_fixture t{"2025-12-22T10:00:00Z", how};
  auto wanted = t.options();
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  disk.disk_full_after(0);

  const auto got = opened.process("a question", testing::answering("an answer"));

  REQUIRE(got);
  CHECK(got->source == source::llm);
  CHECK(got->response == "an answer");
  CHECK(status_of(opened).api_failures == 0);
  CHECK(status_of(opened).mode == mode::full_ai);
  CHECK(testing::eventually([&] {
    const std::lock_guard guard{lines};
    return log.find("an answer is not stored: no_space") != std::string::npos;
  }));
  disk.clear();
  CHECK(testing::eventually([&] { return status_of(opened).cache_entries == 0; }));
  put(opened, "later", "works"); // nothing is left locked
}

TEST_CASE("GD-7: an answer that is no text for the cache is given all the same",
          "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  const std::string broken = "caf\xe9";

  const auto got = opened.process("a question", testing::answering(broken));

  REQUIRE(got);
  CHECK(got->response == broken);
  CHECK(status_of(opened).cache_entries == 0);
  CHECK(status_of(opened).api_failures == 0);
}

TEST_CASE("GD-8: the manager tries the model again after the interval, and tells the mode before",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  const auto first = opened.process("one", testing::failing("no route"));
  CHECK(first->mode == mode::full_ai);
  CHECK(first->reason == "model: no route");
  const auto second = opened.process("one", testing::forbidden());
  CHECK(second->reason == "no model is asked in mode cached_only");
  t.pass(60s);

  const auto third = opened.process("one", testing::answering("back"));

  CHECK(third->source == source::llm);
  CHECK(third->mode == mode::cached_only);
  CHECK(third->reason.empty());
  CHECK(status_of(opened).mode == mode::full_ai);
  CHECK(status_of(opened).circuits.at(0).state == degraded::circuit_state::closed);
}

TEST_CASE("GD-9: a record tells UTC whoever made it", "[graceful_degradation]") {
  testing::manager_fixture t{"2025-12-22T10:00:00.750000Z"};
  const auto opened = t.open();

  const auto stored = opened.call(degraded::put{"a", "x"});
  const auto got = opened.call(degraded::get{"a"});

  CHECK(testing::iso_text(stored->created_at) == "2025-12-22T10:00:00");
  CHECK(testing::iso_text((*got)->created_at) == "2025-12-22T10:00:00");
  CHECK(testing::iso_text((*got)->last_used.value()) == "2025-12-22T10:00:00.750000");
}

TEST_CASE("GD-11: the time of a check does not come from the wall clock",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();

  const auto found = opened.check_health([&] {
    t.wall.advance(-1h);
    t.monotonic.advance(20ms);
    return true;
  });

  REQUIRE(found);
  CHECK(found->status == degraded::api_status::available);
  CHECK(found->latency == 20ms);
}

TEST_CASE("GD-5: counts stay exact while many threads ask, check, force and reset",
          "[graceful_degradation][concurrency]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  constexpr std::size_t threads = 12;
  testing::run_threads(threads, [&](std::size_t index) {
    for (int i = 0; i < 20; ++i)
      switch (index % 4) {
        case 0:
          static_cast<void>(opened.process("q " + std::to_string(i), testing::failing()));
          break;
        case 1: static_cast<void>(opened.check_health([] { return false; })); break;
        case 2: static_cast<void>(opened.call(degraded::force{mode::full_ai})); break;
        default: static_cast<void>(opened.call(degraded::reset{}));
      }
  });
  REQUIRE(opened.call(degraded::reset{}));

  // Every check counts, none is lost.
  testing::run_threads(threads, [&](std::size_t) {
    for (int i = 0; i < 20; ++i)
      static_cast<void>(opened.check_health([] { return false; }).value());
  });

  CHECK(status_of(opened).api_failures == threads * 20);
  CHECK(status_of(opened).mode == mode::pattern_matching);
}

TEST_CASE("providers are asked in order, and the one that answers is named",
          "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();

  const auto got = opened.process(
    "a question", {{"cloud", testing::failing("no key")}, {"local", testing::answering("hm")}});

  REQUIRE(got);
  CHECK(got->response == "hm");
  CHECK(got->provider == "local");
  CHECK(status_of(opened).mode == mode::full_ai);
  const auto circuits = status_of(opened).circuits;
  REQUIRE(circuits.size() == 2);
  CHECK(circuits[0].state == degraded::circuit_state::open);
  CHECK(circuits[1].state == degraded::circuit_state::closed);
  const auto next = opened.process(
    "another", {{"cloud", testing::forbidden()}, {"local", testing::answering("yes")}});
  CHECK(next->response == "yes");
  CHECK(opened.process("x", {{"no function", {}}}).error() == errc::invalid_argument);
}

TEST_CASE("a check that fails says why, and one that is slow is degraded",
          "[graceful_degradation][errors]") {
  testing::manager_fixture t;
  const auto opened = t.open();

  const auto failed = opened.check_health(
    []() -> cortex::expected<bool> { return cortex::fail(errc::io, "no network"); });
  CHECK(failed->status == degraded::api_status::unavailable);
  CHECK(failed->error == "no network");
  CHECK_FALSE(failed->latency);
  const auto thrown = opened.check_health([]() -> cortex::expected<bool> { throw 7; });
  CHECK(thrown->error == "the function threw");
  const auto slow = opened.check_health([&] {
    t.pass(1s);
    return true;
  });
  CHECK(slow->status == degraded::api_status::degraded);
  CHECK_FALSE(slow->healthy());
  CHECK(status_of(opened).api_failures == 0);
}

TEST_CASE("a cached answer tells its age", "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto opened = t.open();
  put(opened, "a", "x");
  t.pass(90s);

  const auto got = opened.process("A");

  CHECK(got->source == source::cache);
  CHECK(got->age == 90s);
  CHECK_FALSE(opened.process("install docker")->age);
}

TEST_CASE("blocking functions are refused inside a handler", "[graceful_degradation][errors]") {
  struct ask {
    using reply = bool;
  };
  struct asker {
    using protocol = cortex::protocol<ask>;
    degraded::manager opened;
    bool operator()(const ask&) {
      const auto got = opened.process("install docker");
      const auto checked = opened.check_health();
      return !got && got.error() == errc::would_deadlock && !checked
             && checked.error() == errc::would_deadlock;
    }
  };
  testing::manager_fixture t;
  const auto opened = t.open();
  const auto host = t.rt->spawn<asker>("asker", [opened] { return asker{opened}; });
  REQUIRE(host);

  CHECK(host->call(ask{}).value());
}
