// A manager opened in a fresh folder, with clocks that the test moves.
#pragma once

#include "cortex/graceful_degradation.hpp"
#include "cortex/text/utc_time.hpp"

#include "support/catch_compat.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cortex::testing {

namespace degraded = cortex::graceful_degradation;

/// `YYYY-MM-DDTHH:MM:SS[.ffffff]`, UTC.
inline std::string iso_text(wall_time at) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(at);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(micros);
  auto text = text::format_utc(seconds.time_since_epoch().count());
  text.pop_back();
  const auto fraction = std::to_string(1'000'000 + (micros - seconds).count()).substr(1);
  return fraction == "000000" ? text : text + "." + fraction;
}

/// Reads what `iso_text` writes, with `Z` at its end.
inline wall_time instant_of(std::string stamp) {
  std::chrono::microseconds fraction{0};
  if (const auto point = stamp.find('.'); point != stamp.npos) {
    auto digits = stamp.substr(point + 1, stamp.size() - point - 2);
    digits.resize(6, '0');
    fraction = std::chrono::microseconds{std::stol(digits)};
    stamp = stamp.substr(0, point) + "Z";
  }
  return wall_time{std::chrono::seconds{text::parse_utc(stamp).value()}} + fraction;
}

/// Not thread-safe, but for the manager itself.
struct manager_fixture {
  explicit manager_fixture(const std::string& start = "2025-12-22T10:00:00Z",
                           const runtime_options& given = {})
    : how(given) {
    wall.set(instant_of(start));
    how.wall = &wall;
    how.monotonic = &monotonic;
    rt.emplace(runtime::open(how).value());
  }

  [[nodiscard]] degraded::options options() const {
    degraded::options wanted;
    wanted.path = file();
    // The clock of deadlines stands still: no thread is needed to watch it.
    wanted.api_timeout = std::chrono::nanoseconds::max();
    return wanted;
  }
  [[nodiscard]] std::string file() const { return (folder / "response_cache.db").string(); }
  [[nodiscard]] degraded::manager open(const degraded::options& wanted) const {
    auto opened = degraded::open(*rt, wanted);
    INFO((opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened);
    return *std::move(opened);
  }
  [[nodiscard]] degraded::manager open() const { return open(options()); }
  /// Ends the runtime and with it every manager, then starts another one.
  void restart() {
    REQUIRE(rt->stop());
    rt.emplace(runtime::open(how).value());
  }
  void pass(std::chrono::nanoseconds time) {
    wall.advance(std::chrono::duration_cast<wall_time::duration>(time));
    monotonic.advance(time);
  }

  temp_dir folder;
  manual_wall_clock wall;
  manual_monotonic_clock monotonic;
  runtime_options how;
  std::optional<runtime> rt;
};

/// Model functions for tests.
inline degraded::model_function answering(std::string text) {
  return [text = std::move(text)](const degraded::model_call&) { return text; };
}
inline degraded::model_function failing(std::string why = "down") {
  return [why = std::move(why)](const degraded::model_call&) -> expected<std::string> {
    return fail(errc::unavailable, why);
  };
}
/// A function that must not be called.
inline degraded::model_function forbidden() {
  return [](const degraded::model_call&) -> expected<std::string> {
    FAIL("the model was asked");
    return fail(errc::internal);
  };
}

inline std::vector<std::string> queries_of(const std::vector<degraded::record>& records) {
  std::vector<std::string> out;
  for (const auto& each : records)
    out.push_back(each.query);
  return out;
}

} // namespace cortex::testing
