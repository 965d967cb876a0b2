// Outputs and readers of events that stand still: what waits is bounded, what is dropped is counted
// and told, and neither holds up the other.
#include "cortex/progress_indicators.hpp"

#include "support/catch_compat.hpp"
#include "support/exposition.hpp"
#include "support/wait.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;
using nlohmann::json;
using progress::rendering;

namespace {

constexpr std::size_t bound = 65'536;

/// An output that stands still until it is let go. Thread-safe.
class stalled_output {
public:
  stalled_output() = default;
  stalled_output(const stalled_output&) = delete;
  stalled_output& operator=(const stalled_output&) = delete;
  ~stalled_output() { go_on(); }

  [[nodiscard]] progress::output output() {
    progress::output out;
    out.write = [held = held_](std::string_view bytes) { // which a test that fails outlives
      held->gone_on.wait(false);
      const std::lock_guard guard{held->mutex};
      held->text += bytes;
    };
    return out;
  }
  void go_on() {
    held_->gone_on = true;
    held_->gone_on.notify_all();
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard guard{held_->mutex};
    return held_->text;
  }
  [[nodiscard]] bool has(std::string_view part) const {
    return text().find(part) != std::string::npos;
  }

private:
  struct state {
    std::atomic<bool> gone_on{false};
    std::mutex mutex;
    std::string text; // guarded by mutex
  };
  std::shared_ptr<state> held_ = std::make_shared<state>();
};

progress::output nowhere() {
  progress::output out;
  out.write = [](std::string_view) {};
  return out;
}

progress::options bounded(progress::output out, rendering how) {
  progress::options wanted;
  wanted.out = std::move(out);
  wanted.rendering = how;
  wanted.environment.emplace();
  wanted.environment->lang = "C.UTF-8";
  wanted.max_pending_bytes = bound;
  wanted.patience = testing::default_deadline;
  return wanted;
}

double measured(const cortex::runtime& rt, std::string_view name) {
  const testing::exposition in_text{prometheus_text(rt.report())};
  return in_text.value(name, {{"output", "function"}});
}

/// The numbers of all warnings of dropped lines, added.
std::uint64_t told(const std::string& text) {
  std::uint64_t out = 0;
  constexpr std::string_view words = " lines were dropped";
  for (auto at = text.find(words); at != text.npos; at = text.find(words, at + 1)) {
    const auto before = text.find_last_not_of("0123456789", at - 1);
    out += std::stoull(text.substr(before + 1, at - before - 1));
  }
  return out;
}

} // namespace

TEST_CASE("lines that were dropped are told though nobody says anything more",
          "[progress_indicators][pressure][concurrency]") {
  for (const auto how : {rendering::lines, rendering::terminal}) {
    stalled_output out;
    auto rt = cortex::runtime::open().value();
    const auto shown = progress::open(rt, bounded(out.output(), how)).value();
    for (int i = 0; i < 1000; ++i)
      shown.log(std::string(1000, 'x'));
    REQUIRE(shown.call(progress::list{}));
    REQUIRE(shown.dropped_lines() > 0);
    out.go_on();
    CHECK(testing::eventually([&] { return out.has("lines were dropped"); }));
    CHECK(told(out.text()) == shown.dropped_lines());
  }
}

TEST_CASE("lines that were dropped are told by the end at the latest",
          "[progress_indicators][pressure][concurrency]") {
  stalled_output out;
  {
    auto rt = cortex::runtime::open().value();
    const auto shown = progress::open(rt, bounded(out.output(), rendering::lines)).value();
    for (int i = 0; i < 1000; ++i)
      shown.log(std::string(1000, 'x'));
    REQUIRE(shown.call(progress::list{}));
    out.go_on();
    CHECK(shown.close());
    CHECK(told(out.text()) == shown.dropped_lines());
  }
}

TEST_CASE("endings and steps that nobody reads are bounded as lines are, and told",
          "[progress_indicators][pressure][concurrency]") {
  stalled_output out;
  auto rt = cortex::runtime::open().value();
  const auto shown = progress::open(rt, bounded(out.output(), rendering::lines)).value();
  const std::string name(200, 'x');
  const auto list = shown.steps({{name}});
  for (int i = 0; i < 1000; ++i) {
    list.start_step(0);
    static_cast<void>(shown.operation(name));
  }
  CHECK(shown.call(progress::list{})->size() == 1); // all others have ended all the same
  CHECK(shown.dropped_lines() > 1000);
  CHECK(measured(rt, "cortex_progress_pending_bytes") < bound + 1000);
  CHECK(measured(rt, "cortex_progress_dropped_lines_total")
        == static_cast<double>(shown.dropped_lines()));
  out.go_on();
  CHECK(testing::eventually([&] { return out.has("lines were dropped"); }));
}

TEST_CASE("an ending is still written where log lines find no more room",
          "[progress_indicators][pressure][concurrency]") {
  stalled_output out;
  auto rt = cortex::runtime::open().value();
  const auto shown = progress::open(rt, bounded(out.output(), rendering::lines)).value();
  for (int i = 0; i < 1000; ++i)
    shown.log(std::string(1000, 'x'));
  static_cast<void>(shown.operation("T").fail("broke"));
  out.go_on();
  CHECK(shown.drain(testing::default_deadline));
  CHECK(out.has("✗ T - broke\n"));
}

TEST_CASE("events that nobody reads are bounded, counted and told once",
          "[progress_indicators][pressure][events][concurrency]") {
  stalled_output events;
  auto rt = cortex::runtime::open().value();
  auto wanted = bounded(nowhere(), rendering::lines);
  wanted.events = events.output();
  const auto shown = progress::open(rt, wanted).value();
  constexpr std::uint64_t count = 5000;
  for (std::uint64_t i = 0; i < count; ++i)
    shown.info("an event that waits, of a hundred bytes or so");
  REQUIRE(shown.call(progress::list{}));
  CHECK(measured(rt, "cortex_progress_pending_event_bytes") < bound + 1000);
  const auto dropped
    = static_cast<std::uint64_t>(measured(rt, "cortex_progress_dropped_events_total"));
  CHECK(dropped > 0);
  events.go_on();
  CHECK(testing::eventually([&] { return events.has("\"dropped\""); }));
  CHECK(shown.drain(testing::default_deadline));
  std::uint64_t missing = 0;
  std::uint64_t written = 0;
  std::istringstream in{events.text()};
  for (std::string line; std::getline(in, line);)
    if (const auto each = json::parse(line); each.at("event") == "dropped")
      missing += each.at("count").get<std::uint64_t>();
    else
      ++written;
  CHECK(missing == dropped);
  CHECK(missing + written == count);
}

TEST_CASE("events come though the terminal stands still",
          "[progress_indicators][pressure][events][concurrency]") {
  stalled_output out;
  stalled_output events;
  events.go_on();
  auto rt = cortex::runtime::open().value();
  auto wanted = bounded(out.output(), rendering::terminal);
  wanted.events = events.output();
  wanted.event_interval = 100ms;
  const auto shown = progress::open(rt, wanted).value();
  const auto other = shown.spinner("a region that is drawn");
  const auto bar = shown.bar(10, "B");
  bar.log("said");
  CHECK(testing::eventually([&] { return events.has("\"said\""); }));
  bar.advance(7);
  CHECK(testing::eventually([&] { return events.has("\"position\": 7"); }));
  bar.finish();
  CHECK(testing::eventually([&] { return events.has("\"end\""); }));
  CHECK(out.text().empty());
  out.go_on();
}
