#include "cortex/config_manager.hpp"
#include "cortex/config_manager/detection.hpp"
#include "cortex/config_manager/install.hpp"
#include "cortex/config_manager/spelling.hpp"

#include "support/catch_compat.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace cortex;
using namespace cortex::config_manager;

namespace {

using words = std::vector<std::string>;

template <class T>
T command_of(const words& line) {
  const auto read = parse_command(line);
  REQUIRE(read);
  REQUIRE(std::holds_alternative<T>(*read));
  return std::get<T>(*read);
}

} // namespace

TEST_CASE("the command line is read", "[config_manager]") {
  const auto plain = command_of<export_to>({"export", "-o", "f.yaml"});
  CHECK(plain.path == "f.yaml");
  CHECK_FALSE(plain.include_hardware);
  CHECK(plain.include_preferences);
  const auto hardware
    = command_of<export_to>({"export", "--include-hardware", "--no-preferences", "-o", "f"});
  CHECK(hardware.include_hardware);
  CHECK_FALSE(hardware.include_preferences);
  const auto packages
    = command_of<export_to>({"export", "-o", "f", "--packages-only", "--include-hardware"});
  CHECK_FALSE(packages.include_hardware);
  CHECK_FALSE(packages.include_preferences);

  const auto import = command_of<import_from>({"import", "f", "--dry-run", "--force"});
  CHECK(import.path == "f");
  CHECK(import.dry_run);
  CHECK(import.force);
  CHECK_FALSE(import.sections);
  CHECK(command_of<import_from>({"import", "--packages-only", "f"}).sections == words{"packages"});
  CHECK(command_of<import_from>({"import", "f", "--preferences-only"}).sections
        == words{"preferences"});
  CHECK(command_of<diff_file>({"diff", "f"}).path == "f");
}

TEST_CASE("a command line that says something else is refused", "[config_manager][errors]") {
  for (const auto& line :
       {words{}, words{"export"}, words{"export", "-o"}, words{"export", "-o", "f", "g"},
        words{"export", "-o", "f", "--force"}, words{"import"}, words{"import", "f", "g"},
        words{"import", "f", "--packages-only", "--preferences-only"},
        words{"import", "f", "--dry-run", "--dry-run"}, words{"import", "f", "-x"}, words{"diff"},
        words{"diff", "f", "--force"}, words{"sync", "f"}}) {
    INFO(joined(line));
    CHECK(parse_command(line).error() == errc::invalid_argument);
  }
}

TEST_CASE("CM-1: the system is named by the keys ID and VERSION_ID, without quotes",
          "[config_manager]") {
  CHECK(os_text("VERSION_ID=\"12\"\nBUILD_ID=x\nID=debian\n") == "debian-12");
  CHECK(os_text("ID='ubuntu'\nVERSION_ID='24.04'") == "ubuntu-24.04");
  CHECK(os_text("ID_LIKE=debian\nVERSION_ID=1\n") == "unknown");
  CHECK(os_text("# ID=a\n ID=b \n\nVERSION_ID=\"a\\\"b\"\n") == "b-a\"b");
  CHECK(os_text("ID=\nVERSION_ID=1\n") == "unknown");
  CHECK(os_text("") == "unknown");
}

TEST_CASE("CM-8: a version of an update of Debian can be installed", "[config_manager]") {
  CHECK(is_identifier("3.0.15-1~deb12u1", false));
  CHECK_FALSE(is_identifier("~a", false));
  CHECK(install_command({{"libssl3", "3.0.15-1~deb12u1", "apt"}}, install_action::install, false)
          .value()
        == words{"sudo", "apt-get", "install", "-y", "libssl3=3.0.15-1~deb12u1"});
}

TEST_CASE("CM-9: what looks like an option is no name", "[config_manager][errors]") {
  for (const char* name : {"-y", "--allow-downgrades", "-oDPkg::Pre-Invoke::=reboot", "curl\n",
                           "+x", "=x", ":x", "_x", "@x", "", ".", "a b", "a/b", "\xC3\xA9"}) {
    INFO(name);
    CHECK_FALSE(is_identifier(name, false));
    CHECK(install_command({{name, "", "apt"}}, install_action::install, false).error()
          == errc::invalid_argument);
  }
  CHECK_FALSE(is_identifier("-x/y", true));
  CHECK(is_identifier("@scope/x", true));
  CHECK(install_command({{"curl", "-y", "apt"}}, install_action::install, false).error()
        == errc::invalid_argument);
  CHECK(install_command({{"curl", "", "snap"}}, install_action::install, false).error()
        == errc::invalid_argument);
}

TEST_CASE("CM-9: what would remove a package is no name and no version",
          "[config_manager][errors]") {
  for (const char* source : {"apt", "pip", "npm"}) {
    INFO(source);
    for (const auto& [name, version] :
         {std::pair{"openssh-server-", ""}, std::pair{"curl", "7.88-"}, std::pair{"a--", "1"}}) {
      const auto refused
        = install_command({{name, version, source}}, install_action::install, true);
      REQUIRE_FALSE(refused);
      CHECK(refused.error() == errc::invalid_argument);
    }
  }
}

TEST_CASE("CM-9: a slash belongs to a scope, else npm takes it for a repository",
          "[config_manager][errors]") {
  CHECK(install_command({{"user/repository", "", "npm"}}, install_action::install, false).error()
        == errc::invalid_argument);
  CHECK(install_command({{"@scope/name", "", "npm"}}, install_action::install, false).value()
        == words{"npm", "install", "-g", "@scope/name"});
}

TEST_CASE("two dashes may end the options", "[config_manager]") {
  CHECK(install_command({{"@vue/cli", "5.0.8", "npm"}}, install_action::install, true).value()
        == words{"npm", "install", "-g", "--", "@vue/cli@5.0.8"});
}

TEST_CASE("CM-12: only a downgrade by apt may go back", "[config_manager]") {
  const auto command = [](const char* source, install_action action) {
    return joined(install_command({{"a", "1", source}}, action, false).value());
  };
  CHECK(command("apt", install_action::downgrade)
        == "sudo apt-get install -y --allow-downgrades a=1");
  CHECK(command("apt", install_action::upgrade) == "sudo apt-get install -y a=1");
  CHECK(command("pip", install_action::downgrade) == "pip3 install a==1");
}

TEST_CASE("CM-14: entries without a version and lists of another shape are left out",
          "[config_manager]") {
  CHECK(
    parse_pip(R"([{"name":"x"},{"name":"y","version":"1"},3,{"name":null,"version":"2"}])").value()
    == std::vector<package>{{"y", "1", "pip"}});
  CHECK(parse_pip(R"({"name":"x","version":"1"})").value().empty());
  CHECK(parse_npm(R"([1])").value().empty());
  CHECK(parse_npm(R"({"dependencies":[1]})").value().empty());
  CHECK(parse_npm(R"({"dependencies":{"a":1,"b":{"version":2},"c":{"version":"3"}}})").value()
        == std::vector<package>{{"b", "unknown", "npm"}, {"c", "3", "npm"}});
  CHECK(parse_npm("{").error() == errc::corrupt);
}

TEST_CASE("a mistyped word finds the nearest known one", "[config_manager]") {
  const words known{"packages", "preferences", "os", "hardware"};
  CHECK(meant_word("preferencse", known) == "preferences"); // neighbours exchanged
  CHECK(meant_word("pckages", known) == "packages");        // left out
  CHECK(meant_word("packagess", known) == "packages");      // added
  CHECK(meant_word("hardwear", known) == "hardware");       // two replaced
  CHECK_FALSE(meant_word("packets", known));                // three steps
  CHECK_FALSE(meant_word("xy", known));                     // nothing of `os` is left
  CHECK_FALSE(meant_word(std::string(100, 'a'), known));
  CHECK(unknown_key("oss", known) == "unknown key 'oss', did you mean 'os'?");
}
