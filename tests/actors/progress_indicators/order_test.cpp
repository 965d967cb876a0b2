// What a display ends with when it goes on at once, or when threads start and end it side by side.
#include "cortex/progress_indicators/board.hpp"

#include "progress_fixture.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <barrier>
#include <memory>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;
using progress::rendering;
using progress::status;

TEST_CASE("a spinner that is started again at once has ended with its own text",
          "[progress_indicators][order]") {
  testing::progress_fixture t{rendering::lines};
  const auto spinner = t.open().spinner("a");
  t.settle(); // the actor has seen the text
  spinner.stop();
  spinner.start("b");
  spinner.update("c");
  CHECK(t.taken() == "✓ a\n");
  spinner.update("d");
  spinner.fail();
  spinner.start("e");
  CHECK(t.taken() == "✗ d\n");
  CHECK(spinner.context()->message == "e");
}

TEST_CASE("what is said after an ending is not in its line", "[progress_indicators][order]") {
  testing::progress_fixture t{rendering::lines};
  const auto& shown = t.open();
  const auto spinner = shown.spinner("a");
  t.settle();
  spinner.stop();
  spinner.update("b");
  CHECK(t.taken() == "✓ a\n");
  CHECK(spinner.context()->message == "b");

  const auto bar = shown.bar(3, "B");
  bar.advance();
  bar.finish();
  bar.advance();
  bar.set_total(9);
  CHECK(t.taken() == "B: [██████░░░░░░░░░░░░░░] 1/3\n");
  CHECK(bar.context()->position == 1);
}

TEST_CASE("beginnings and endings are shown in the order in which they were made",
          "[progress_indicators][order]") {
  progress::look how;
  how.rendering = rendering::lines;
  progress::board board{how, cortex::monotonic_time{}, false, 1s, 65'536};
  progress::context idle;
  idle.id = 1;
  idle.kind = progress::display_kind::spinner;
  idle.status = status::idle;
  const auto spinner = std::make_shared<progress::detail::slot>(idle, 1.0, 0);
  const auto made = [&](status to, std::string text) {
    auto out = spinner->change([](status) { return true; }, to);
    out->text = std::move(text);
    return *std::move(out);
  };
  const auto shown = [&] { return board.take(cortex::monotonic_time{}, {}); };

  auto start = made(status::running, "a");
  auto stop = made(status::completed, {});
  auto start_again = made(status::running, "b");
  board.change(spinner, std::move(stop)); // heard before its beginning
  CHECK(board.size() == 0);
  CHECK(shown().empty());
  board.change(spinner, std::move(start_again));
  CHECK(board.size() == 0);
  board.change(spinner, std::move(start));
  CHECK(shown() == "✓ a\n");
  CHECK(board.size() == 1); // it runs again
  CHECK(board.current(spinner)->message == "b");
  board.change(spinner, made(status::failed, {}));
  CHECK(shown() == "✗ b\n");
  CHECK(board.size() == 0);
}

TEST_CASE("a spinner that some threads start and others stop is shown as long as it runs",
          "[progress_indicators][order][concurrency]") {
  auto rt = cortex::runtime::open().value();
  progress::options wanted;
  wanted.out.write = [](std::string_view) {};
  wanted.rendering = rendering::lines;
  const auto shown = progress::open(rt, wanted).value();
  const auto spinner = shown.spinner("a");
  constexpr std::size_t threads = 8;
  std::barrier together{threads};
  std::atomic<int> wrong{0};
  testing::run_threads(threads, [&](std::size_t index) {
    for (int round = 0; round < 5000; ++round) {
      together.arrive_and_wait();
      if (index % 2 == 0)
        spinner.start("b");
      else
        spinner.stop();
      together.arrive_and_wait();
      if (index == 0) {
        const std::size_t running = spinner.status() == status::running ? 1 : 0;
        wrong += shown.call(progress::list{})->size() == running ? 0 : 1;
      }
    }
  });
  CHECK(wrong == 0);
  spinner.stop();
  CHECK(shown.call(progress::list{})->empty());
}
