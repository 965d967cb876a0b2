// The indicator of the process: made by the first use, replaced, shut down, made again.
#include "progress_fixture.hpp"
#include "support/wait.hpp"

#include <atomic>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;

TEST_CASE("the indicator of the process is made once, whoever asks first",
          "[progress_indicators][concurrency]") {
  static_cast<void>(progress::shut_down_process_wide());
  std::atomic<int> same{0};
  std::string_view name;
  {
    const auto first = progress::process_wide().value();
    name = first.name();
    testing::run_threads(
      50, [&](std::size_t) { same += progress::process_wide().value().name() == name ? 1 : 0; });
  }
  CHECK(same == 50);
  REQUIRE(progress::shut_down_process_wide());
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
