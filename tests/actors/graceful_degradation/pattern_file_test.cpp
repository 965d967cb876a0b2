// Tables of patterns from texts and files: what they may say, and what is wrong with them where.
#include "manager_fixture.hpp"

#include <sys/stat.h>

#include <fstream>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::errc;
using steps = std::vector<std::vector<std::string>>;

namespace {

std::string problem_of(const std::string& text) {
  const auto refused = degraded::patterns::parse(text);
  if (refused)
    return "none";
  CHECK(refused.error() == errc::invalid_argument);
  return refused.error().detail;
}

/// What is wrong with one line, given as the second of a text.
std::string problem_of_line(const std::string& line) {
  const auto problem = problem_of("# a comment\n" + line + "\n");
  const std::string place = "line 2: ";
  INFO(problem);
  CHECK(problem.substr(0, place.size()) == place);
  return problem.size() < place.size() ? problem : problem.substr(place.size());
}

} // namespace

TEST_CASE("a table of one's own takes the place of the built-in one", "[graceful_degradation]") {
  testing::manager_fixture t;
  const auto path = (t.folder / "dnf.patterns").string();
  std::ofstream{path} << "# for dnf\r\n"
                         "operation: install, add / [package] <rest> => sudo dnf install <rest>\r\n"
                         "\n"
                         "  install:setup/visual  studio, c++ => sudo dnf install 'a b' x\n"
                         "install: install / \u4e2d\u6587, c\u00e9sar => sudo dnf install han";
  const auto table = degraded::patterns::load(path);
  INFO((table ? std::string{} : to_string(table.error())));
  REQUIRE(table);
  CHECK(table->size() == 3);
  auto wanted = t.options();
  wanted.patterns = *table;
  const auto opened = t.open(wanted);

  CHECK(opened.match("please install package foo bar")->command.steps
        == steps{{"sudo", "dnf", "install", "foo", "bar"}});
  CHECK(opened.match("install package")->command.text == "sudo dnf install package");
  CHECK(opened.match("setup VISUAL \t studio now")->command.steps
        == steps{{"sudo", "dnf", "install", "a b", "x"}});
  CHECK(opened.match("setup C++")->type == degraded::command_type::install);
  CHECK(opened.match("install \u4e2d\u6587")->command.text == "sudo dnf install han");
  CHECK(opened.match("install C\u00c9SAR")->command.text == "sudo dnf install han");
  CHECK_FALSE(opened.match("install foo; reboot"));
  CHECK_FALSE(opened.match("list installed"));
  CHECK(opened.process("install foo")->response == "Suggested command: sudo dnf install foo");
}

TEST_CASE("an empty table matches nothing", "[graceful_degradation]") {
  const auto none = degraded::patterns::parse("# nothing\n\n");
  REQUIRE(none);
  CHECK(none->size() == 0);
  CHECK_FALSE(none->match("install docker"));
}

TEST_CASE("the text of the built-in table is a table", "[graceful_degradation]") {
  CHECK(degraded::patterns::built_in().size() == 26);
  const auto again = degraded::patterns::parse(degraded::patterns::built_in_text());
  REQUIRE(again);
  CHECK(again->match("install nvidia-driver")->command.text
        == "sudo apt install nvidia-driver-535 nvidia-cuda-toolkit");
}

TEST_CASE("what is wrong with a table is said with its line", "[graceful_degradation][errors]") {
  CHECK(problem_of_line("install: install / x") == "' => ' is missing");
  CHECK(problem_of_line("install install => x") == "':' is missing");
  CHECK(problem_of_line("install: install x => x") == "'/' is missing");
  CHECK(problem_of_line("remove: install / x => x") == "'remove' is neither install nor operation");
  CHECK(problem_of_line("install: install, / x => x") == "a word is missing");
  CHECK(problem_of_line("install: install / => x").find("missing") != std::string::npos);
  CHECK(problem_of_line("install: in(stall / x => x") == "'in(stall': '(' is not allowed");
  CHECK(problem_of_line("install: install / x* => x") == "'x*': '*' is not allowed");
  CHECK(problem_of_line("install: install / \\d => x") == "'\\d': '\\' is not allowed");
  CHECK(problem_of_line("operation: find / package <rest> => x")
        == "before <rest> only a word in brackets may stand");
  CHECK(problem_of_line("operation: find / <rest> => apt search")
        == "<rest> stands on one side only");
  CHECK(problem_of_line("operation: find / x => apt search <rest>")
        == "<rest> stands on one side only");
  CHECK(problem_of_line("operation: find / <rest> => a <rest> <rest>")
        == "<rest> stands there twice");
  CHECK(problem_of_line("operation: find / <rest> => a <rest>.deb")
        == "<rest> is a word of its own");
  CHECK(problem_of_line("operation: find / <rest> => a '<rest>'") == "<rest> is not quoted");
  CHECK(problem_of_line("operation: find / <rest> => <rest>") == "the command lacks a program");
  CHECK(problem_of_line("operation: find / x => a && ") != "none");
  CHECK(problem_of_line("operation: find / x => a | b && c") == "'|' and '&&' do not go together");
  CHECK(problem_of_line("operation: find / x => a 'b") == "a quote is not closed");
  CHECK(problem_of_line("operation: find / x => a; b")
        == "';' is special to a shell: quote it or leave it out");
  CHECK(problem_of_line("operation: find / x => a $(b)").find("'$'") == 0);
  CHECK(problem_of_line("operation: find / x => a > b").find("'>'") == 0);
  CHECK(problem_of_line("operation: find / x => a \x01 b") == "the command has control characters");
  CHECK(problem_of_line("operation: find / \xff => a") == "no valid UTF-8");
  CHECK(problem_of_line("install: install / " + std::string(1024, 'x') + " => a")
        == "longer than 1,024 bytes");
}

TEST_CASE("a table is bounded", "[graceful_degradation][errors]") {
  std::string many;
  for (int i = 0; i < 256; ++i)
    many += "install: install / thing" + std::to_string(i) + " => apt install x\n";
  const auto most = degraded::patterns::parse(many);
  INFO((most ? std::string{} : to_string(most.error())));
  REQUIRE(most);
  CHECK(most->match("install thing255"));

  CHECK(problem_of(many + "install: install / y => apt install y")
        == "line 257: more than 256 patterns");
  CHECK(problem_of(std::string((256 << 10) + 1, '\n')) == "the table is longer than 256 KiB");
}

TEST_CASE("a file that is no table is an error that names it", "[graceful_degradation][errors]") {
  testing::temp_dir folder;
  const auto path = (folder / "patterns").string();
  CHECK(degraded::patterns::load(path).error() == errc::not_found);
  CHECK(degraded::patterns::load(folder.path().string()).error() == errc::invalid_argument);
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(degraded::patterns::load((folder / "pipe").string()).error() == errc::invalid_argument);

  std::ofstream{path} << "nonsense\n";
  const auto refused = degraded::patterns::load(path);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail == "'" + path + "': line 1: ' => ' is missing");
  std::ofstream{path, std::ios::app} << std::string((256 << 10) + 1, '\n');
  CHECK(degraded::patterns::load(path).error().detail
        == "'" + path + "': the table is longer than 256 KiB");
}
