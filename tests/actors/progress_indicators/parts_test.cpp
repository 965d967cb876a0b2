// The plain parts: widths, texts that are cleaned, estimates, pace.
#include "cortex/progress_indicators/estimator.hpp"
#include "cortex/progress_indicators/marks.hpp"
#include "cortex/progress_indicators/pacer.hpp"
#include "cortex/progress_indicators/region.hpp"
#include "cortex/text/display_width.hpp"

#include "support/catch_compat.hpp"

#include <cmath>
#include <random>

namespace progress = cortex::progress_indicators;
namespace text = cortex::text;
using namespace std::chrono_literals;
using cortex::monotonic_time;

namespace {

bool close_to(double left, double right) {
  return std::abs(left - right) < 1e-6;
}

} // namespace

TEST_CASE("texts are as wide as terminals draw them", "[progress_indicators][text]") {
  CHECK(text::display_width("") == 0);
  CHECK(text::display_width("abc") == 3);
  CHECK(text::display_width("é") == 1);
  CHECK(text::display_width("e\xcc\x81") == 1); // with a combining accent
  CHECK(text::display_width("日本語") == 6);
  CHECK(text::display_width("ｆｕｌｌ") == 8);
  CHECK(text::display_width("ﾊﾝ") == 2); // half width
  CHECK(text::display_width("한국어") == 6);
  CHECK(text::display_width("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab") == 2); // the same, in parts
  CHECK(text::display_width("📦") == 2);
  CHECK(text::display_width("▶️") == 2); // U+FE0F asks for the emoji
  CHECK(text::display_width("▶") == 1);
  CHECK(text::display_width("a\xe2\x80\x8b") == 1); // zero width space
  CHECK(text::display_width("\xc2\xad") == 1);      // soft hyphen
  CHECK(text::display_width("\xd8\x80") == 1);      // an Arabic sign before numbers
  CHECK(text::display_width("⠋█░✓→") == 5);
}

TEST_CASE("a text is cut at the end of a letter with its marks", "[progress_indicators][text]") {
  CHECK(text::truncate_to("hello", 5, "…") == "hello");
  CHECK(text::truncate_to("hello!", 5, "…") == "hell…");
  CHECK(text::truncate_to("日本語", 5, "…") == "日本…");
  CHECK(text::truncate_to("日本語", 4, "…") == "日…");
  CHECK(text::truncate_to("e\xcc\x81x", 1, "…") == "…");
  CHECK(text::truncate_to("e\xcc\x81xyz", 2, "…") == "e\xcc\x81…");
  CHECK(text::truncate_to("abc", 0, "…").empty());
  for (std::size_t columns = 0; columns < 20; ++columns)
    CHECK(
      text::display_width(text::truncate_to("📦 日本語 e\xcc\x81 ▶️ abc", columns, "..."))
      <= columns);
}

TEST_CASE("nothing in a text reaches the terminal but letters", "[progress_indicators][text]") {
  const auto kept
    = [](std::string_view dirty) { return text::printable(dirty, text::line_breaks::keep); };
  CHECK(kept("a\nb\tc") == "a\nb\tc");
  CHECK(text::printable("a\nb\tc", text::line_breaks::to_blanks) == "a b c");
  CHECK(kept("\x1b[31mred\x1b[0m") == "red");
  CHECK(kept("\x1b]0;title\x07text") == "text");
  CHECK(kept("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\") == "link");
  CHECK(kept("\x1bPq#0\x1b\\after") == "after");
  CHECK(kept("\x1b(Bx\x1b"
             "7y")
        == "xy");
  CHECK(kept("a\rb\x08\x7f") == "ab");
  CHECK(kept("a\xc2\x9b"
             "31m")
        == "a31m"); // the one-character form of a sequence
  CHECK(kept("\xe2\x80\xae"
             "txt")
        == "txt"); // reverses the direction
  CHECK(kept("\xff") == "\xef\xbf\xbd");
  CHECK(kept("cut \x1b[3") == "cut ");
  CHECK(kept("end\x1b") == "end");
  std::mt19937 random{7};
  for (int round = 0; round < 2000; ++round) {
    std::string dirty;
    for (int i = 0; i < 12; ++i)
      dirty += "\x1b[]P\\\x07"
               "0;mA\xc2\x9b\r\n"[random() % 14];
    for (const char byte : kept(dirty))
      CHECK((static_cast<unsigned char>(byte) >= 0x20 || byte == '\n'));
  }
}

TEST_CASE("at a steady rate an estimate is exact and only falls", "[progress_indicators]") {
  const monotonic_time start{1h};
  progress::estimator e{start};
  CHECK_FALSE(e.seconds_left());
  CHECK(e.rate() == 0.0);
  std::optional<double> before;
  for (int i = 1; i <= 100; ++i) {
    e.sample(start + i * 100ms, static_cast<std::uint64_t>(i) * 10, 1000);
    if (i < 3)
      continue;
    REQUIRE(e.seconds_left());
    CHECK(close_to(e.rate(), 100));
    CHECK(close_to(*e.seconds_left(), 10 - i * 0.1));
    if (before)
      CHECK(*e.seconds_left() <= *before + 1e-9);
    before = e.seconds_left();
  }
  CHECK(*e.seconds_left() == 0);
}

TEST_CASE("an estimate does not jump, whatever comes", "[progress_indicators]") {
  std::mt19937 random{20};
  for (int round = 0; round < 200; ++round) {
    monotonic_time now{1h};
    progress::estimator e{now};
    std::uint64_t done = 0;
    std::uint64_t total = 100'000;
    std::optional<double> before;
    for (int i = 0; i < 300; ++i) {
      const auto step = std::chrono::milliseconds{100 + random() % 200};
      now += step;
      // Bursts and pauses; now and then there turns out to be more to do.
      if (random() % 4 == 0)
        done += random() % 5000;
      if (random() % 50 == 0)
        total += 20'000;
      e.sample(now, std::min(done, total - 1), total);
      const auto left = e.seconds_left();
      if (before && left) {
        const double passed = std::chrono::duration<double>(step).count();
        const double counted = std::max(0.0, *before - passed);
        const double most = 0.25 * passed * std::max(counted, 4.0) + 1e-9;
        CHECK(*left >= 0);
        CHECK(*left >= counted - most);
        CHECK(*left <= counted + most);
      }
      if (left)
        before = left;
    }
  }
}

TEST_CASE("an estimator forgets what was before it began anew", "[progress_indicators]") {
  const monotonic_time start{1h};
  progress::estimator e{start};
  e.sample(start + 1s, 500, 1000);
  CHECK(e.seconds_left());
  e.sample(start + 2s, 0, 1000);
  CHECK_FALSE(e.seconds_left());
  e.sample(start + 3s, 10, 0);
  CHECK_FALSE(e.seconds_left()); // nobody knows how much there is
  CHECK(close_to(e.rate(), 10));
}

TEST_CASE("times are told as on a clock", "[progress_indicators]") {
  CHECK(progress::clock_text(0) == "0:00");
  CHECK(progress::clock_text(4.2) == "0:05");
  CHECK(progress::clock_text(723) == "12:03");
  CHECK(progress::clock_text(7500) == "2:05:00");
}

TEST_CASE("numbers do not depend on the locale and round as the original's",
          "[progress_indicators]") {
  CHECK(progress::fixed(1.25, 1) == "1.2");
  CHECK(progress::fixed(0.05, 1) == "0.1");
  CHECK(progress::fixed(1e300, 0).size() == 301);
}

TEST_CASE("a pacer lets through one in each interval", "[progress_indicators]") {
  const monotonic_time start{1h};
  progress::pacer pace{100ms};
  CHECK(pace.wait(start) == 0ns);
  pace.note(start);
  CHECK(pace.wait(start) == 100ms);
  CHECK(pace.wait(start + 99ms) == 1ms);
  CHECK(pace.wait(start + 100ms) == 0ns);
}

TEST_CASE("the environment decides how things look", "[progress_indicators]") {
  progress::environment env;
  env.term = "xterm";
  env.lang = "de_DE.UTF-8";
  const progress::options wanted;
  const auto look
    = [&](bool terminal = true) { return progress::choose_look(wanted, env, terminal); };
  CHECK(look().rendering == progress::rendering::terminal);
  CHECK(look().colors);
  CHECK_FALSE(look().ascii);
  CHECK(look(false).rendering == progress::rendering::lines);
  CHECK_FALSE(look(false).colors);
  env.no_color = "1";
  CHECK(look().rendering == progress::rendering::terminal);
  CHECK_FALSE(look().colors);
  env.lc_all = "C";
  CHECK(look().ascii);
  CHECK_FALSE(look().icons);
  env.lc_all = "";
  env.lc_ctype = "en_US.utf8";
  CHECK_FALSE(look().ascii);
  env.ci = "true";
  CHECK(look().rendering == progress::rendering::lines);
  env.ci = "";
  env.term = "dumb";
  CHECK(look().rendering == progress::rendering::lines);
  env.term = "";
  CHECK(look().rendering == progress::rendering::lines);
}
