// JSON events beside the view.
#include "progress_fixture.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <sstream>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct with_events : testing::progress_fixture {
  with_events() : progress_fixture(progress::rendering::terminal) {
    wanted.events.emplace();
    wanted.events->write = [text = text](std::string_view bytes) { *text += bytes; };
  }
  std::vector<json> events() {
    settle();
    std::vector<json> out;
    std::istringstream in{std::exchange(*text, {})};
    for (std::string line; std::getline(in, line);)
      out.push_back(json::parse(line));
    return out;
  }
  std::shared_ptr<std::string> text = std::make_shared<std::string>(); // the end tells, too
};

} // namespace

TEST_CASE("what happens is told as JSON lines with stable members",
          "[progress_indicators][events]") {
  with_events t;
  const auto& shown = t.open();
  {
    const auto list = shown.steps({{"a"}, {"b"}}, "List");
    list.start_step(0);
    t.pass(1500ms);
    list.complete_step(0);
    list.skip_step(1, "no \"need\"");
    shown.warning("careful\n");
  }
  const auto all = t.events();
  REQUIRE(all.size() == 6);
  CHECK(all[0]
        == json{{"event", "begin"},
                {"time", 0.0},
                {"id", 1},
                {"kind", "steps"},
                {"type", "generic"},
                {"title", "List"},
                {"parent", 0},
                {"total", 0},
                {"steps", {"a", "b"}}});
  CHECK(all[1]
        == json{{"event", "step"},
                {"time", 0.0},
                {"id", 1},
                {"index", 0},
                {"name", "a"},
                {"status", "running"},
                {"seconds", 0.0},
                {"text", ""}});
  CHECK(all[2].at("seconds") == 1.5);
  CHECK(all[3].at("text") == "no \"need\"");
  CHECK(all[3].at("seconds").is_null());
  CHECK(all[4]
        == json{{"event", "message"}, {"time", 1.5}, {"level", "warning"}, {"text", "careful\n"}});
  CHECK(all[5]
        == json{{"event", "end"},
                {"time", 1.5},
                {"id", 1},
                {"status", "completed"},
                {"text", "Done"},
                {"seconds", 1.5},
                {"position", 0},
                {"total", 0}});
}

TEST_CASE("positions are told once in each interval", "[progress_indicators][events]") {
  with_events t;
  const auto bar = t.open().bar(100, "B");
  for (int i = 0; i < 50; ++i) {
    bar.advance();
    t.pass(100ms);
  }
  std::vector<std::uint64_t> positions;
  for (const auto& each : t.events())
    if (each.at("event") == "update")
      positions.push_back(each.at("position").get<std::uint64_t>());
  CHECK(positions == std::vector<std::uint64_t>{10, 20, 30, 40, 50});
  t.pass(5s);
  CHECK(t.events().empty()); // nothing has changed
}

TEST_CASE("an event stream without a view draws nothing", "[progress_indicators][events]") {
  with_events t;
  t.wanted.rendering = progress::rendering::lines;
  const auto op = t.open().operation("T", progress::operation_type::llm_query);
  op.update("m");
  t.pass(1s);
  op.log("l");
  op.fail("no");
  const auto all = t.events();
  REQUIRE(all.size() == 4);
  CHECK(all[0].at("type") == "llm_query");
  CHECK(all[1].at("message") == "m");
  CHECK(all[2].at("event") == "log");
  CHECK(all[3].at("status") == "failed");
  CHECK(t.written == "  l\n✗ T - no\n");
}
