// The preferences file: saved, updated, damaged, locked, full.
#include "cortex/config_manager/files.hpp"

#include "actors/config_manager/config_fixture.hpp"
#include "support/wait.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

using namespace cortex;
using namespace cortex::testing;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& each : fs::directory_iterator{folder})
    out.push_back(each.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

cm::save_preferences save(const std::string& text) {
  return {parsed(text)};
}

} // namespace

TEST_CASE_METHOD(config_fixture, "a saved file is whole, sorted and for its user alone",
                 "[config_manager]") {
  const auto config = open();

  const auto done = good(config.call(save("b: 1\na: {d: [1], c: 'yes'}\n")));

  CHECK(read_file(file()) == "a:\n  c: 'yes'\n  d:\n  - 1\nb: 1\n");
  CHECK(mode_of(file()) == 0600);
  CHECK(done.changed == std::vector<std::string>{"b", "a"});
  CHECK(files_in(folder.path())
        == std::vector<std::string>{"preferences.yaml", "preferences.yaml.lock"});
}

TEST_CASE_METHOD(config_fixture, "a save replaces the file, an update changes its keys",
                 "[config_manager]") {
  const auto config = open();
  good(config.call(save("a: 1\nllm: {provider: x, keys: 2}\n")));

  const auto updated = good(config.call(cm::update_preferences{{{{"llm", "provider"}, yaml{"y"}},
                                                                {{"llm", "keys"}, std::nullopt},
                                                                {{"new", "deep"}, yaml{true}},
                                                                {{"gone"}, std::nullopt},
                                                                {{"a"}, yaml{1}}}}));

  CHECK(read_file(file()) == "a: 1\nllm:\n  provider: y\nnew:\n  deep: true\n");
  CHECK(updated.changed == std::vector<std::string>{"llm.provider", "llm.keys", "new.deep"});
  good(config.call(save("z: 1\n")));
  CHECK(read_file(file()) == "z: 1\n");
}

TEST_CASE_METHOD(config_fixture, "an update is done as a whole or not at all",
                 "[config_manager][errors]") {
  const auto config = open();
  good(config.call(save("a: 1\n")));

  const auto refused
    = config.call(cm::update_preferences{{{{"b"}, yaml{1}}, {{"a", "deep"}, yaml{2}}}});

  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::constraint);
  CHECK(refused.error().detail == "Failed to save preferences: 'a' is an integer, not a mapping");
  CHECK(read_file(file()) == "a: 1\n");
  CHECK(config.call(cm::update_preferences{{{{}, yaml{1}}}}).error() == errc::invalid_argument);
  CHECK(config.call(set_key("a..b", 1)).error() == errc::invalid_argument);
}

TEST_CASE_METHOD(config_fixture, "what could not be read again is not saved, and harms no other",
                 "[config_manager][errors]") {
  const auto config = open();
  yaml deep{1};
  for (int i = 0; i < 200; ++i) {
    auto outer = yaml::sequence();
    outer.push_back(std::move(deep));
    deep = std::move(outer);
  }

  std::vector<future<cm::saved>> all;
  all.push_back(config.ask(set_key("a", 1)));
  all.push_back(config.ask(set_key("bad", deep)));
  all.push_back(config.ask(set_key("bad", std::string(5'000'000, 'x'))));
  all.push_back(config.ask(set_key("b", 2)));

  CHECK(all[0].get());
  CHECK(all[1].get().error() == errc::invalid_argument);
  CHECK(all[2].get().error() == errc::invalid_argument);
  CHECK(all[3].get());
  CHECK(read_file(file()) == "a: 1\nb: 2\n");
  CHECK(config.call(cm::save_preferences{yaml::sequence({1})}).error() == errc::invalid_argument);
}

TEST_CASE_METHOD(config_fixture, "an update keeps what another program wrote meanwhile",
                 "[config_manager]") {
  const auto config = open();
  good(config.call(save("a: 1\n")));
  write_file(file(), "a: 1\nforeign: 2\n");

  good(config.call(set_key("b", 3)));

  CHECK(read_file(file()) == "a: 1\nb: 3\nforeign: 2\n");
}

TEST_CASE_METHOD(config_fixture, "two managers of one file lose nothing of each other",
                 "[config_manager]") {
  const auto one = open();
  const auto other = open();

  good(one.call(set_key("a", 1)));
  good(other.call(set_key("b", 2)));
  good(one.call(set_key("c", 3)));

  CHECK(read_file(file()) == "a: 1\nb: 2\nc: 3\n");
}

TEST_CASE_METHOD(config_fixture,
                 "CM-7: a damaged file is reported with its place, kept, and not replaced unasked",
                 "[config_manager][recovery]") {
  const std::string damaged = "a: 1\nb: [1, 2\nc: 3\n";
  write_file(file(), damaged);
  const auto config = open();

  const auto loaded = config.call(cm::load_preferences{});
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error() == errc::corrupt);
  CHECK(loaded.error().detail.find(file() + "' is damaged: ") != std::string::npos);
  CHECK(loaded.error().detail.find("line 3") != std::string::npos);
  CHECK(loaded.error().detail.find("a copy is in '" + file() + ".broken'") != std::string::npos);
  CHECK(config.problem() == errc::corrupt);
  CHECK(config.call(save("x: 1\n")).error() == errc::corrupt);
  CHECK(config.call(set_key("x", 1)).error() == errc::corrupt);
  CHECK(read_file(file()) == damaged);
  CHECK(read_file(file() + ".broken") == damaged);
  CHECK(mode_of(file() + ".broken") == 0600);

  cm::save_preferences asked = save("x: 1\n");
  asked.replace_damaged = true;
  good(config.call(asked));

  CHECK(read_file(file()) == "x: 1\n");
  CHECK(read_file(file() + ".broken") == damaged);
  CHECK_FALSE(config.problem());
}

TEST_CASE_METHOD(config_fixture, "CM-7: no kept copy is written over, none is made twice",
                 "[config_manager][recovery]") {
  write_file(file(), "first: [");
  CHECK(open().call(cm::load_preferences{}).error() == errc::corrupt);
  CHECK(open().call(cm::load_preferences{}).error() == errc::corrupt);
  write_file(file(), "second: [");
  CHECK(open().call(cm::load_preferences{}).error() == errc::corrupt);

  CHECK(read_file(file() + ".broken") == "first: [");
  CHECK(read_file(file() + ".broken.1") == "second: [");
  CHECK_FALSE(fs::exists(file() + ".broken.2"));
}

TEST_CASE_METHOD(config_fixture, "a file that becomes damaged takes no value away",
                 "[config_manager][recovery]") {
  const auto config = open();
  good(config.call(save("a: 1\n")));
  write_file(file(), "a: [");

  CHECK(config.call(cm::load_preferences{}).error() == errc::corrupt);
  CHECK(good(config.get("a")).content == yaml{1});
  write_file(file(), "a: 2\n");
  good(config.call(cm::load_preferences{}));

  CHECK(good(config.get("a")).content == yaml{2});
  CHECK_FALSE(config.problem());
}

TEST_CASE_METHOD(config_fixture, "a file that is no mapping is told as it is, and can be replaced",
                 "[config_manager]") {
  write_file(file(), "- x\n");
  const auto config = open();

  CHECK(good(config.call(cm::load_preferences{})) == parsed("- x\n"));
  CHECK(config.call(set_key("a", 1)).error() == errc::constraint);
  good(config.call(save("a: 1\n")));
  CHECK(read_file(file()) == "a: 1\n");
}

TEST_CASE_METHOD(config_fixture,
                 "a key that comes twice is told, and an error if that is asked for",
                 "[config_manager]") {
  write_file(file(), "a: 1\nb: 1\na: 2\n");
  const auto config = open();
  CHECK(good(config.get("a")).content == yaml{2});
  REQUIRE(config.warnings().size() == 1);
  CHECK(config.warnings()[0].find(file() + ": ") == 0);
  CHECK(config.warnings()[0].find("line 3") != std::string::npos);

  auto strict = options();
  strict.strict = true;
  CHECK(open(strict).call(cm::load_preferences{}).error() == errc::corrupt);
}

TEST_CASE_METHOD(config_fixture, "CM-11: who changes a file keeps others out, and is named",
                 "[config_manager][errors]") {
  auto how = options();
  how.lock_patience = 50ms;
  const auto config = open(how);
  {
    const auto lock = cm::file_lock::acquire(file(), 1s, {});
    REQUIRE(lock);

    const auto refused = config.call(set_key("a", 1));

    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::in_use);
    CHECK(refused.error().detail.find("process " + std::to_string(::getpid()))
          != std::string::npos);
    CHECK(good(config.call(cm::load_preferences{})) == yaml::mapping()); // reading needs no lock
  }
  good(config.call(set_key("a", 1)));
}

TEST_CASE_METHOD(config_fixture, "a save waits for the one before it", "[config_manager]") {
  const auto config = open();
  auto lock = std::optional{good(cm::file_lock::acquire(file(), 1s, {}))};

  auto waiting = config.ask(set_key("a", 1));
  CHECK_FALSE(waiting.wait_for(20ms));
  lock.reset();

  CHECK(waiting.get());
  CHECK(mode_of(file() + ".lock") == 0600);
}

TEST_CASE_METHOD(config_fixture, "a file that others could read is made private, and that is told",
                 "[config_manager]") {
  write_file(file(), "a: 1\n");
  REQUIRE(::chmod(file().c_str(), 0644) == 0);

  const auto config = open();

  CHECK(mode_of(file()) == 0600);
  REQUIRE(config.notices().size() == 1);
  CHECK(config.notices()[0].find("was open to others") != std::string::npos);
}

TEST_CASE_METHOD(config_fixture, "a link to the file is followed and stays", "[config_manager]") {
  fs::create_directory(folder / "dotfiles");
  const auto target = folder / "dotfiles" / "real.yaml";
  fs::create_symlink(target, file());
  const auto config = open(); // the target does not exist yet

  good(config.call(set_key("a", 1)));

  CHECK(fs::is_symlink(file()));
  CHECK(config.path() == fs::canonical(target));
  CHECK(read_file(target) == "a: 1\n");
  CHECK(fs::exists(target.string() + ".lock"));
}

TEST_CASE_METHOD(config_fixture, "a full disk loses nothing and leaves nothing behind",
                 "[config_manager][recovery]") {
  const auto config = open();
  good(config.call(save("a: 1\n")));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto* handler = ::signal(SIGXFSZ, SIG_IGN);
  auto small = before;
  small.rlim_cur = 4096;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);

  const auto refused = config.call(set_key("b", std::string(20'000, 'x')));
  const auto after = config.call(set_key("c", 1));

  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, handler);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::no_space);
  CHECK(refused.error().detail.starts_with("Failed to save preferences: "));
  CHECK(after);
  CHECK(read_file(file()) == "a: 1\nc: 1\n");
  CHECK(files_in(folder.path())
        == std::vector<std::string>{"preferences.yaml", "preferences.yaml.lock"});
  CHECK(good(config.get("c")).content == yaml{1});
}

TEST_CASE_METHOD(config_fixture, "a path that is no file is an error, not a wait",
                 "[config_manager][errors]") {
  fs::create_directory(file());
  CHECK(open().call(cm::load_preferences{}).error() == errc::corrupt);
  fs::remove(file());
  REQUIRE(::mkfifo(file().c_str(), 0600) == 0);
  CHECK(open().call(cm::load_preferences{}).error() == errc::corrupt);
}

TEST_CASE_METHOD(config_fixture, "the folder of the configuration is made, and made private",
                 "[config_manager]") {
  auto how = options();
  how.path.clear();
  how.directory = (folder / "home").string();
  good(open(how).call(set_key("a", 1)));
  CHECK(mode_of(folder / "home") == 0700);
  CHECK(read_file(folder / "home" / "preferences.yaml") == "a: 1\n");

  REQUIRE(::chmod(how.directory.c_str(), 0755) == 0);
  if (::geteuid() == 0)
    REQUIRE(::chown(how.directory.c_str(), 12345, 12345) == 0);
  const auto again = open(how);
  CHECK(mode_of(folder / "home") == 0700);
  struct stat about {};
  REQUIRE(::stat(how.directory.c_str(), &about) == 0);
  CHECK(about.st_uid == ::geteuid());
  CHECK(about.st_gid == ::getegid());
}

TEST_CASE_METHOD(config_fixture, "the folder of a given path is left as it is",
                 "[config_manager]") {
  const auto shared = folder / "shared";
  fs::create_directory(shared);
  REQUIRE(::chmod(shared.c_str(), 0755) == 0);
  auto how = options();
  how.path = (shared / "p.yaml").string();

  good(open(how).call(set_key("a", 1)));

  CHECK(mode_of(shared) == 0755);
}

TEST_CASE_METHOD(config_fixture, "a folder that cannot be is an error of open",
                 "[config_manager][errors]") {
  auto how = options();
  how.path.clear();
  how.directory = (folder / "missing" / "home").string();
  CHECK(cm::open(*rt, how).error() == errc::not_found);
  write_file(folder / "file", "");
  how.directory = (folder / "file").string();
  CHECK(cm::open(*rt, how).error() == errc::invalid_argument);
}

TEST_CASE_METHOD(config_fixture, "bad options are all named", "[config_manager][errors]") {
  auto how = options();
  how.query_limit = 0ms;
  how.lock_patience = -1ms;
  how.defaults = yaml::sequence({1});

  const auto refused = cm::open(*rt, how);

  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail
        == "query_limit: more than 0; lock_patience: more than 0; defaults: a mapping");
}

TEST_CASE_METHOD(config_fixture, "what was asked for before the end is saved", "[config_manager]") {
  auto config = std::optional{open()};
  for (int i = 0; i < 50; ++i)
    config->tell(set_key("k" + std::to_string(i), i));
  config.reset();

  REQUIRE(rt->stop());

  CHECK(parsed(read_file(file()).value()).size() == 50);
}

TEST_CASE_METHOD(config_fixture, "after the end everything is closed, and values stay",
                 "[config_manager]") {
  const auto config = open();
  good(config.call(set_key("a", 1)));

  REQUIRE(rt->stop());

  CHECK(config.call(set_key("b", 1)).error() == errc::closed);
  CHECK(config.call(cm::load_preferences{}).error() == errc::closed);
  CHECK(good(config.get("a")).content == yaml{1});
}

TEST_CASE("a configuration works on a deterministic runtime", "[config_manager]") {
  config_fixture t;
  runtime_options how;
  how.deterministic = true;
  const auto rt = runtime::open(how).value();
  const auto config = cm::open(rt, t.options()).value();

  good(config.call(set_key("a", 1)));
  CHECK(good(config.call(cm::load_preferences{})) == parsed("a: 1\n"));
  CHECK(good(config.call(cm::diff{parsed("packages: []\npreferences: {a: 2}\n")}))
          .preferences_changed.size()
        == 1);
}
