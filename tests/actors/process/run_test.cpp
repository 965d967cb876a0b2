#include "cortex/process.hpp"

#include "support/catch_compat.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

using namespace cortex;
using namespace std::chrono_literals;

namespace {

process_command shell(const std::string& script) {
  process_command what;
  what.arguments = {"/bin/sh", "-c", script};
  return what;
}

pid_t number_in(const std::string& path) {
  pid_t number = 0;
  std::ifstream{path} >> number;
  return number;
}

/// A process has ended, reaped or not.
bool is_gone(pid_t number) {
  std::ifstream status{"/proc/" + std::to_string(number) + "/stat"};
  const std::string text{std::istreambuf_iterator<char>{status}, {}};
  return text.empty() || text.find(") Z") != text.npos;
}

/// Lets a program that waits for what it has started run out of time.
void require_ended_with(const std::string& started_by_it, std::chrono::milliseconds kill_after) {
  const testing::temp_dir folder;
  const auto pid_file = (folder / "pid").string();
  auto what = shell(started_by_it + " & echo $! > '" + pid_file + "'; wait");
  what.timeout = 300ms;
  what.kill_after = kill_after;

  const auto ended = run_process(what);

  REQUIRE_FALSE(ended);
  CHECK(ended.error() == errc::timeout);
  const auto started = number_in(pid_file);
  REQUIRE(started > 0);
  CHECK(testing::eventually([started] { return is_gone(started); }));
}

} // namespace

TEST_CASE("a program's output, errors and status come back", "[process]") {
  const auto ended = run_process(shell("printf out; printf err >&2; exit 3"));

  REQUIRE(ended);
  CHECK(ended->output == "out");
  CHECK(ended->errors == "err");
  CHECK(ended->exit_status == 3);
  CHECK_FALSE(ended->succeeded());
}

TEST_CASE("arguments reach a program as they are, through no shell", "[process]") {
  process_command what;
  what.arguments = {"printf", "%s|", "a b", "$(id)", "*", ""};

  const auto ended = run_process(what);

  REQUIRE(ended);
  CHECK(ended->output == "a b|$(id)|*||");
}

TEST_CASE("a program that does not exist is not_found", "[process][errors]") {
  process_command what;
  what.arguments = {"cortex-no-such-program"};

  CHECK(run_process(what).error() == errc::not_found);
}

TEST_CASE("a command that no program can be given is refused", "[process][errors]") {
  CHECK(run_process({}).error() == errc::invalid_argument);
  process_command what;
  what.arguments = {"true", std::string{"a\0b", 3}};
  CHECK(run_process(what).error() == errc::invalid_argument);
  what = shell("true");
  what.timeout = 0ms;
  CHECK(run_process(what).error() == errc::invalid_argument);
  what = shell("true");
  what.environment = {{"A=B", "x"}};
  CHECK(run_process(what).error() == errc::invalid_argument);
}

TEST_CASE("a program has a plain locale, the given variables and an empty input", "[process]") {
  auto what = shell("printf '%s %s ' \"$LC_ALL\" \"$CORTEX_X\"; cat; echo end");
  what.environment = {{"CORTEX_X", "y"}};

  const auto ended = run_process(what);

  REQUIRE(ended);
  CHECK(ended->output == "C y end\n");
}

TEST_CASE("a program that takes too long is ended with all it has started", "[process][errors]") {
  require_ended_with("sleep 1000", 2s);
}

TEST_CASE("what a program leaves behind at its time-out is killed, though it ignores SIGTERM",
          "[process][errors]") {
  require_ended_with("(trap '' TERM; exec sleep 1000)", 100ms); // the program itself dies of it
}

TEST_CASE("a program may be given all the time there is", "[process]") {
  auto what = shell("echo done");
  what.timeout = std::chrono::milliseconds::max();
  what.kill_after = std::chrono::milliseconds::max();

  const auto ended = run_process(what);

  REQUIRE(ended);
  CHECK(ended->output == "done\n");
}

TEST_CASE("a program that ignores SIGTERM is killed", "[process][errors]") {
  auto what = shell("trap '' TERM; while :; do sleep 1; done");
  what.timeout = 200ms;
  what.kill_after = 200ms;

  CHECK(run_process(what).error() == errc::timeout);
}

TEST_CASE("a program ends when it is asked to stop", "[process]") {
  std::stop_source stop;
  auto what = shell("echo ready; exec sleep 1000");
  what.timeout = 1h;
  what.stop = stop.get_token();
  auto ended = expected<process_result>{};
  std::thread runner{[&] { ended = run_process(what); }};

  stop.request_stop();
  runner.join();

  REQUIRE_FALSE(ended);
  CHECK(ended.error() == errc::cancelled);
}

TEST_CASE("output beyond the bound is dropped, and that is told", "[process]") {
  auto what = shell("head -c 1000000 /dev/zero");
  what.max_output_bytes = 1000;

  const auto ended = run_process(what);

  REQUIRE(ended);
  CHECK(ended->output.size() == 1000);
  CHECK(ended->truncated);
  CHECK(ended->succeeded());
}

TEST_CASE("a program left in the background keeps nobody waiting", "[process]") {
  const auto ended = run_process(shell("sleep 30 & echo $!")); // which holds the output, too

  REQUIRE(ended);
  const pid_t left = std::stoi(ended->output);
  CHECK_FALSE(is_gone(left)); // nobody has waited for it
  ::kill(left, SIGKILL);
}

TEST_CASE("no descriptor of ours reaches a program", "[process]") {
  const int open = ::open("/dev/null", O_RDONLY); // without O_CLOEXEC
  REQUIRE(open > 2);

  const auto ended = run_process(shell("ls /proc/self/fd | wc -l"));

  ::close(open);
  REQUIRE(ended);
  CHECK(std::stoi(ended->output) <= 4); // 0, 1, 2 and that of the folder
}

TEST_CASE("a program runs in a session of its own", "[process]") {
  const auto ended = run_process(shell("cut -d ' ' -f 6 /proc/self/stat; echo $$"));

  REQUIRE(ended);
  const auto line = ended->output.find('\n');
  CHECK(ended->output.substr(0, line) == ended->output.substr(line + 1, line));
}

TEST_CASE("programs run by many threads at once each get their own answer",
          "[process][concurrency]") {
  testing::run_threads(16, [](std::size_t index) {
    const auto ended = run_process(shell("printf " + std::to_string(index)));
    if (!ended || ended->output != std::to_string(index))
      throw std::runtime_error{"another answer"};
  });
}
