// An indicator on a runtime that the test drives, with a clock that it moves, writing into a text
// or onto a screen that it reads.
#pragma once

#include "cortex/progress_indicators.hpp"

#include "support/catch_compat.hpp"
#include "virtual_screen.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cortex::testing {

namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;

/// A monotonic clock that vectors set to whatever they say.
class settable_clock final : public monotonic_clock {
public:
  [[nodiscard]] monotonic_time now() const noexcept override { return at; }
  monotonic_time at{std::chrono::hours{1}};
};

/// UTF-8, a terminal, nothing else.
inline progress::environment plain_environment() {
  progress::environment out;
  out.term = "xterm";
  out.lang = "en_US.UTF-8";
  out.no_color = "1";
  return out;
}

/// Not thread-safe.
struct progress_fixture {
  explicit progress_fixture(progress::rendering how = progress::rendering::fallback,
                            std::size_t columns = 80, std::size_t rows = 24)
    : screen(columns, rows), size{columns, rows} {
    runtime_options options;
    options.deterministic = true;
    options.monotonic = &clock;
    rt.emplace(runtime::open(options).value());
    wanted.rendering = how;
    wanted.environment = plain_environment();
    wanted.out.write = [this](std::string_view bytes) {
      written += bytes;
      ++writes;
      if (wanted.rendering == progress::rendering::terminal)
        screen.write(bytes);
    };
    wanted.size = [this] { return size; };
  }

  progress::indicator& open() {
    shown.emplace(progress::open(*rt, wanted).value());
    return *shown;
  }
  /// What was written since the last look.
  std::string taken() {
    REQUIRE(shown->drain());
    return std::exchange(written, {});
  }
  /// What was said is done; no time goes by.
  void settle() { rt->run_until_idle(); }
  /// Lets time go by for everybody, a tenth of a second after the other.
  void pass(std::chrono::nanoseconds time) {
    settle(); // what was said before belongs to the time before
    for (; time.count() > 0; time -= 100ms) {
      const auto part = std::min<std::chrono::nanoseconds>(time, 100ms);
      clock.at += part;
      rt->advance(part);
    }
  }
  void resize(std::size_t columns, std::size_t rows) {
    size = {columns, rows};
    screen.resize(columns, rows);
  }

  settable_clock clock;
  std::string written;
  std::size_t writes = 0;
  virtual_screen screen;
  progress::terminal_size size;
  progress::options wanted;
  std::optional<runtime> rt;
  std::optional<progress::indicator> shown;
};

} // namespace cortex::testing
