// What the original does wrong, done right: one test or more for each defect of the contract.
#include "progress_fixture.hpp"

#include <stdexcept>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;
using progress::rendering;
using progress::status;

TEST_CASE("PI-1: an operation that nobody ends is ended by its scope", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  {
    const auto op = shown.operation("T");
    op.update("x");
  }
  CHECK(t.taken() == "\r✓ T - Done\n");
  t.pass(1s);
  CHECK(t.taken().empty()); // no animation goes on
  CHECK(shown.call(progress::list{})->empty());
}

TEST_CASE("PI-1: an exception fails an operation, with its text where it is known",
          "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  CHECK_THROWS_AS(shown.run("T", progress::operation_type::generic,
                            [](progress::operation&) { throw std::runtime_error{"broke"}; }),
                  std::runtime_error);
  CHECK(t.taken() == "\r✗ T - broke\n");
  const auto bare = [&] {
    const auto op = shown.operation("T");
    throw std::runtime_error{"broke"};
  };
  CHECK_THROWS(bare());
  CHECK(t.taken() == "\r✗ T - Failed\n");
}

TEST_CASE("an operation that gives an error fails with its text", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto failed = shown.run("T", progress::operation_type::generic,
                                [](progress::operation&) -> cortex::expected<int> {
                                  return cortex::fail(cortex::errc::io, "disk full");
                                });
  CHECK(failed.error() == cortex::errc::io);
  const auto done = shown.run("U", progress::operation_type::generic,
                              [](progress::operation&) -> cortex::expected<int> { return 7; });
  CHECK(*done == 7);
  CHECK(t.taken() == "\r✗ T - disk full\n\r✓ U - Done\n");
}

TEST_CASE("PI-2: what is cancelled is told as cancelled", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  CHECK_THROWS_AS(shown.run("T", progress::operation_type::generic,
                            [](progress::operation&) { throw progress::cancelled{}; }),
                  progress::cancelled);
  CHECK(t.taken() == "\r✗ T - Cancelled\n");
  const auto op = shown.operation("U");
  CHECK(op.cancel());
  CHECK(op.status() == status::cancelled);
  CHECK(op.context()->status == status::cancelled);
  const auto given_up = shown.run("V", progress::operation_type::generic,
                                  [](progress::operation&) -> cortex::expected<void> {
                                    return cortex::fail(cortex::errc::cancelled);
                                  });
  CHECK_FALSE(given_up);
  CHECK(t.taken() == "\r✗ U - Cancelled\n\r✗ V - Cancelled\n");
}

TEST_CASE("PI-3: a spinner whose body fails ends in a cross", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto body = [&] {
    const auto spinner = shown.spinner("Thinking...");
    spinner.update("more");
    throw std::runtime_error{"broke"};
  };
  CHECK_THROWS(body());
  CHECK(t.taken() == "\r✗ Thinking...\n");
}

TEST_CASE("PI-4: the first ending wins", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto op = shown.operation("T");
  CHECK(op.fail("a"));
  CHECK_FALSE(op.complete("b"));
  CHECK_FALSE(op.cancel());
  op.log("too late");
  CHECK(op.context()->status == status::failed);
  CHECK(t.taken() == "\r✗ T - a\n");

  const auto spinner = shown.spinner("a");
  spinner.stop();
  spinner.stop("b");
  spinner.fail("c");
  CHECK(t.taken() == "\r✓ a\n");
  spinner.start("again");
  spinner.fail();
  CHECK(t.taken() == "\r✗ again\n");
}

TEST_CASE("PI-5: a download without total or time divides by nothing", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto unknown = shown.download(0, "Z");
  t.clock.at += 1s;
  unknown.update(5);
  CHECK(t.taken() == "\rZ: 5 bytes (0.0 KB/s)");
  unknown.complete();
  CHECK(t.taken() == "\n✓ Downloaded 0.0 MB in 1.0s (0.0 MB/s)\n");

  const auto sudden = shown.download(10, "N");
  sudden.update(5);
  CHECK(t.taken() == "\rN: 50.0% (0.0 KB/s)");
  sudden.complete();
  CHECK(t.taken() == "\n✓ Downloaded 0.0 MB in 0.0s (0.0 MB/s)\n");

  const auto over = shown.download(1000, "D");
  t.clock.at += 1s;
  over.update(1500);
  CHECK(t.taken() == "\rD: 100.0% (1.5 KB/s)");
  over.complete();

  const auto bar = shown.bar(2, "B");
  bar.advance(5);
  CHECK(t.taken().find("B: [████████████████████] 5/2") != std::string::npos);
}

TEST_CASE("PI-6: a step that is completed without a start took no time", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto list = t.open().steps({{"a"}});
  list.complete_step(0);
  CHECK(t.taken() == "  ✓ a (0.0s)\n");
  CHECK(list.context()->steps[0].status == progress::step_status::completed);
}

TEST_CASE("PI-7: texts are data", "[progress_indicators]") {
  for (const auto how : {rendering::fallback, rendering::lines, rendering::terminal}) {
    testing::progress_fixture t{how};
    const auto& shown = t.open();
    shown.success("foo[bar] [/etc] [bold]x[/bold]");
    shown.info("\x1b[2J\x1b]0;owned\x07gone\r\x08");
    {
      const auto op = shown.operation("[red]\x1b[31mT");
      op.log("log\x1b[1A\x9b");
    }
    static_cast<void>(shown.drain());
    const auto& got = t.written;
    CHECK(got.find("foo[bar] [/etc] [bold]x[/bold]") != std::string::npos);
    CHECK(got.find("[2J") == std::string::npos);
    CHECK(got.find("owned") == std::string::npos);
    CHECK(got.find("[1A") == std::string::npos);
    CHECK(got.find("[red]T - Done") != std::string::npos);
  }
}

TEST_CASE("PI-8: after its final line nothing of a display is written", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto op = shown.operation("T");
  const auto other = shown.spinner("other");
  t.pass(300ms);
  CHECK(t.taken().find(" T") != std::string::npos);
  op.complete();
  op.update("late");
  op.log("late");
  CHECK(t.taken() == "\r✓ T - Done\n");
  t.pass(1s);
  const auto later = t.taken();
  CHECK(later.find('T') == std::string::npos);
  CHECK(later.find("late") == std::string::npos);
  CHECK(later.find("other") != std::string::npos);
}

TEST_CASE("PI-8: a spinner that is started twice is one spinner", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto spinner = shown.spinner("a");
  spinner.start("b");
  CHECK(shown.call(progress::list{})->size() == 1);
  t.pass(200ms);
  CHECK(t.taken() == "\r⠋ b\r⠙ b");
  spinner.stop();
  CHECK(t.taken() == "\r✓ b\n");
  spinner.start("c");
  t.pass(100ms);
  CHECK(t.taken() == "\r⠹ c"); // the glyphs run on
}

TEST_CASE("PI-8: displays side by side and nested keep apart", "[progress_indicators]") {
  testing::progress_fixture t;
  const auto& shown = t.open();
  const auto outer = shown.operation("outer");
  const auto inner
    = shown.operation("inner", progress::operation_type::verify, {}, {.under = outer.id()});
  CHECK(shown.call(progress::list{})->size() == 2);
  inner.complete();
  CHECK(outer.status() == status::running);
  CHECK(shown.call(progress::list{})->front().title == "outer");
  outer.complete();
  CHECK(t.taken() == "\r✓ inner - Done\n\r✓ outer - Done\n");
}

TEST_CASE("PI-9: a shorter message leaves nothing of the longer one", "[progress_indicators]") {
  testing::progress_fixture t{rendering::terminal, 40};
  const auto spinner = t.open().spinner("a long message that goes on and on and on");
  t.pass(100ms);
  CHECK(t.screen.lines() == std::vector<std::string>{"⠙ a long message that goes on and on a…"});
  spinner.update("short");
  t.pass(100ms);
  CHECK(t.screen.lines() == std::vector<std::string>{"⠹ short"});
  spinner.update("日本語日本語日本語日本語日本語日本語日本語");
  t.pass(100ms);
  CHECK(t.screen.lines() == std::vector<std::string>{"⠸ 日本語日本語日本語日本語日本語日本語…"});
}

TEST_CASE("PI-10: off a terminal there are final lines and nothing else", "[progress_indicators]") {
  testing::progress_fixture t{rendering::automatic};
  const auto& shown = t.open();
  CHECK(shown.rendering() == rendering::lines);
  {
    const auto op = shown.operation("T");
    const auto bar = shown.bar(3, "B");
    bar.advance(3);
    const auto spinner = shown.spinner("S");
    op.log("noted");
    t.pass(2s);
    CHECK(t.taken() == "  noted\n");
  }
  const auto load = shown.download(1 << 20, "D");
  load.update(1 << 20);
  load.complete();
  CHECK(t.taken()
        == "✓ S\nB: [████████████████████] 3/3\n✓ T - Done\n"
           "✓ Downloaded 1.0 MB in 0.0s (0.0 MB/s)\n");
}

TEST_CASE("PI-10: marks are ASCII where the locale is no UTF-8", "[progress_indicators]") {
  testing::progress_fixture t{rendering::lines};
  t.wanted.environment->lang = "C";
  const auto& shown = t.open();
  shown.success("grün");
  shown.error("b");
  shown.warning("c");
  shown.info("d");
  {
    const auto bar = shown.bar(4, "B");
    bar.advance();
  }
  const auto got = t.taken();
  CHECK(got == "+ gr?n\nx b\n! c\ni d\nB: [#####---------------] 1/4\n");

  testing::progress_fixture u{rendering::terminal, 40};
  u.wanted.environment->lang = "C";
  const auto op = u.open().operation("日本", progress::operation_type::install);
  u.pass(100ms);
  CHECK(u.screen.lines() == std::vector<std::string>{"/ ??"});
}

TEST_CASE("PI-10: NO_COLOR takes colours away and nothing else", "[progress_indicators]") {
  for (const bool off : {false, true}) {
    testing::progress_fixture t{rendering::terminal};
    t.wanted.environment->no_color = off ? "1" : "";
    const auto& shown = t.open();
    {
      const auto op = shown.operation("T");
      t.pass(200ms);
    }
    CHECK(t.taken().find("✓") != std::string::npos);
    CHECK(t.screen.lines() == std::vector<std::string>{"✓ T - Done"});
    CHECK(t.screen.colored() == !off);
  }
}

TEST_CASE("PI-11: lines need no terminal and no variable", "[progress_indicators]") {
  testing::progress_fixture t{rendering::automatic};
  t.wanted.environment.emplace(); // nothing is set
  const auto& shown = t.open();
  { const auto op = shown.operation("T"); }
  CHECK(t.taken() == "+ T - Done\n");
}

TEST_CASE("PI-12: setting the wall clock changes no duration", "[progress_indicators]") {
  testing::progress_fixture t;
  cortex::manual_wall_clock wall;
  cortex::runtime_options options;
  options.deterministic = true;
  options.monotonic = &t.clock;
  options.wall = &wall;
  t.rt.emplace(cortex::runtime::open(options).value());
  const auto list = t.open().steps({{"a"}});
  list.start_step(0);
  t.clock.at += 2s;
  wall.set(cortex::wall_time{} - 24h);
  list.complete_step(0);
  CHECK(t.taken() == "  → a...\n  ✓ a (2.0s)\n");
}

TEST_CASE("PI-13: no timer runs when nothing is displayed or nothing moves",
          "[progress_indicators]") {
  for (const auto how : {rendering::lines, rendering::terminal, rendering::fallback}) {
    testing::progress_fixture t{how};
    const auto& shown = t.open();
    const auto handled = [&] {
      for (const auto& actor : t.rt->metrics())
        if (actor.name.starts_with("progress_indicators"))
          return actor.handled;
      return std::uint64_t{0};
    };
    {
      const auto op = shown.operation("T");
      const auto spinner = shown.spinner("S");
      t.pass(1s);
      const auto before = handled();
      t.pass(1s);
      // One timer for both of them, and none where nothing is drawn.
      CHECK(handled() - before == (how == rendering::lines ? 0 : 10));
    }
    t.pass(1s);
    const auto before = handled();
    t.pass(5s);
    CHECK(handled() == before);
  }
}

TEST_CASE("PI-14: each change of a step is seen in place", "[progress_indicators]") {
  testing::progress_fixture t{rendering::terminal, 60};
  const auto list = t.open().steps({{"Download"}, {"Verify"}, {"Install"}}, "Packages");
  using lines = std::vector<std::string>;
  t.settle();
  CHECK(t.screen.lines() == lines{"⠋ Packages [0/3]", "  ○ Download", "  ○ Verify", "  ○ Install"});
  list.start_step(0);
  t.pass(100ms);
  CHECK(t.screen.lines()
        == lines{"⠙ Packages [0/3]", "  ● Download (0s)", "  ○ Verify", "  ○ Install"});
  list.complete_step(0);
  list.start_step(1);
  t.pass(100ms);
  CHECK(t.screen.lines()
        == lines{"⠹ Packages [1/3]", "  ✓ Download (0.1s)", "  ● Verify (0s)", "  ○ Install"});
  list.fail_step(1, "bad sum");
  list.skip_step(2, "not needed");
  list.finish();
  t.pass(100ms);
  CHECK(t.screen.lines()
        == lines{"  ✓ Download (0.1s)", "  ✗ Verify: bad sum", "  ○ Install (skipped: not needed)",
                 "✗ Completed 1/3 steps (1 failed)"});
  CHECK(t.screen.cursor_visible());
}
