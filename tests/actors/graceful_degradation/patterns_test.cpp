// The matcher: what is found where, in which letters, and what a query may bring into a command.
#include "cortex/graceful_degradation/matcher.hpp"
#include "cortex/graceful_degradation/pattern_table.hpp"
#include "cortex/text/unicode.hpp"

#include "manager_fixture.hpp"

#include <random>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using namespace std::string_literals;

namespace {

using steps = std::vector<std::vector<std::string>>;

std::optional<degraded::command> command_for(const std::string& query) {
  const auto found = degraded::patterns::built_in().match(query);
  return found ? std::optional{found->command} : std::nullopt;
}

std::string text_for(const std::string& query) {
  const auto made = command_for(query);
  return made ? made->text : "nothing";
}

} // namespace

TEST_CASE("GD-1: what a query brings into a command is harmless, or there is no command",
          "[graceful_degradation][errors]") {
  const auto hostile = GENERATE(
    "remove vim; rm -rf /"s, "search $(id)"s, "about `x` | sh"s, "remove -y --purge all"s,
    "remove vim -y"s, "remove * "s, "remove ~root"s, "remove vim\r\nnow"s,
    "search a\xe2\x80\xa8"
    "b"s,
    "search a\xe2\x80\xa9"
    "b"s,
    "remove {0}"s, "info {1}{0}"s, "remove vim & reboot"s, "remove vim > /etc/passwd"s,
    "remove 'vim'"s, "remove \"vim\""s, "remove vim\\"s, "remove #vim"s, "remove !vim"s,
    "remove vim=1"s, "remove ../etc"s, "remove vim/stable"s, "remove .vim"s, "remove +vim"s,
    "remove _vim"s, "remove a\x1b[31mb"s,
    "remove a\x00"
    "b"s,
    "remove a\x85"
    "b"s,
    "remove a\xe2\x80\xae"
    "b"s,
    "remove a\xc2\xa0"
    "b"s);
  INFO(hostile);

  CHECK_FALSE(command_for(hostile));
}

TEST_CASE("GD-1: letters, digits and marks of package names pass, in words of any alphabet",
          "[graceful_degradation]") {
  CHECK(
    command_for("remove g++ libc6:i386 python3.11-dev foo_bar 7zip")->steps
    == steps{{"sudo", "apt", "remove", "g++", "libc6:i386", "python3.11-dev", "foo_bar", "7zip"}});
  CHECK(command_for("remove \u4e2d\u6587 caf\u00e9 \u216b")->steps
        == steps{{"sudo", "apt", "remove", "\u4e2d\u6587", "caf\u00e9", "\u216b"}});
  CHECK(command_for("remove  a \t b ")->steps == steps{{"sudo", "apt", "remove", "a", "b"}});
  CHECK(text_for("remove  a \t b ") == "sudo apt remove a \t b");
}

TEST_CASE("commands come as argument vectors, and the piped installer asks first",
          "[graceful_degradation]") {
  const auto plain = command_for("install nginx").value();
  CHECK(plain.steps == steps{{"sudo", "apt", "install", "nginx"}});
  CHECK_FALSE(plain.needs_confirmation);

  const auto two = command_for("update system").value();
  CHECK(two.steps == steps{{"sudo", "apt", "update"}, {"sudo", "apt", "upgrade", "-y"}});
  CHECK_FALSE(two.piped);

  const auto piped = command_for("install rust").value();
  CHECK(
    piped.steps
    == steps{{"curl", "--proto", "=https", "--tlsv1.2", "-sSf", "https://sh.rustup.rs"}, {"sh"}});
  CHECK(piped.piped);
  CHECK(piped.needs_confirmation);
}

TEST_CASE("GD-3: a verb begins where no letter, digit or underline stands before it",
          "[graceful_degradation]") {
  CHECK(text_for("uninstall docker") == "sudo apt remove docker");
  CHECK(text_for("reinstall docker") == "nothing");
  CHECK(text_for("research x") == "nothing");
  CHECK(text_for("prefind x") == "nothing");
  CHECK(text_for("_install docker") == "nothing");
  CHECK(text_for("2install docker") == "nothing");
  CHECK(text_for("\u00e9install docker") == "nothing");
  CHECK(text_for("\u4e2dinstall docker") == "nothing");
  CHECK(text_for("\u0663install docker") == "nothing"); // a digit that is not ASCII
  CHECK(text_for("x install docker") == "sudo apt install docker.io docker-compose");
  CHECK(text_for("(install docker)") == "sudo apt install docker.io docker-compose");
  CHECK(text_for("x\ninstall docker") == "sudo apt install docker.io docker-compose");
  CHECK(text_for("\u0301install docker") == "sudo apt install docker.io docker-compose");
}

TEST_CASE("GD-3: each character of the 29 is a gap, and others are none",
          "[graceful_degradation]") {
  std::size_t gaps = 0;
  for (char32_t point = 1; point < 0x11000; ++point) {
    if (point >= 0xd800 && point <= 0xdfff)
      continue;
    std::string between;
    cortex::text::append_utf8(between, point);
    const bool is_gap = text_for("install" + between + "htop") == "sudo apt install htop";
    if (is_gap != cortex::text::is_space(point))
      FAIL("U+" << std::hex << static_cast<unsigned>(point));
    gaps += is_gap ? 1 : 0;
  }
  CHECK(gaps == 29);
}

TEST_CASE("letters match in any case, and i, k and s in their other forms",
          "[graceful_degradation]") {
  CHECK(text_for("\u0130nstall docker") == "sudo apt install docker.io docker-compose");
  CHECK(text_for("\u0131n\u017ftall doc\u212aer") == "sudo apt install docker.io docker-compose");
  CHECK(text_for("LI\u017fT INSTALLED") == "apt list --installed");
  CHECK(text_for("\u00efnstall docker") == "nothing");
}

TEST_CASE("a query of any length takes one pass", "[graceful_degradation]") {
  std::string filler;
  for (int i = 0; i < 20'000; ++i)
    filler += "install and remove ";

  CHECK(text_for(filler + "install htop") == "sudo apt install htop");
  CHECK(text_for(std::string(100'000, ' ') + "install htop") == "sudo apt install htop");
}

TEST_CASE("bytes that are no UTF-8 match nothing", "[graceful_degradation][errors]") {
  CHECK(text_for("install docker\xff") == "nothing");
}

TEST_CASE("one pass over all patterns finds what one after the other finds",
          "[graceful_degradation]") {
  constexpr unsigned seed = 5;
  INFO("seed " << seed);
  std::mt19937 random{seed};
  const std::vector<std::string> pieces{
    "install", "setup",  "add",     "remove", "find", "search", "package", "update", "system",
    "list",    "docker", "git",     "rust",   "node", "vim",    "\n",      "\u00e9", "clean",
    "apt",     "about",  "nvidia-", "driver", "un",   "_",      ";"};
  const auto matcher = degraded::detail::matcher::make(
                         degraded::parse_patterns(degraded::patterns::built_in_text()).value())
                         .value();

  for (int round = 0; round < 300; ++round) {
    std::string query;
    for (int i = 0; i < 5; ++i)
      query += pieces[std::uniform_int_distribution<std::size_t>{0, pieces.size() - 1}(random)]
               + (std::uniform_int_distribution{0, 3}(random) == 0 ? "" : " ");
    INFO(query);
    CHECK(matcher->find(query) == matcher->find_one_by_one(query));
  }
}
