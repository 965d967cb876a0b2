// Real threads and descriptors: whole lines from many threads, outputs that block or go away, what
// is left behind, a terminal.
#include "cortex/progress_indicators.hpp"

#include "support/catch_compat.hpp"
#include "support/exposition.hpp"
#include "support/threads.hpp"
#include "support/wait.hpp"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;
using progress::rendering;

namespace {

/// A pipe; each end is closed once. Not thread-safe.
struct pipe_pair {
  pipe_pair() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  ~pipe_pair() {
    close_reader();
    close_writer();
  }
  void close_reader() { shut(ends[0]); }
  void close_writer() { shut(ends[1]); }
  static void shut(int& end) {
    if (end >= 0)
      ::close(std::exchange(end, -1));
  }
  std::array<int, 2> ends{-1, -1};
};

std::string read_all(int from) {
  std::string out;
  std::array<char, 65536> part{};
  for (;;) {
    const auto got = ::read(from, part.data(), part.size());
    if (got <= 0)
      return out;
    out.append(part.data(), static_cast<std::size_t>(got));
  }
}

progress::options into(int fd, rendering how = rendering::lines) {
  progress::options wanted;
  wanted.out.fd = fd;
  wanted.rendering = how;
  wanted.environment.emplace();
  wanted.environment->term = "xterm";
  wanted.environment->lang = "C.UTF-8";
  return wanted;
}

} // namespace

TEST_CASE("lines of many threads are whole and none is lost",
          "[progress_indicators][concurrency]") {
  pipe_pair pipe;
  std::string got;
  std::jthread reader{[&] { got = read_all(pipe.ends[0]); }};
  constexpr std::size_t threads = 16;
  constexpr int lines = 200;
  {
    auto rt = cortex::runtime::open().value();
    auto wanted = into(pipe.ends[1], rendering::terminal);
    wanted.patience = testing::default_deadline;
    const auto shown = progress::open(rt, wanted).value();
    const auto bar = shown.bar(threads * lines, "all");
    testing::run_threads(threads, [&](std::size_t index) {
      const auto own = shown.spinner("spinner " + std::to_string(index));
      for (int i = 0; i < lines; ++i) {
        shown.log("<thread " + std::to_string(index) + " line " + std::to_string(i) + ">");
        own.update(std::to_string(i));
        bar.advance();
      }
    });
    bar.finish();
    CHECK(shown.drain());
    CHECK(shown.dropped_lines() == 0);
    CHECK(bar.position() == threads * lines);
  }
  pipe.close_writer();
  reader.join();
  std::set<std::string> seen;
  std::istringstream in{got};
  for (std::string line; std::getline(in, line);)
    if (const auto begin = line.find("<thread "); begin != line.npos) {
      // Before it only the way up to the region, behind it only the end of the line.
      CHECK(line.find('>') + 2 == line.size());
      CHECK(line.find('<', begin + 1) == line.npos);
      seen.insert(line.substr(begin));
    }
  CHECK(seen.size() == threads * lines);
  CHECK(got.rfind("\x1b[?25h") > got.rfind("\x1b[?25l"));
}

TEST_CASE("an output that blocks holds up nobody, and closing ends in time",
          "[progress_indicators][concurrency]") {
  pipe_pair pipe;                                         // nobody reads
  REQUIRE(::fcntl(pipe.ends[1], F_SETPIPE_SZ, 4096) > 0); // less than what is kept
  const auto before = testing::threads_of_process();
  {
    auto rt = cortex::runtime::open().value();
    auto wanted = into(pipe.ends[1]);
    wanted.max_pending_bytes = 65'536;
    wanted.patience = 50ms;
    const auto shown = progress::open(rt, wanted).value();
    const auto other = progress::open(rt, into(::open("/dev/null", O_WRONLY | O_CLOEXEC))).value();
    const std::string line(1000, 'x');
    for (int i = 0; i < 1000; ++i)
      shown.log(line);
    CHECK(shown.drain(50ms).error() == cortex::errc::timeout);
    CHECK(shown.dropped_lines() > 0);
    CHECK(shown.dropped_lines() < 1000);
    const auto op = shown.operation("T");
    op.complete();
    CHECK(op.context()->status == progress::status::completed); // the actor answers
    other.success("another one is not held up");
    CHECK(other.drain(testing::default_deadline));
    CHECK_FALSE(shown.close());
  }
  CHECK(testing::eventually([&] { return testing::threads_of_process() <= before; }));
}

TEST_CASE("lines that were dropped are told when there is room again",
          "[progress_indicators][concurrency]") {
  pipe_pair pipe;
  REQUIRE(::fcntl(pipe.ends[1], F_SETPIPE_SZ, 4096) > 0); // less than what is kept
  auto rt = cortex::runtime::open().value();
  auto wanted = into(pipe.ends[1]);
  wanted.max_pending_bytes = 65'536;
  const auto shown = progress::open(rt, wanted).value();
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i)
    shown.log(line);
  CHECK_FALSE(shown.drain(10ms));
  REQUIRE(shown.dropped_lines() > 0);
  std::string got;
  std::jthread reader{[&] { got = read_all(pipe.ends[0]); }};
  REQUIRE(testing::eventually([&] { return shown.drain(100ms).has_value(); }));
  CHECK(shown.drain(testing::default_deadline));
  CHECK(shown.close());
  pipe.close_writer();
  reader.join();
  std::uint64_t told = 0;
  for (auto at = got.find("⚠ "); at != got.npos; at = got.find("⚠ ", at + 1))
    told += std::stoul(got.substr(at + std::string_view{"⚠ "}.size()));
  CHECK(told == shown.dropped_lines());
}

TEST_CASE("a reader that has gone is an error and not the end", "[progress_indicators][errors]") {
  pipe_pair pipe;
  pipe.close_reader();
  auto rt = cortex::runtime::open().value();
  const auto shown = progress::open(rt, into(pipe.ends[1])).value();
  const auto op = shown.operation("T");
  op.log("x");
  CHECK(shown.drain(testing::default_deadline).error() == cortex::errc::io);
  CHECK(op.complete());
}

TEST_CASE("an output function that throws is an error and not the end",
          "[progress_indicators][errors]") {
  auto rt = cortex::runtime::open().value();
  progress::options wanted;
  wanted.out.write = [](std::string_view) { throw std::runtime_error{"x"}; };
  const auto shown = progress::open(rt, wanted).value();
  shown.log("x");
  CHECK(shown.drain(testing::default_deadline).error() == cortex::errc::io);
}

TEST_CASE("a thread is there while something is displayed and not after",
          "[progress_indicators][concurrency]") {
  const auto before = testing::threads_of_process();
  cortex::runtime_options two;
  two.workers = 2;
  auto rt = cortex::runtime::open(two).value();
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const auto shown = progress::open(rt, into(null, rendering::terminal)).value();
  {
    const auto op = shown.operation("T");
    CHECK(shown.drain());
  }
  CHECK(shown.drain());
  const auto of_runtime = before + 2 + 2 + 1; // workers, CAF's own, continuations
  CHECK(testing::eventually([&] { return testing::threads_of_process() <= of_runtime; }));
  {
    std::vector<progress::operation> many;
    for (int i = 0; i < 50; ++i)
      many.push_back(shown.operation("T"));
    CHECK(shown.drain());
    CHECK(testing::threads_of_process() <= of_runtime + 1); // one writes for all of them
  }
  CHECK(shown.drain());
  CHECK(testing::eventually([&] { return testing::threads_of_process() <= of_runtime; }));
  ::close(null);
}

TEST_CASE("PI-4: of many threads that end a display one does",
          "[progress_indicators][concurrency]") {
  auto rt = cortex::runtime::open().value();
  std::string got;
  progress::options wanted;
  wanted.rendering = rendering::fallback;
  wanted.out.write = [&](std::string_view bytes) { got += bytes; };
  const auto shown = progress::open(rt, wanted).value();
  const auto op = shown.operation("T");
  std::atomic<int> ended{0};
  testing::run_threads(16, [&](std::size_t index) {
    ended += (index % 2 == 0 ? op.complete("same") : op.fail("same")) ? 1 : 0;
  });
  CHECK(ended == 1);
  REQUIRE(shown.drain(testing::default_deadline));
  const auto first = got.find("T - same\n");
  REQUIRE(first != got.npos);
  CHECK(got.find("T - same\n", first + 1) == got.npos);
}

TEST_CASE("a terminal is found out and asked for its size", "[progress_indicators][terminal]") {
  int host = -1;
  int terminal = -1;
  winsize size{};
  size.ws_col = 30;
  size.ws_row = 10;
  REQUIRE(::openpty(&host, &terminal, nullptr, nullptr, &size) == 0);
  std::string got;
  {
    auto rt = cortex::runtime::open().value();
    auto wanted = into(terminal, rendering::automatic);
    wanted.environment->no_color = "1";
    const auto shown = progress::open(rt, wanted).value();
    CHECK(shown.rendering() == rendering::terminal);
    const auto spinner = shown.spinner("a message that is too long for thirty columns");
    CHECK(shown.drain());
    std::array<char, 4096> part{};
    const auto n = ::read(host, part.data(), part.size());
    REQUIRE(n > 0);
    got.assign(part.data(), static_cast<std::size_t>(n));
    CHECK(got.starts_with("\x1b[?25l⠋ a message that is too long…\x1b[K"));
    wanted.environment->ci = "1";
    CHECK(progress::open(rt, wanted)->rendering() == rendering::lines);
  }
  ::close(terminal);
  ::close(host);
}

TEST_CASE("bad options are all named", "[progress_indicators][errors]") {
  auto rt = cortex::runtime::open().value();
  progress::options wanted;
  wanted.out.fd = -1;
  wanted.redraw_interval = 10ms;
  wanted.event_interval = 0ms;
  wanted.max_pending_bytes = 1;
  wanted.patience = -1ns;
  const auto refused = progress::open(rt, wanted);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == cortex::errc::invalid_argument);
  for (const char* name :
       {"out.fd", "redraw_interval", "event_interval", "max_pending_bytes", "patience"})
    CHECK(refused.error().detail.find(name) != std::string::npos);
}

TEST_CASE("the runtime reports what is displayed", "[progress_indicators][metrics]") {
  auto rt = cortex::runtime::open().value();
  progress::options wanted;
  wanted.out.write = [](std::string_view) {};
  const auto shown = progress::open(rt, wanted).value();
  const auto op = shown.operation("T");
  shown.log("four");
  REQUIRE(shown.drain(testing::default_deadline));
  const auto text = prometheus_text(rt.report());
  CHECK(text.find("cortex_progress_displays{output=\"function\"} 1\n") != std::string::npos);
  CHECK(text.find("cortex_progress_displays_total{output=\"function\"} 1\n") != std::string::npos);
  CHECK(text.find("cortex_progress_written_bytes_total{output=\"function\"} 5\n")
        != std::string::npos);
}

TEST_CASE("docs/observability.md lists each metric of an indicator",
          "[progress_indicators][docs]") {
  auto rt = cortex::runtime::open().value();
  progress::options wanted;
  wanted.out.write = [](std::string_view) {};
  const auto shown = progress::open(rt, wanted).value();
  const testing::exposition in_text{prometheus_text(rt.report())};
  const auto is_ours = [](const std::string& name) { return name.starts_with("cortex_progress_"); };
  std::set<std::vector<std::string>> told;
  for (const auto& family : in_text.families())
    if (is_ours(family.name))
      told.insert({family.name, family.type, family.help});

  auto listed = testing::documented_metrics();
  std::erase_if(listed, [&](const auto& each) { return !is_ours(each[0]); });
  CHECK(told.size() == 8);
  CHECK(listed == told);
}

TEST_CASE("displays may be made, moved and ended inside a handler", "[progress_indicators]") {
  struct work {
    using reply = void;
  };
  struct worker {
    using protocol = cortex::protocol<work>;
    void operator()(const work&) {
      const auto bar = shown.bar(2, "B");
      bar.advance();
      bar.log("in a handler");
    }
    progress::indicator shown;
  };
  auto rt = cortex::runtime::open().value();
  for (const auto how : {rendering::lines, rendering::fallback}) {
    std::string got;
    progress::options wanted;
    wanted.rendering = how;
    wanted.environment.emplace();
    wanted.out.write = [&](std::string_view bytes) { got += bytes; };
    const auto shown = progress::open(rt, wanted).value();
    {
      const auto host = rt.spawn<worker>("worker", [shown] { return worker{shown}; }).value();
      CHECK(host.call(work{}));
    }
    CHECK(shown.drain(testing::default_deadline));
    CHECK(got.find("in a handler\n") != std::string::npos);
    REQUIRE(testing::eventually([&] { return rt.metrics().size() == 1; }));
  }
}
