// The defects of the original, and what is right instead. CM-1, 8, 9, 14 also in texts_test.cpp,
// CM-2 and CM-3 in versions_test.cpp, CM-11 in preferences_test.cpp and concurrency_test.cpp.
#include "actors/config_manager/config_fixture.hpp"
#include "support/wait.hpp"

#include <atomic>

using namespace cortex;
using namespace cortex::testing;

namespace {

const std::string header = "cortex_version: 0.2.0\nos: ubuntu-24.04\n";

struct defects_fixture : config_fixture {
  defects_fixture() {
    os_release("ID=ubuntu\nVERSION_ID=\"24.04\"\n");
    machine.unlisted = fake_machine::otherwise::success;
  }
  cm::difference diff(const std::string& text) { return good(open().call(cm::diff{parsed(text)})); }
  std::string import_file(const std::string& text) const {
    const auto path = (folder / "import.yaml").string();
    write_file(path, text);
    return path;
  }
  cm::imported import(const std::string& text) {
    return good(open().call(cm::import_from{import_file(text)}));
  }
};

std::vector<std::string> names(const std::vector<cm::package_change>& changes) {
  std::vector<std::string> out;
  for (const auto& each : changes)
    out.push_back(each.wanted.name);
  return out;
}

using words = std::vector<std::string>;

} // namespace

TEST_CASE_METHOD(defects_fixture, "CM-1: a system text of an older export is accepted",
                 "[config_manager]") {
  os_release("VERSION_ID=\"12\"\nID=debian\n");
  const auto config = open();
  const auto reason = [&](const std::string& os) {
    return good(config.call(
                  cm::validate{parsed("cortex_version: 0.2.0\nos: " + os + "\npackages: []\n")}))
      .reason;
  };

  CHECK_FALSE(reason("debian-12"));
  CHECK_FALSE(reason("12-12"));
  CHECK(reason("11-11"));
  CHECK(reason("2-12"));
}

TEST_CASE_METHOD(defects_fixture, "CM-2: a diff orders versions by the rules of their source",
                 "[config_manager]") {
  machine.install({{"rc", "1.0~rc1-1", "apt"},
                   {"libc6", "2.36-9+deb12u3", "apt"},
                   {"flask", "3.0rc1", "pip"},
                   {"typescript", "5.0.0-beta.1", "npm"}});

  const auto found = diff("packages:\n"
                          "- {name: rc, version: 1.0-1, source: apt}\n"
                          "- {name: libc6, version: 2.36-9+deb12u10, source: apt}\n"
                          "- {name: flask, version: '3.0', source: pip}\n"
                          "- {name: typescript, version: 5.0.0, source: npm}\n");

  CHECK(names(found.to_upgrade) == words{"rc", "libc6", "flask", "typescript"});
}

TEST_CASE_METHOD(defects_fixture, "CM-3: another spelling of the installed version is no change",
                 "[config_manager]") {
  machine.install({{"numpy", "1.24.0", "pip"}});

  CHECK(names(diff("packages:\n- {name: numpy, version: '1.24', source: pip}\n").already_installed)
        == words{"numpy"});
}

TEST_CASE_METHOD(defects_fixture, "CM-4: a version that YAML takes for a number keeps its text",
                 "[config_manager]") {
  machine.install({{"numpy", "1.24.0", "pip"}, {"curl", "7.88.1-10", "apt"}});

  const auto done = import(header
                           + "packages:\n"
                             "- {name: numpy, version: 1.30, source: pip}\n"
                             "- {name: curl, version: 8, source: apt}\n"
                             "- {name: wget, version: 1.10, source: apt}\n"
                             "- {name: tzdata, version: 2025-12-22, source: apt}\n");

  CHECK(done.failed.empty());
  CHECK(machine.installs()
        == std::vector<words>{{"sudo", "apt-get", "install", "-y", "wget=1.10"},
                              {"sudo", "apt-get", "install", "-y", "tzdata=2025-12-22"},
                              {"pip3", "install", "numpy==1.30"},
                              {"sudo", "apt-get", "install", "-y", "curl=8"}});
  CHECK(std::any_of(done.warnings.begin(), done.warnings.end(), [](const std::string& each) {
    return each == "line 4, column 26: packages[0].version is a number, quote it";
  }));
}

TEST_CASE_METHOD(defects_fixture, "CM-5: wrong shapes are warnings, a wrong document is an error",
                 "[config_manager]") {
  machine.install({{"curl", "1", "apt"}});

  CHECK(diff("packages: null\npreferences: null\n").warnings.empty());
  CHECK(diff("packages: 3\n").warnings == words{"packages are an integer, not a sequence"});
  CHECK(diff("preferences: [a]\n").warnings == words{"preferences are a sequence, not a mapping"});
  const auto mixed
    = diff("packages:\n- curl\n- {name: curl, source: apt}\n- {name: [a], source: apt}\n- null\n");
  CHECK(names(mixed.already_installed) == words{"curl"});
  REQUIRE(mixed.warnings.size() == 3);
  CHECK(mixed.warnings[0] == "Malformed package entry skipped: curl (line 2, column 3)");
  CHECK(mixed.warnings[1].starts_with(
    "Malformed package entry skipped: {'name': ['a'], 'source': 'apt'} (line 4"));
  CHECK(mixed.warnings[2].starts_with("Malformed package entry skipped: None"));
  const auto config = open();
  CHECK(config.call(cm::diff{parsed("- a\n")}).error() == errc::invalid_argument);
  cm::import_from forced{import_file("just text\n")};
  forced.force = true;
  CHECK(config.call(forced).error().detail
        == "Incompatible configuration: configuration is not a mapping");
}

TEST_CASE_METHOD(defects_fixture, "CM-6: an entry without a version is what is installed",
                 "[config_manager]") {
  machine.install({{"curl", "7.88", "apt"}});

  const auto found = diff("packages:\n- {name: curl, source: apt}\n"
                          "- {name: curl, version: '', source: apt}\n"
                          "- {name: new, source: apt}\n");

  CHECK(names(found.already_installed) == words{"curl", "curl"});
  CHECK(names(found.to_install) == words{"new"});
}

TEST_CASE_METHOD(defects_fixture, "CM-7: a diff with damaged preferences says so",
                 "[config_manager]") {
  write_file(file(), "{ not: [yaml");

  const auto found = diff("packages: []\npreferences:\n  a: 1\n");

  REQUIRE(found.warnings.size() == 1);
  CHECK(found.warnings[0].find("preferences.yaml' is damaged: ") != std::string::npos);
  CHECK(found.preferences_changed.size() == 1);
  CHECK(read_file(file()) == "{ not: [yaml");
}

TEST_CASE_METHOD(defects_fixture, "CM-7: an import leaves damaged preferences as they are",
                 "[config_manager]") {
  write_file(file(), "{ not: [yaml");

  const auto done = import(header + "packages:\n- {name: a, source: apt}\npreferences: {a: 1}\n");

  CHECK(done.installed == words{"a"});
  CHECK_FALSE(done.preferences_updated);
  REQUIRE(done.failed.size() == 1);
  CHECK(done.failed[0].starts_with("preferences (Failed to save preferences: "));
  CHECK(done.failures.at(0).why == errc::corrupt);
  CHECK(read_file(file()) == "{ not: [yaml");
  CHECK(read_file(file() + ".broken") == "{ not: [yaml");
}

TEST_CASE_METHOD(defects_fixture, "CM-8: an import installs an update of Debian",
                 "[config_manager]") {
  const auto done
    = import(header + "packages:\n- {name: libssl3, version: 3.0.15-1~deb12u1, source: apt}\n");

  CHECK(done.installed == words{"libssl3"});
}

TEST_CASE_METHOD(defects_fixture, "CM-9: an import runs nothing for a name that is an option",
                 "[config_manager]") {
  const auto done = import(header
                           + "packages:\n- {name: -oDPkg::Pre-Invoke::=reboot, source: apt}\n"
                             "- {name: \"curl\\n\", source: apt}\n"
                             "- {name: good, version: --force, source: apt}\n");

  CHECK(machine.installs().empty());
  CHECK(done.failed == words{"-oDPkg::Pre-Invoke::=reboot", "curl\n", "good"});
  CHECK(done.failures.at(0).why == errc::invalid_argument);
}

TEST_CASE_METHOD(defects_fixture, "CM-10: an import merges preferences, and replaces them if asked",
                 "[config_manager]") {
  write_file(file(), "old: 1\nboth: {a: 1}\n3: x\n");
  const auto path
    = import_file(header + "packages: []\npreferences:\n  both: {b: 2}\n  new: 2\n  3: y\n");
  const auto config = open();

  CHECK(good(config.call(cm::import_from{path})).preferences_updated);
  CHECK(to_json(good(config.call(cm::load_preferences{})))
        == nlohmann::json::parse(R"({"3":"y","both":{"b":2},"new":2,"old":1})"));

  cm::import_from replacing{path};
  replacing.replace_preferences = true;
  CHECK(good(config.call(replacing)).preferences_updated);
  CHECK(to_json(good(config.call(cm::load_preferences{})))
        == nlohmann::json::parse(R"({"3":"y","both":{"b":2},"new":2})"));
}

TEST_CASE_METHOD(defects_fixture, "CM-9: an import removes no package",
                 "[config_manager][security]") {
  const auto done = import(header
                           + "packages:\n- {name: openssh-server-, source: apt}\n"
                             "- {name: curl, version: 1-, source: apt}\n"
                             "- {name: good, source: apt}\n");

  CHECK(done.failed == words{"openssh-server-", "curl"});
  CHECK(machine.installs() == std::vector<words>{{"sudo", "apt-get", "install", "-y", "good"}});
}

TEST_CASE_METHOD(defects_fixture, "CM-9: a name stands for one package of its source",
                 "[config_manager][security]") {
  const words no_packages{"b.+", "git@host:repo", "gist:1f2e", "x.TGZ", "y.tar.gz"};
  std::string list = "packages:\n- {name: b.+, source: apt}\n";
  for (std::size_t i = 1; i < no_packages.size(); ++i)
    list += "- {name: '" + no_packages[i] + "', source: npm}\n";
  list += "- {name: n, version: 'file:x', source: npm}\n- {name: p, version: 1.whl, source: pip}\n"
          "- {name: python3.11, source: apt}\n- {name: 'libc6:i386', source: apt}\n"
          "- {name: vim, version: '2:9.0', source: apt}\n- {name: zope.interface, source: pip}\n";

  const auto done = import(header + list);

  auto refused = no_packages;
  refused.insert(refused.end(), {"n", "p"});
  CHECK(done.failed == refused);
  CHECK(done.installed == words{"python3.11", "libc6:i386", "vim", "zope.interface"});
}

TEST_CASE_METHOD(defects_fixture,
                 "CM-12: an import tells why a package failed, and keeps a record of each command",
                 "[config_manager]") {
  machine.install({{"old", "2", "apt"}});
  machine.answer(words{"pip3", "install", "x==1"},
                 process_result{1, 0, "", "ERROR: no matching distribution\n"});
  std::vector<cm::install_record> records;
  auto how = options();
  how.on_install = [&records](const cm::install_record& each) { records.push_back(each); };
  const auto config = open(how);

  const auto done = good(config.call(cm::import_from{import_file(
    header
    + "packages:\n- {name: x, version: '1', source: pip}\n- {name: old, version: '1', source: apt}\n")}));

  CHECK(done.failed == words{"x"});
  CHECK(done.failures.at(0).why.detail == "ERROR: no matching distribution");
  CHECK(done.downgraded == words{"old"});
  REQUIRE(records.size() == 2);
  CHECK_FALSE(records[0].succeeded);
  CHECK(records[0].errors == "ERROR: no matching distribution");
  CHECK(records[1].succeeded);
  CHECK(records[1].action == cm::install_action::downgrade);
  CHECK(records[1].arguments
        == words{"sudo", "apt-get", "install", "-y", "--allow-downgrades", "old=1"});
  CHECK(records[1].packages.at(0).current_version == "2");
}

TEST_CASE_METHOD(defects_fixture, "CM-12: packages of one source go in one command if asked",
                 "[config_manager]") {
  cm::import_from what{import_file(header
                                   + "packages:\n- {name: a, version: '1', source: apt}\n"
                                     "- {name: p, source: pip}\n- {name: -bad, source: apt}\n"
                                     "- {name: b, source: apt}\n")};
  what.batches = true;
  what.end_of_options = true;

  const auto done = good(open().call(what));

  CHECK(machine.installs()
        == std::vector<words>{{"sudo", "apt-get", "install", "-y", "-o",
                               "APT::Cmd::Pattern-Only=true", "--", "a=1", "b"},
                              {"pip3", "install", "--", "p"}});
  CHECK(done.installed == words{"a", "b", "p"});
  CHECK(done.failed == words{"-bad"});
}

TEST_CASE_METHOD(defects_fixture, "CM-13: a truth is no number", "[config_manager]") {
  write_file(file(), "a: 1.0\nb: 1\nc: 1\ne: [1, 2]\nf: {x: 2}\ng: 1\nh: 1\n");

  const auto found
    = diff("preferences: {a: 1, b: 1.0, c: true, e: [1, 2.0], f: {x: 1}, g: '1', h: 1}\n");

  words keys;
  for (const auto& each : found.preferences_changed)
    keys.push_back(each.key.source());
  CHECK(keys == words{"c", "f", "g"});
}

TEST_CASE_METHOD(defects_fixture, "CM-14: a wrong entry takes no other one with it",
                 "[config_manager]") {
  machine.answer(words{"pip3", "list", "--format=json"},
                 process_result{0, 0, R"([{"name":"x"},{"name":"y","version":"1"}])"});

  CHECK(good(open().call(cm::detect{words{"pip"}})).packages
        == std::vector<cm::package>{{"y", "1", "pip"}});
}

TEST_CASE_METHOD(defects_fixture, "CM-15: a dry run honours the sections, unknown ones are errors",
                 "[config_manager]") {
  const auto path
    = import_file(header + "packages:\n- {name: a, source: apt}\npreferences: {b: 1}\n");
  const auto config = open();
  const auto dry = [&](const words& sections) {
    cm::import_from what{path};
    what.dry_run = true;
    what.sections = sections;
    return config.call(what);
  };

  CHECK(good(dry({"packages"})).diff->preferences_changed.empty());
  CHECK(good(dry({"preferences"})).diff->to_install.empty());
  CHECK(machine.calls() == std::vector<words>{{"dpkg-query", "-W", "-f=${Package}\t${Version}\n"}});
  CHECK(dry({"packages", "Packages"}).error().detail == "unknown section: Packages");
}

TEST_CASE_METHOD(defects_fixture,
                 "CM-16: an export is for its user alone, with the variables that were chosen",
                 "[config_manager]") {
  auto how = options();
  how.environment = variables{{"PATH", "/home/somebody/bin"}, {"LANG", "C"}};
  const auto config = open(how);
  cm::export_to what{(folder / "export.yaml").string()};
  write_file(what.path, "older and longer than what comes\n");
  what.include_hardware = false;
  what.variables = {"LANG", "TERM"};
  what.with_time = false;

  good(config.call(what));
  const auto first = read_file(what.path);
  wall.advance(std::chrono::hours{1});
  good(config.call(what));

  CHECK(mode_of(what.path) == 0600);
  CHECK(first
        == "cortex_version: 0.2.0\nos: ubuntu-24.04\npackages: []\npreferences: {}\n"
           "environment_variables:\n  LANG: C\n");
  CHECK(read_file(what.path) == first);
}

TEST_CASE_METHOD(defects_fixture, "a diff of a file tells what is wrong with the file",
                 "[config_manager]") {
  const auto path
    = import_file(header + "packages: []\npreferences: {a: 1}\npreferences: {b: 1}\n");

  const auto found = good(open().call(cm::diff_file{path}));

  REQUIRE(found.warnings.size() == 1);
  CHECK(found.warnings[0].find("line 5") != std::string::npos);
}

TEST_CASE_METHOD(defects_fixture, "whatever a function of the host throws is an error",
                 "[config_manager][errors]") {
  auto how = options();
  const auto throws = [](const auto&...) -> expected<process_result> { throw 1; };
  how.runner = throws;
  how.hardware = []() -> expected<yaml> { throw 2; };
  how.on_install = [](const cm::install_record& /*each*/) { throw 3; };
  const auto config = open(how);
  cm::export_to to{(folder / "export.yaml").string()};
  to.include_hardware = true;

  good(config.call(to));
  const auto done = good(
    config.call(cm::import_from{import_file(header + "packages:\n- {name: a, source: apt}\n")}));

  CHECK(read_file(to.path)->find("Failed to detect hardware: ") != std::string::npos);
  CHECK(done.failed == words{"a (what runs commands threw)"});
  CHECK(
    std::find(done.warnings.begin(), done.warnings.end(), "the history has no record of a command")
    != done.warnings.end());
}

TEST_CASE_METHOD(defects_fixture, "CM-17: the package managers are asked at the same time",
                 "[config_manager]") {
  countdown all{3};
  std::atomic<int> alone{0};
  auto how = options();
  how.runner = [&](const process_command& what) -> expected<process_result> {
    all.arrive();
    if (!all.wait())
      ++alone;
    return process_result{0, 0, what.arguments[0] == "pip3" ? "[]" : "{}"};
  };

  CHECK(good(open(how).call(cm::detect{}, 4 * default_deadline)).packages.empty());
  CHECK(alone == 0);
}
