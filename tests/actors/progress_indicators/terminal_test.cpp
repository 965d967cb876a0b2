// The region of a terminal: screens as they were seen in a real one, resizing, what comes above,
// and the cursor.
#include "progress_fixture.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;
using progress::rendering;
using lines = std::vector<std::string>;

namespace {

std::string expected_screen(const std::string& name) {
  std::ifstream file{std::string{CORTEX_TEST_DATA "/progress/"} + name};
  INFO("screen " << name);
  REQUIRE(file.is_open());
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// What the screens in tests/data/progress show: two seconds of an installation.
struct installation {
  explicit installation(testing::progress_fixture& on) : t(on) {
    const auto& shown = t.open();
    all.emplace(shown.operation("Installing many packages", progress::operation_type::install));
    for (int i = 0; i < 3; ++i)
      bars.push_back(shown.bar(1000,
                               i % 2 != 0 ? "パッケージ " + std::to_string(i)
                                          : "package number " + std::to_string(i),
                               {.under = all->id()}));
    steps.emplace(shown.steps({{"Download"}, {"Install"}, {"Configure"}}, "Set up"));
    steps->start_step(0);
    load.emplace(shown.download(4U << 20U, "model.gguf"));
    run(10);
    shown.log("a log line above the bars, longer than the narrow screens are wide");
    steps->complete_step(0);
    steps->start_step(1);
    run(10);
  }
  void run(int tenths) {
    for (int k = 0; k < tenths; ++k) {
      for (std::uint64_t i = 0; i < bars.size(); ++i)
        bars[i].advance(10 - 3 * i);
      load->update(1U << 16U);
      t.pass(100ms);
    }
  }

  testing::progress_fixture& t;
  std::optional<progress::operation> all;
  std::vector<progress::bar> bars;
  std::optional<progress::step_list> steps;
  std::optional<progress::download> load;
};

} // namespace

TEST_CASE("screens of all widths are as they were seen in a terminal",
          "[progress_indicators][terminal]") {
  for (const std::size_t width : {20U, 40U, 80U, 200U}) {
    testing::progress_fixture t{rendering::terminal, width};
    const installation running{t};
    CHECK(t.screen.text() == expected_screen("width_" + std::to_string(width) + ".txt"));
    CHECK_FALSE(t.screen.cursor_visible());
  }
}

TEST_CASE("a screen that is resized while it runs has one region and all of its lines",
          "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 80};
  installation running{t};
  for (const std::size_t width : {40U, 20U, 33U, 120U, 80U}) {
    t.resize(width, 24);
    running.run(1);
    const auto seen = t.screen.text();
    INFO("width " << width << '\n' << seen);
    for (const char* once : {"📦", "Set up", "model.gguf", "Configure"}) {
      std::size_t regions = 0;
      for (auto at = seen.find(once); at != seen.npos; at = seen.find(once, at + 1))
        ++regions;
      CHECK(regions == 1);
    }
    CHECK(seen.find("a log line") == 0);
  }
}

TEST_CASE("more displays than rows are told by number", "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 40, 5};
  const auto& shown = t.open();
  std::vector<progress::spinner> many;
  for (int i = 0; i < 12; ++i)
    many.push_back(shown.spinner("number " + std::to_string(i)));
  t.pass(100ms);
  CHECK(t.screen.lines() == lines{"⠙ number 0", "⠙ number 1", "⠙ number 2", "… and 9 more"});
  many.clear();
  t.pass(100ms);
  CHECK(t.screen.lines().size() == 12);
  CHECK(t.screen.lines().front() == "✓ number 0");
}

TEST_CASE("log lines and endings go above the bars that run", "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 60};
  const auto& shown = t.open();
  const auto bar = shown.bar(10, "B");
  {
    const auto op = shown.operation("Op");
    op.log("one");
    shown.log("two\nlines");
    bar.advance(5);
    t.pass(100ms);
    CHECK(t.screen.lines()
          == lines{"  one", "two", "lines", "B [███████████████░░░░░░░░░░░░░░░] 5/10  50/s  50%",
                   "⠙ ▶️ Op"});
  }
  t.pass(100ms);
  CHECK(t.screen.lines()
        == lines{"  one", "two", "lines", "✓ Op - Done",
                 "B [███████████████░░░░░░░░░░░░░░░] 5/10  25/s  50%"});
}

TEST_CASE("progress of what is nested adds up by weight", "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 60};
  const auto& shown = t.open();
  const auto all = shown.operation("All");
  all.expect_weight(4);
  {
    const auto heavy = shown.bar(10, "heavy", {.under = all.id(), .weight = 3});
    heavy.advance(10);
    t.pass(100ms);
    CHECK(t.screen.lines().front() == "⠙ ▶️ All [███████░░░] 75%");
  }
  const auto light = shown.bar(10, "light", {.under = all.id()});
  light.advance(5);
  t.pass(100ms);
  CHECK(t.screen.lines()[1] == "⠹ ▶️ All [████████░░] 87%");
  // A parent that ends leaves its children where it was; no circle can be made.
  all.complete();
  const auto own = shown.bar(1, "own", {.under = 1000});
  t.pass(100ms);
  CHECK(t.screen.text().find("\nlight [") != std::string::npos);
  CHECK(t.screen.text().find("\nown [") != std::string::npos);
}

TEST_CASE("a region is drawn ten times a second at most, whatever happens",
          "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 60};
  const auto& shown = t.open();
  const auto bar = shown.bar(1'000'000, "B");
  const auto before = t.writes;
  for (int tenth = 0; tenth < 20; ++tenth)
    for (int i = 0; i < 100; ++i) {
      bar.advance();
      shown.log("line");
      t.clock.at += 1ms;
      t.rt->advance(1ms);
    }
  CHECK(t.writes - before <= 21);
  CHECK(t.writes - before >= 18);
  t.pass(100ms);
  CHECK(t.screen.lines().size() == 2001); // and no line is lost
}

TEST_CASE("asking for the displays or for the output draws no more often",
          "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 60};
  const auto& shown = t.open();
  const auto bar = shown.bar(2000, "B");
  t.settle();
  const auto before = t.writes;
  for (int tenth = 0; tenth < 20; ++tenth)
    for (int i = 0; i < 100; ++i) {
      bar.advance();
      CHECK(shown.call(progress::list{})->front().position == bar.position());
      static_cast<void>(shown.drain());
      t.clock.at += 1ms;
      t.rt->advance(1ms);
    }
  CHECK(t.writes - before <= 20);
  CHECK(t.writes - before >= 18);
  t.pass(100ms);
  CHECK(t.screen.text().find("2000/2000") != std::string::npos);
}

TEST_CASE("a size that cannot be told is 80 x 24, and nothing ends",
          "[progress_indicators][terminal][errors]") {
  testing::progress_fixture t{rendering::terminal};
  t.wanted.size = []() -> progress::terminal_size { throw std::runtime_error{"no terminal"}; };
  const auto spinner = t.open().spinner("S");
  t.pass(1s);
  for (const auto& actor : t.rt->metrics())
    CHECK(actor.restarts == 0);
  CHECK(t.screen.lines().size() == 1);
  spinner.stop();
  t.pass(100ms);
  CHECK(t.screen.lines() == lines{"✓ S"});
}

TEST_CASE("lines that find no room between two redraws are told once, in one line",
          "[progress_indicators][terminal][pressure]") {
  testing::progress_fixture t{rendering::terminal};
  t.wanted.max_pending_bytes = 65'536;
  const auto& shown = t.open();
  const auto bar = shown.bar(10, "B");
  t.settle(); // what follows waits for the next redraw
  t.written.clear();

  for (int i = 0; i < 1000; ++i)
    shown.log(std::string(1000, 'x'));
  t.pass(300ms);

  const auto dropped = shown.dropped_lines();
  REQUIRE(dropped > 900);
  CHECK(t.written.find("⚠ " + std::to_string(dropped) + " lines were dropped")
        != std::string::npos);
  CHECK(t.written.size() < 80'000);
}

TEST_CASE("displays nest 64 deep and no deeper", "[progress_indicators][terminal][errors]") {
  testing::progress_fixture t{rendering::terminal, 200, 80};
  const auto& shown = t.open();
  std::vector<progress::operation> nested;
  for (int depth = 1; depth <= 50'000; ++depth) {
    const auto under = nested.empty() ? 0 : nested.back().id();
    nested.push_back(shown.operation("number " + std::to_string(depth),
                                     progress::operation_type::generic, {}, {.under = under}));
  }
  CHECK(nested[63].context());
  for (const std::size_t deeper : {std::size_t{64}, std::size_t{65}, std::size_t{49'999}}) {
    const auto refused = nested[deeper].context();
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == cortex::errc::invalid_argument);
    CHECK(refused.error().detail.find("64") != std::string::npos);
  }
  CHECK(shown.call(progress::list{})->size() == 64);
  t.pass(100ms);
  CHECK(t.screen.text().find("number 64") != std::string::npos);
  CHECK(t.screen.text().find("number 65") == std::string::npos);
  while (!nested.empty())
    nested.pop_back(); // the innermost first
  t.pass(100ms);
  CHECK(t.screen.text().find("✓ number 64 - Done\n") != std::string::npos);
  CHECK(t.screen.text().find("number 65") == std::string::npos);
}

TEST_CASE("a spinner that found no place takes others in once it is started where there is one",
          "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 60, 80};
  const auto& shown = t.open();
  std::vector<progress::operation> nested;
  for (int depth = 1; depth <= 64; ++depth)
    nested.push_back(shown.operation("T", progress::operation_type::generic, {},
                                     {.under = nested.empty() ? 0 : nested.back().id()}));
  const auto spinner = shown.spinner("S", {.under = nested.back().id()});
  CHECK_FALSE(spinner.context());
  nested.clear();
  spinner.start("S");
  CHECK(spinner.context());
  const auto inner = shown.bar(1, "B", {.under = spinner.id()});
  CHECK(inner.context());
}

TEST_CASE("displays that go on when the one around them has ended are nested less deeply",
          "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal};
  const auto& shown = t.open();
  auto around = std::optional{shown.operation("outer")};
  for (int i = 0; i < 200; ++i) {
    auto next
      = shown.operation("T", progress::operation_type::generic, {}, {.under = around->id()});
    const auto inner = shown.bar(1, "B", {.under = next.id()});
    CHECK(inner.context());
    around.reset();
    around.emplace(std::move(next));
  }
}

TEST_CASE("what does not change is not drawn", "[progress_indicators][terminal]") {
  testing::progress_fixture t{rendering::terminal, 60};
  const auto bar = t.open().bar(10, "B");
  t.pass(200ms);
  const auto before = t.writes;
  t.pass(2s);
  CHECK(t.writes == before);
}

// -- the cursor -----------------------------------------------------------------------------------

TEST_CASE("the cursor is back after the end of the last display", "[progress_indicators][cursor]") {
  testing::progress_fixture t{rendering::terminal};
  const auto& shown = t.open();
  {
    const auto one = shown.spinner("one");
    t.settle();
    CHECK_FALSE(t.screen.cursor_visible());
    { const auto two = shown.spinner("two"); }
    t.pass(100ms);
    CHECK_FALSE(t.screen.cursor_visible());
  }
  CHECK(t.shown->drain());
  CHECK(t.screen.cursor_visible());
  CHECK(t.screen.cursor_column() == 0);
  CHECK(t.screen.lines() == lines{"✓ two", "✓ one"});
}

TEST_CASE("the cursor is back after an exception", "[progress_indicators][cursor]") {
  testing::progress_fixture t{rendering::terminal};
  const auto& shown = t.open();
  const auto body = [&] {
    const auto one = shown.spinner("one");
    throw std::runtime_error{"x"};
  };
  CHECK_THROWS(body());
  CHECK(t.shown->drain());
  CHECK(t.screen.cursor_visible());
}

TEST_CASE("the cursor is back after close, and nothing is written any more",
          "[progress_indicators][cursor]") {
  testing::progress_fixture t{rendering::terminal};
  const auto& shown = t.open();
  const auto op = shown.operation("T");
  const auto bar = shown.bar(4, "B");
  bar.advance();
  REQUIRE(shown.close());
  CHECK(t.screen.cursor_visible());
  CHECK(op.status() == progress::status::cancelled);
  CHECK_FALSE(op.complete());
  const auto seen = t.written;
  shown.log("late");
  bar.advance();
  const auto late = shown.spinner("late");
  t.pass(1s);
  CHECK(t.written == seen);
  CHECK(t.screen.text().find("✗ T - Cancelled") != std::string::npos);
}

TEST_CASE("the cursor is back when the runtime ends, and handles may outlive it",
          "[progress_indicators][cursor]") {
  testing::progress_fixture t{rendering::terminal};
  const auto& shown = t.open();
  auto op = std::optional{shown.operation("T")};
  const auto spinner = shown.spinner("S");
  REQUIRE(t.rt->stop());
  CHECK(t.screen.cursor_visible());
  CHECK(t.screen.lines() == lines{"✗ S", "✗ T - Cancelled"});
  op->update("late");
  op->log("late");
  op.reset();
  spinner.stop();
  CHECK(shown.drain().error() == cortex::errc::closed);
  const auto none = shown.operation("after the end");
  CHECK(none.context().error() == cortex::errc::closed);
  CHECK(t.screen.lines().size() == 2);
}

TEST_CASE("the cursor is back when the last reference goes", "[progress_indicators][cursor]") {
  testing::progress_fixture t{rendering::terminal};
  auto op = std::optional{t.open().operation("T")};
  t.shown.reset(); // the operation keeps the output
  t.settle();
  CHECK_FALSE(t.screen.cursor_visible());
  op->complete();
  op.reset();
  CHECK(t.screen.cursor_visible());
  CHECK(t.screen.lines() == lines{"✓ T - Done"});
}
