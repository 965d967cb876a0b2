// Imports beyond the vectors: sandbox, functions that throw, stops; and exports that fail.
#include "actors/config_manager/config_fixture.hpp"
#include "support/wait.hpp"

#include <stdexcept>

using namespace cortex;
using namespace cortex::testing;

namespace {

using words = std::vector<std::string>;

struct import_fixture : config_fixture {
  import_fixture() { machine.unlisted = fake_machine::otherwise::success; }
  [[nodiscard]] cm::import_from file_of(const std::string& rest) const {
    const auto path = (folder / "import.yaml").string();
    write_file(path, "cortex_version: 0.2.0\nos: unknown\n" + rest);
    return {path};
  }
};

} // namespace

TEST_CASE_METHOD(import_fixture, "a sandbox gets each command as one text", "[config_manager]") {
  words commands;
  auto how = options();
  how.sandbox = [&commands](const std::string& command) -> expected<cm::sandbox_result> {
    commands.push_back(command);
    if (command.ends_with(" c"))
      throw std::runtime_error{"no room"};
    if (command.ends_with(" d"))
      return fail(errc::unavailable, "gone");
    return cm::sandbox_result{!command.ends_with(" b"), "said no"};
  };

  const auto done
    = good(open(how).call(file_of("packages:\n- {name: a, source: apt}\n- {name: b, source: pip}\n"
                                  "- {name: c, source: npm}\n- {name: d, source: npm}\n")));

  CHECK(commands
        == words{"sudo apt-get install -y a", "pip3 install b", "npm install -g c",
                 "npm install -g d"});
  CHECK(machine.installs().empty());
  CHECK(done.installed == words{"a"});
  CHECK(done.failed == words{"b", "c (no room)", "d (gone)"});
  CHECK(done.failures.at(0).why.detail == "said no");
}

TEST_CASE_METHOD(import_fixture, "a stopped import begins nothing more", "[config_manager]") {
  std::stop_source stop;
  auto what = file_of("packages:\n- {name: a, source: apt}\n- {name: b, source: apt}\n"
                      "preferences: {c: 1}\n");
  what.stop = stop.get_token();
  auto how = options();
  how.on_install = [&stop](const cm::install_record& /*each*/) { stop.request_stop(); };

  const auto done = good(open(how).call(what));

  CHECK(done.installed == words{"a"});
  CHECK(done.skipped == words{"b"});
  CHECK_FALSE(done.preferences_updated);
  CHECK_FALSE(read_file(file()));
}

TEST_CASE_METHOD(import_fixture, "imports that change something do not run side by side",
                 "[config_manager][concurrency]") {
  const auto what = file_of("packages:\n- {name: a, source: apt}\n");
  signal begun;
  signal may_end;
  auto how = options();
  how.sandbox = [&](const std::string& /*command*/) -> expected<cm::sandbox_result> {
    begun.set();
    return cm::sandbox_result{may_end.wait(), ""};
  };
  const auto config = open(how);
  auto first = config.ask(what);
  REQUIRE(begun.wait());

  CHECK(config.call(what).error() == errc::in_use);
  auto dry = what;
  dry.dry_run = true;
  CHECK(config.call(dry));
  may_end.set();

  CHECK(good(first.get()).installed == words{"a"});
  CHECK(config.call(what));
}

TEST_CASE_METHOD(import_fixture, "a command that takes too long has failed, by name",
                 "[config_manager][errors]") {
  machine.answer(words{"pip3", "install", "slow"}, fail(errc::timeout, "too slow"));

  const auto done = good(open().call(file_of("packages:\n- {name: slow, source: pip}\n")));

  CHECK(done.failed == words{"slow"});
  CHECK(done.failures.at(0).why == errc::timeout);
  for (const auto& limit : machine.limits())
    CHECK((limit == std::chrono::seconds{30} || limit == std::chrono::seconds{300}));
  CHECK(machine.limits().back() == std::chrono::seconds{300});
}

TEST_CASE_METHOD(import_fixture, "why a command failed is told without secrets",
                 "[config_manager][errors]") {
  const std::string filler(5000, '.'); // only the end of it is told
  machine.answer(words{"pip3", "install", "a"}, process_result{1, 0, "",
                                                               "no index at https://joe:" + filler
                                                                 + "@host/simple\n"
                                                                   "PIP_TOKEN=abc was refused\n"});
  std::vector<cm::install_record> told;
  auto how = options();
  how.on_install = [&](const cm::install_record& each) { told.push_back(each); };

  const auto done = good(open(how).call(file_of("packages:\n- {name: a, source: pip}\n")));

  const std::string why = "no index at https://[redacted]@host/simple\nPIP_[redacted] was refused";
  CHECK(done.failures.at(0).why.detail == why);
  REQUIRE(told.size() == 1);
  CHECK(told[0].errors == why);
}

TEST_CASE_METHOD(import_fixture, "what cannot be imported says why", "[config_manager][errors]") {
  const auto config = open();
  CHECK(config.call(cm::import_from{(folder / "none").string()}).error() == errc::not_found);
  write_file(folder / "newer", "cortex_version: 0.9.0\nos: x\npackages: []\n");
  CHECK(config.call(cm::import_from{(folder / "newer").string()}).error() == errc::newer_format);
  write_file(folder / "other", "cortex_version: 1.0.0\nos: x\npackages: []\n");
  CHECK(config.call(cm::import_from{(folder / "other").string()}).error()
        == errc::invalid_argument);
  const auto broken = config.call(file_of("packages: [\n"));
  REQUIRE_FALSE(broken);
  CHECK(broken.error() == errc::corrupt);
  CHECK(broken.error().detail.find("import.yaml") != std::string::npos);
  CHECK(broken.error().detail.find("line 4") != std::string::npos);
}

TEST_CASE_METHOD(import_fixture, "only the sources that a file names are asked",
                 "[config_manager]") {
  machine.install({{"a", "1", "pip"}});

  CHECK(good(open().call(cm::diff{parsed("packages:\n- {name: a, source: pip}\n")}))
          .already_installed.size()
        == 1);

  CHECK(machine.calls() == std::vector<words>{{"pip3", "list", "--format=json"}});
}

TEST_CASE_METHOD(import_fixture, "a source that cannot be asked is told beside the diff",
                 "[config_manager]") {
  machine.unlisted = fake_machine::otherwise::not_found;

  const auto found = good(open().call(cm::diff{parsed("packages:\n- {name: a, source: npm}\n")}));

  CHECK(found.to_install.size() == 1);
  CHECK(found.warnings.empty());
  CHECK(found.notices == words{"npm: npm: not_found: no such program"});
}

TEST_CASE_METHOD(import_fixture, "a file is compared like its content", "[config_manager]") {
  const auto config = open();
  const auto what = file_of("packages: []\npreferences: {a: 1}\n");

  CHECK(good(config.call(cm::diff_file{what.path})).preferences_changed.size() == 1);
  CHECK(config.call(cm::diff_file{what.path + "x"}).error() == errc::not_found);
  const auto read = good(config.call(cm::read_configuration{what.path}));
  CHECK(good(config.call(cm::validate{read.root})).ok);
}

TEST_CASE_METHOD(import_fixture, "an export that fails leaves what was there",
                 "[config_manager][errors]") {
  const auto config = open();
  write_file(folder / "file", "mine\n");

  const auto refused = config.call(cm::export_to{(folder / "file").string() + "/below"});

  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.starts_with("Failed to export configuration: "));
  CHECK(read_file(folder / "file") == "mine\n");
  write_file(file(), "a: [");
  CHECK(config.call(cm::export_to{(folder / "file").string()}).error() == errc::corrupt);
  CHECK(read_file(folder / "file") == "mine\n");
  CHECK(config.call(cm::export_to{""}).error() == errc::invalid_argument);
}

TEST_CASE_METHOD(import_fixture, "an export without a profiler says that there is none",
                 "[config_manager]") {
  machine.unlisted = fake_machine::otherwise::not_found;
  const auto path = (folder / "e.yaml").string();

  const auto said = good(open().call(cm::export_to{path}));

  CHECK(to_json(*parsed(read_file(path).value()).find("hardware"))
        == nlohmann::json::parse(R"({"error":"Failed to detect hardware: no profiler"})"));
  CHECK(said.notices.size() == 4); // dpkg-query, pip3, pip, npm
  CHECK(said.notices[0] == "apt: dpkg-query: not_found: no such program");
}

TEST_CASE_METHOD(import_fixture, "an export can be imported where it was made",
                 "[config_manager]") {
  machine.install({{"a", "1.0", "apt"}, {"b", "1e5", "pip"}, {"@c/d", "1.2.3", "npm"}});
  const auto path = (folder / "e.yaml").string();
  const auto config = open();
  good(config.call(set_key("x", "1.0")));
  good(config.call(cm::export_to{path}));

  const auto same = good(config.call(cm::diff_file{path}));

  CHECK(same.already_installed.size() == 3);
  CHECK(same.to_install.empty());
  CHECK(same.preferences_changed.empty());
  CHECK(same.warnings.empty());
}
