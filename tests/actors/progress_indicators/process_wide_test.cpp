// The indicator of the process: made by the first use, replaced, shut down, made again.
#include "progress_fixture.hpp"
#include "support/child_process.hpp"
#include "support/wait.hpp"

#include <optional>
#include <set>
#include <vector>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;

TEST_CASE("the indicator of the process is made once, whoever asks first",
          "[progress_indicators][concurrency]") {
  static_cast<void>(progress::shut_down_process_wide());
  constexpr std::size_t threads = 500;
  std::vector<std::optional<progress::indicator>> got(threads);
  // All of them make what may be the first call.
  testing::run_threads(threads,
                       [&](std::size_t index) { got[index] = progress::process_wide().value(); });
  std::set<std::string_view> names;
  for (const auto& each : got)
    names.insert(each->name());
  CHECK(names.size() == 1);
  CHECK(progress::process_wide()->name() == *names.begin());
  REQUIRE(progress::shut_down_process_wide());
}

TEST_CASE("the indicator of the process is handed out inside a handler, but not made there",
          "[progress_indicators]") {
  struct ask {
    using reply = cortex::errc;
  };
  struct worker {
    using protocol = cortex::protocol<ask>;
    cortex::errc operator()(const ask&) {
      const auto got = progress::process_wide();
      return got ? cortex::errc{} : got.error().code;
    }
  };
  static_cast<void>(progress::shut_down_process_wide());
  auto rt = cortex::runtime::open().value();
  const auto host = rt.spawn<worker>("worker", [] { return worker{}; }).value();
  CHECK(host.call(ask{}).value() == cortex::errc::would_deadlock);
  const auto shown = progress::process_wide().value();
  CHECK(host.call(ask{}).value() == cortex::errc{});
  REQUIRE(progress::shut_down_process_wide());
}

TEST_CASE("what still runs when the process ends is cancelled and written, and nothing fails",
          "[progress_indicators]") {
  testing::child_process ends{{"sh", "-c", "exec \"$0\" 2>&1", CORTEX_PROGRESS_AT_EXIT},
                              {"LC_ALL=C.UTF-8"}};
  const auto how = ends.wait();
  REQUIRE(how);
  CHECK(how->code == 0);
  CHECK(ends.output() == "ℹ said\n✗ Forgotten - Cancelled\n");
}

TEST_CASE("shortcuts use the indicator of the process, which a host may replace",
          "[progress_indicators]") {
  testing::progress_fixture t;
  REQUIRE(progress::replace_process_wide(t.open()));
  { const auto spinner = progress::show_spinner("S"); }
  { const auto op = progress::show_operation("T"); }
  for ([[maybe_unused]] const int item : progress::progress_bar(std::vector<int>{1}, "B")) {
  }
  constexpr std::string_view wanted = "\r✓ S\n\r✓ T - Done\n\rB: [████████████████████] 1/1\n";
  CHECK(t.taken() == wanted);
  REQUIRE(progress::shut_down_process_wide());
  CHECK(t.shown->drain()); // the host's own goes on
}

TEST_CASE("an indicator of the process that is shut down is made again by the next use",
          "[progress_indicators]") {
  const auto first = progress::process_wide().value();
  REQUIRE(progress::shut_down_process_wide());
  CHECK(first.drain().error() == cortex::errc::closed);
  CHECK(progress::process_wide().value().drain());
  REQUIRE(progress::shut_down_process_wide());
}
