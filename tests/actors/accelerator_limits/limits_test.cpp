// What the profiles promise beyond the original: its defects with the right behaviour.
#include "limits_fixture.hpp"
#include "support/fault_vfs.hpp"
#include "support/sqlite_probe.hpp"
#include "support/wait.hpp"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <string>

namespace testing = cortex::testing;
namespace limits = cortex::accelerator_limits;
using cortex::errc;
using testing::profile_of;

namespace {

std::vector<std::string> names_of(const limits::limits& opened) {
  std::vector<std::string> names;
  const auto found = opened.call(limits::list{}).value(); // a loop over its part would dangle
  for (const auto& each : found.profiles)
    names.push_back(each.name);
  return names;
}

std::int64_t extra_lines(const limits::limits& opened) {
  auto file = opened.database();
  return file
    .read([](cortex::storage::snapshot& view) {
      return view.value<std::int64_t>("SELECT count(*) FROM cortex_accelerator_limits_extra");
    })
    .value_or(-1);
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("AL-1: a profile that was answered for is in the file", "[accelerator_limits]") {
  testing::limits_fixture t;
  {
    const auto opened = t.open();
    const auto done = opened.call(limits::create{profile_of("job")});
    REQUIRE(done);
    CHECK_FALSE(done->replaced);
    CHECK(done->commit > 0);
    // As another process sees it.
    CHECK(testing::sqlite_probe{t.file()}.count("profiles") == 1);
    CHECK(opened.call(limits::create{profile_of("job")}).value().replaced);
  }
  t.restart();
  CHECK(t.open().call(limits::get{"job"}).value() == profile_of("job"));
}

TEST_CASE("AL-3: a preset that does not exist is refused, rows that name one are read",
          "[accelerator_limits][errors]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  CHECK(limits::from_preset("x", "unknown").error() == errc::invalid_argument);
  CHECK(limits::from_preset("x", "Training").error() == errc::invalid_argument);
  auto other = profile_of("x");
  other.preset = "";
  CHECK(opened.call(limits::create{other}).error() == errc::invalid_argument);
  CHECK(names_of(opened).empty());

  testing::change_file(opened,
                       R"(INSERT INTO profiles VALUES('x', '{"name": "x", "preset": "o"}'))");
  t.restart();
  const auto again = t.open();
  CHECK(again.call(limits::get{"x"}).value().preset == "o");
  limits::changes some;
  some.oom_score_adj = 5; // whatever the preset, the rest may change
  REQUIRE(again.call(limits::update{"x", some}));
  some.preset = "p";
  CHECK(again.call(limits::update{"x", some}).error() == errc::invalid_argument);
}

TEST_CASE("AL-5: the share of a preset is kept, in a table of its own", "[accelerator_limits]") {
  testing::limits_fixture t;
  {
    const auto opened = t.open();
    REQUIRE(opened.call(limits::create{*limits::from_preset("all", "training", 1)}));
    CHECK(extra_lines(opened) == -1); // not made before it is needed
    REQUIRE(opened.call(limits::create{*limits::from_preset("some", "interactive", 2)}));
    CHECK(extra_lines(opened) == 1);
  }
  t.restart();
  const auto opened = t.open();
  CHECK(opened.call(limits::get{"some"}).value().gpu_share == 50);
  CHECK_FALSE(opened.call(limits::get{"all"}).value().gpu_share);

  const auto plain = opened.call(limits::get_environment{"some"}).value();
  CHECK(plain.variables == std::vector<limits::variable>{{"CUDA_VISIBLE_DEVICES", "0,1"}});
  const auto shared = opened.call(limits::get_environment{"some", true}).value();
  CHECK(shared.variables
        == std::vector<limits::variable>{{"CUDA_VISIBLE_DEVICES", "0,1"},
                                         {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "50"}});
  CHECK(opened.call(limits::get_environment{"all", true}).value().variables.size() == 1);
}

TEST_CASE("AL-5: what is kept beside a row goes with it", "[accelerator_limits][recovery]") {
  testing::limits_fixture t;
  {
    const auto opened = t.open();
    for (const auto* name : {"a", "b", "c", "d", "e"})
      REQUIRE(opened.call(limits::create{*limits::from_preset(name, "batch", 1)}));
    REQUIRE(opened.call(limits::remove{"a"}));
    REQUIRE(opened.call(limits::create{*limits::from_preset("b", "training", 1)}));
    CHECK(extra_lines(opened) == 3);
    // As the original would: it replaces rows and knows of nothing else.
    testing::change_file(opened, "DELETE FROM profiles WHERE name = 'c'; INSERT OR REPLACE INTO "
                                 "profiles VALUES('d', '{\"name\": \"d\"}')");
  }
  t.restart();
  const auto opened = t.open();
  CHECK_FALSE(opened.call(limits::get{"d"}).value().gpu_share);
  CHECK(opened.call(limits::get{"e"}).value().gpu_share == 80);
  CHECK(testing::eventually([&] { return extra_lines(opened) == 1; }));
}

TEST_CASE("AL-6: an unknown profile is an error, and hiding all GPUs is said",
          "[accelerator_limits][errors]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  CHECK(opened.call(limits::get_environment{"none"}).error() == errc::not_found);
  CHECK(opened.call(limits::get{"none"}).error() == errc::not_found);
  REQUIRE(opened.call(limits::create{profile_of("job")}));

  const auto found = opened.call(limits::get_environment{"job"}).value();
  CHECK(found.variables == std::vector<limits::variable>{{"CUDA_VISIBLE_DEVICES", ""}});
  CHECK(found.hides_all_gpus);
  auto with_gpu = profile_of("gpu");
  with_gpu.gpu_ids = {3};
  REQUIRE(opened.call(limits::create{with_gpu}));
  CHECK_FALSE(opened.call(limits::get_environment{"gpu"}).value().hides_all_gpus);
}

TEST_CASE("AL-7: values outside their ranges are refused with all that is wrong",
          "[accelerator_limits][errors]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  const auto refused = [&](auto change) {
    auto what = profile_of("job");
    change(what);
    const auto done = opened.call(limits::create{what});
    return !done && done.error().code == errc::invalid_argument;
  };
  const auto accepted = [&](auto change) { return !refused(change); };
  using profile = limits::profile;

  CHECK(refused([](profile& p) { p.name = ""; }));
  CHECK(refused([](profile& p) { p.name = "\xff"; }));
  CHECK(refused([](profile& p) { p.name = std::string(1, '\0'); }));
  CHECK(refused([](profile& p) { p.name = std::string(1025, 'x'); }));
  CHECK(refused([](profile& p) { p.cpu_quota = -1.0; }));
  CHECK(refused([](profile& p) { p.cpu_quota = std::int64_t{0}; }));
  CHECK(refused([](profile& p) { p.cpu_quota = 0.99; }));
  CHECK(refused([](profile& p) { p.cpu_quota = 1e16; }));
  CHECK(refused([](profile& p) { p.cpu_quota = std::numeric_limits<double>::quiet_NaN(); }));
  CHECK(refused([](profile& p) { p.memory_max = 0; }));
  CHECK(refused([](profile& p) { p.memory_max = -5; }));
  CHECK(refused([](profile& p) { p.memory_max = std::numeric_limits<std::int64_t>::max(); }));
  CHECK(refused([](profile& p) { p.gpu_ids = {1, 1}; }));
  CHECK(refused([](profile& p) { p.gpu_ids = {-1}; }));
  CHECK(refused([](profile& p) { p.oom_score_adj = 1001; }));
  CHECK(refused([](profile& p) { p.oom_score_adj = -1001; }));
  CHECK(refused([](profile& p) { p.gpu_share = 0; }));
  CHECK(refused([](profile& p) { p.gpu_share = 101; }));
  CHECK(refused([](profile& p) { p.memory_high = p.memory_max + 1; }));
  CHECK(limits::from_preset("x", "batch", -3).error() == errc::invalid_argument);
  CHECK(limits::from_preset("", "batch").error() == errc::invalid_argument);
  CHECK(names_of(opened).empty());

  auto wrong = profile_of("job");
  wrong.memory_max = 0;
  wrong.oom_score_adj = 9999;
  const auto detail = limits::validate(wrong).error().detail;
  CHECK(detail.find("memory_max") != std::string::npos);
  CHECK(detail.find("oom_score_adj") != std::string::npos);

  CHECK(accepted([](profile& p) { p.name = "\u4e2d \"x\"\n"; }));
  CHECK(accepted([](profile& p) { p.cpu_quota = std::int64_t{1}; }));
  CHECK(accepted([](profile& p) { p.oom_score_adj = -1000; }));
  CHECK(accepted([](profile& p) { p.memory_high = p.memory_max; }));
}

TEST_CASE("AL-9: profiles are changed in their place and removed", "[accelerator_limits]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  for (const auto* name : {"a", "b", "c"})
    REQUIRE(opened.call(limits::create{profile_of(name)}));

  limits::changes some;
  some.cpu_quota = std::int64_t{150};
  some.gpu_ids = {{4, 2}};
  some.memory_high = 1000;
  CHECK(opened.call(limits::update{"a", some}).value().replaced);
  REQUIRE(opened.call(limits::remove{"b"}));

  CHECK(names_of(opened) == names{"a", "c"});
  CHECK(opened.call(limits::remove{"b"}).error() == errc::not_found);
  CHECK(opened.call(limits::update{"b", some}).error() == errc::not_found);
  some = {};
  some.memory_max = 999; // below memory_high
  CHECK(opened.call(limits::update{"a", some}).error() == errc::invalid_argument);
  auto wanted = profile_of("a");
  wanted.cpu_quota = std::int64_t{150};
  wanted.gpu_ids = {4, 2};
  wanted.memory_high = 1000;
  CHECK(opened.call(limits::get{"a"}).value() == wanted);
  t.restart();
  const auto again = t.open();
  CHECK(names_of(again) == names{"a", "c"});
  CHECK(again.call(limits::get{"a"}).value() == wanted);
  some = {};
  some.memory_high = std::optional<std::int64_t>{};
  REQUIRE(again.call(limits::update{"a", some}));
  CHECK_FALSE(again.call(limits::get{"a"}).value().memory_high);
}

TEST_CASE("AL-9: unknown keys are passed over, and stay when a profile is changed",
          "[accelerator_limits]") {
  testing::limits_fixture t;
  testing::change_file(t.open(),
                       "INSERT INTO profiles VALUES('job', "
                       "'{\"name\": \"job\", \"new\": {\"b\": [1.0, 1]}, \"gpu_ids\": null}')");
  t.restart();
  const auto opened = t.open();

  CHECK(opened.notices().empty());
  CHECK(opened.call(limits::get{"job"}).value() == profile_of("job"));
  limits::changes some;
  some.oom_score_adj = 1;
  REQUIRE(opened.call(limits::update{"job", some}));
  CHECK(testing::rows_of(opened).at(0).second
        == R"({"name": "job", "new": {"b": [1.0, 1]}, "gpu_ids": [], "preset": "inference", )"
           R"("cpu_quota": 400.0, "memory_max": 34359738368, "oom_score_adj": 1})");
}

TEST_CASE("AL-9: rows that cannot be read are told and left alone, the others are there",
          "[accelerator_limits][recovery]") {
  testing::limits_fixture t;
  testing::change_file(t.open(), R"(
    INSERT INTO profiles VALUES('broken', '{');
    INSERT INTO profiles VALUES('list', '[1]');
    INSERT INTO profiles VALUES('null', NULL);
    INSERT INTO profiles VALUES('nameless', '{"preset": "batch"}');
    INSERT INTO profiles VALUES('text', '{"name": "text", "gpu_ids": ["MIG-1"]}');
    INSERT INTO profiles VALUES('real', '{"name": "real", "memory_max": 1.5}');
    INSERT INTO profiles VALUES(NULL, '{"name": "x"}');
    INSERT INTO profiles VALUES('good', '{"name": "good", "memory_max": 2e9, "oom_score_adj": 5000}');
  )");
  t.restart();
  const auto opened = t.open();

  CHECK(opened.notices().size() == 7);
  CHECK(names_of(opened) == names{"good"});
  CHECK(opened.call(limits::get{"good"}).value().memory_max == 2'000'000'000);
  CHECK(opened.call(limits::get{"good"}).value().oom_score_adj == 5000); // stored numbers are kept
  const auto unreadable = opened.call(limits::list{}).value().unreadable;
  CHECK(unreadable == names{"broken", "list", "null", "nameless", "text", "real"});
  CHECK(opened.call(limits::get{"text"}).error() == errc::corrupt);
  CHECK(opened.call(limits::get_environment{"broken"}).error() == errc::corrupt);
  CHECK(opened.call(limits::update{"broken", {}}).error() == errc::corrupt);
  REQUIRE(opened.call(limits::create{profile_of("broken")}));
  REQUIRE(opened.call(limits::remove{"list"}));
  CHECK(testing::sqlite_probe{t.file()}.count("profiles") == 7);
}

TEST_CASE("AL-9: the path is an argument, and by default below the home folder",
          "[accelerator_limits]") {
  testing::limits_fixture t;
  const char* before = std::getenv("HOME"); // NOLINT(concurrency-mt-unsafe): nobody else does
  const std::string home = before == nullptr ? "" : before;
  REQUIRE(setenv("HOME", t.folder.path().c_str(), 1) == 0); // NOLINT(concurrency-mt-unsafe)
  auto wanted = t.options();
  wanted.path.clear();
  const auto opened = limits::open(*t.rt, wanted);
  REQUIRE(setenv("HOME", home.c_str(), 1) == 0); // NOLINT(concurrency-mt-unsafe)

  REQUIRE(opened);
  const auto file = t.folder.path() / ".cortex" / "limits.db";
  struct stat found {};
  REQUIRE(stat(file.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0600);
}

TEST_CASE("a change that the file refuses leaves nothing behind, and the next one works",
          "[accelerator_limits][errors]") {
  testing::fault_vfs disk;
  testing::limits_fixture t;
  auto wanted = t.options();
  wanted.database.vfs = disk.name();
  const auto opened = t.open(wanted);
  REQUIRE(opened.call(limits::create{profile_of("kept")}));
  disk.disk_full_after(0);
  const auto refused = opened.call(limits::create{profile_of("lost")});
  const auto not_removed = opened.call(limits::remove{"kept"});
  disk.clear();

  CHECK(refused.error() == errc::no_space);
  CHECK(not_removed.error() == errc::no_space);
  REQUIRE(testing::eventually([&] { return names_of(opened) == names{"kept"}; }));
  REQUIRE(opened.call(limits::create{profile_of("stored")}));
  CHECK(names_of(opened) == names{"kept", "stored"});
}

TEST_CASE("one file is open as profiles once in a runtime", "[accelerator_limits][errors]") {
  testing::limits_fixture t;
  const auto opened = t.open();
  CHECK(limits::open(*t.rt, t.options()).error() == errc::already_exists);
  auto wanted = t.options();
  wanted.poll_interval = std::chrono::milliseconds{0};
  CHECK(limits::open(*t.rt, wanted).error() == errc::invalid_argument);
}

TEST_CASE("every profile of many threads is there in the end",
          "[accelerator_limits][concurrency]") {
  testing::limits_fixture t;
  constexpr std::size_t threads = 60;
  constexpr std::size_t each = 5;
  {
    const auto opened = t.open();
    std::atomic<std::size_t> failures{0};
    testing::run_threads(threads, [&](std::size_t thread) {
      for (std::size_t i = 0; i < each; ++i) {
        auto what = profile_of(std::to_string(thread) + "." + std::to_string(i));
        what.gpu_ids = {static_cast<std::int64_t>(thread)};
        if (!opened.call(limits::create{what})
            || opened.call(limits::get{what.name}).value() != what)
          failures.fetch_add(1);
      }
    });
    CHECK(failures.load() == 0);
  }
  t.restart();
  const auto opened = t.open();
  CHECK(names_of(opened).size() == threads * each);
  CHECK(testing::rows_of(opened).size() == threads * each);
}
