// Files made to do harm: each ends in an error, in bounded memory and time.
#include "actors/config_manager/config_fixture.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

using namespace cortex;
using namespace cortex::testing;

namespace {

/// The highest memory of this process so far, in KiB.
long peak_kib() {
  rusage used{};
  REQUIRE(::getrusage(RUSAGE_SELF, &used) == 0);
  return used.ru_maxrss;
}

struct hostile_fixture : config_fixture {
  /// Every way on which a file comes in. All are refused the same way.
  void require_file_refused(const std::filesystem::path& path, const std::string& why) {
    auto how = options();
    how.path = path.string();
    const auto config = open(how);
    for (const auto& problem : {config.call(cm::load_preferences{}).error(),
                                config.call(cm::read_configuration{how.path}).error(),
                                config.call(cm::import_from{how.path}).error(),
                                config.call(cm::diff_file{how.path}).error()}) {
      INFO(to_string(problem));
      CHECK(problem == errc::corrupt);
      CHECK(problem.detail.find(path.filename().string()) != std::string::npos);
      CHECK(problem.detail.find(why) != std::string::npos);
      CHECK(problem.detail.size() < 1000);
    }
    CHECK(config.problem() == errc::corrupt);
    CHECK(config.call(set_key("a", 1)).error() == errc::corrupt);
  }
  void require_refused(const std::string& text, const std::string& why) {
    const auto path = folder / "hostile.yaml";
    write_file(path, text);
    require_file_refused(path, why);
    CHECK(read_file(path) == text);
  }
};

} // namespace

TEST_CASE_METHOD(hostile_fixture, "deep nesting is an error", "[config_manager][security]") {
  require_refused("a: " + std::string(100'000, '['), "line 1");
  std::string blocks;
  for (std::size_t i = 0; i < 1'000; ++i)
    blocks += std::string(i, ' ') + "a:\n";
  require_refused(blocks, "line ");
  require_refused(std::string(100'000, '{'), "line 1");
}

TEST_CASE_METHOD(hostile_fixture, "anchors that explode are an error",
                 "[config_manager][security]") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto number = std::to_string(i);
    bomb += "a" + number + ": &a" + number + " [";
    for (int j = 0; j < 10; ++j)
      bomb += (j == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  const auto before = peak_kib();
  require_refused(bomb, "line ");
  CHECK(peak_kib() - before < 300'000);
  require_refused("a: &a [*a]\n", "line 1");
  require_refused("a: &a {<<: *a}\n", "line 1");
}

TEST_CASE_METHOD(hostile_fixture, "a file of 100 MB is an error, read by nobody",
                 "[config_manager][security]") {
  const auto path = folder / "large.yaml";
  write_file(path, "a: 1\n");
  REQUIRE(::truncate(path.c_str(), 100'000'000) == 0);
  const auto before = peak_kib();

  require_file_refused(path, "longer than 4194304 bytes");

  CHECK(peak_kib() - before < 20'000);
  cm::save_preferences replacing{parsed("a: 2\n")};
  replacing.replace_damaged = true;
  auto how = options();
  how.path = path.string();
  good(open(how).call(replacing));
  CHECK(read_file(path) == "a: 2\n");
  CHECK(std::filesystem::file_size(path.string() + ".broken") == 100'000'000);
  CHECK(mode_of(path.string() + ".broken") == 0600);
}

TEST_CASE_METHOD(hostile_fixture, "bytes that are no text are an error",
                 "[config_manager][security]") {
  require_refused("a: \xFF\xFE\n", "line 1");
  require_refused("a: 1\nb: \xC3\n", "line 2");
  require_refused("a: \xED\xA0\x80\n", "line 1"); // a surrogate
  require_refused(std::string{"a: 1\nb: x\0y\n", 12}, "line 2");
  require_refused("a: \x01\n", "line 1");
}

TEST_CASE_METHOD(hostile_fixture, "tags of programs and second documents are errors",
                 "[config_manager][security]") {
  require_refused("a: !!python/object/apply:os.system ['reboot']\n", "line 1");
  require_refused("a: 1\n---\nb: 2\n", "line 2");
  require_refused("a: !custom x\n", "line 1");
}

TEST_CASE_METHOD(hostile_fixture, "numbers and texts without end are errors or bounded",
                 "[config_manager][security]") {
  require_refused("a: " + std::string(5'000, '9') + "\n", "line 1");
  std::string many;
  for (int i = 0; i < 250'000; ++i)
    many += "- 1\n";
  require_refused(many, "line ");
}

TEST_CASE_METHOD(hostile_fixture, "a secret in a damaged file is not told",
                 "[config_manager][security]") {
  const auto path = folder / "hostile.yaml";
  write_file(path, "api_key: sk-abcdefghijklmnopqrstuvwxyz\nb: [\n");
  auto how = options();
  how.path = path.string();
  const auto problem = open(how).call(cm::load_preferences{}).error();

  CHECK(problem.detail.find("sk-") == std::string::npos);
}

TEST_CASE_METHOD(hostile_fixture, "ten thousand mistyped keys are told within bounds",
                 "[config_manager][security]") {
  std::string text;
  for (int i = 0; i < 10'000; ++i)
    text += "preferencse" + std::to_string(i) + ": 1\n";
  const auto checked = good(open().call(cm::validate{parsed(text)}));

  CHECK_FALSE(checked.ok);
  CHECK(checked.warnings.size() <= 101);
}

// Ends within the time of a test only if each key is found without a look at all others.
TEST_CASE_METHOD(hostile_fixture, "ninety thousand keys are read, changed, compared and imported",
                 "[config_manager][security]") {
  constexpr int count = 90'000;
  std::string keys;
  std::string deeper = "cortex_version: 0.2.0\nos: unknown\npackages: []\npreferences:\n";
  for (int i = 0; i < count; ++i) {
    const auto line = "key" + std::to_string(i) + ": 1\n";
    keys += line;
    deeper += "  " + line;
  }
  write_file(file(), keys);
  write_file(folder / "system.yaml", keys);
  const auto exported = folder / "export.yaml";
  write_file(exported, deeper);
  const auto config = open();
  constexpr auto patience = std::chrono::hours{1};

  good(config.call(set_key("key5", 2), patience));
  good(config.call(set_key("more", 1), patience));
  const auto found = good(config.call(cm::diff_file{exported.string()}, patience));
  const auto done = good(config.call(cm::import_from{exported.string()}, patience));

  REQUIRE(found.preferences_changed.size() == 1);
  CHECK(found.preferences_changed[0].key == yaml{"key5"});
  CHECK(done.preferences_updated);
  CHECK(config.preferences()->size() == count + 1);
  CHECK(good(config.get("key5")).content == yaml{1});
}
