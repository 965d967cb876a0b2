// The recorded output of the original, in the rendering `fallback`.
#include "progress_fixture.hpp"
#include "support/vectors.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace testing = cortex::testing;
namespace progress = cortex::progress_indicators;
using nlohmann::json;

namespace {

constexpr const char* file = "progress_indicators";

/// `2025-12-22T10:00:01.250000`, on a clock of the test's own.
cortex::monotonic_time time_of(const std::string& stamp) {
  std::tm parts{};
  double seconds = 0;
  REQUIRE(std::sscanf(stamp.c_str(), "%d-%d-%dT%d:%d:%lf", &parts.tm_year, &parts.tm_mon,
                      &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &seconds)
          == 6);
  const auto minutes
    = std::chrono::minutes{(parts.tm_mday * 24 + parts.tm_hour) * 60 + parts.tm_min};
  const auto micros = std::chrono::microseconds{static_cast<std::int64_t>(seconds * 1e6 + 0.5)};
  return cortex::monotonic_time{minutes + micros};
}

std::optional<cortex::monotonic_time> maybe_time(const json& value) {
  return value.is_null() ? std::nullopt : std::optional{time_of(value.get<std::string>())};
}

progress::step_status status_of(const std::string& name) {
  for (const auto each : {progress::step_status::pending, progress::step_status::running,
                          progress::step_status::completed, progress::step_status::failed,
                          progress::step_status::skipped})
    if (progress::to_string(each) == name)
      return each;
  throw std::runtime_error{name};
}

std::string argument(const json& action, std::size_t index, const std::string& otherwise = "") {
  const auto& all = action.at("arguments");
  return all.size() > index ? all[index].get<std::string>() : otherwise;
}

/// What is wanted of an action that rests on a defect, if it is told.
bool wanted_output(const json& action, std::string& out, testing::case_counter& counted) {
  const auto defects = testing::defects_of(action);
  if (defects.empty()) {
    out = action.at("output").get<std::string>();
    return true;
  }
  if (action.contains("corrected")) {
    out = action.at("corrected").at("output").get<std::string>();
    return true;
  }
  counted.skipped(defects);
  return false;
}

} // namespace

TEST_CASE("names, icons, colours and glyphs are those of the vectors",
          "[progress_indicators][vectors]") {
  const auto all = testing::read_vectors(file);
  for (const auto& [name, icon] : all.at("operation_icons").items()) {
    CHECK(progress::to_string(progress::operation_type_of(name)) == name);
    CHECK(progress::icon(progress::operation_type_of(name)) == icon.get<std::string>());
  }
  CHECK(progress::operation_type_of("unheard of") == progress::operation_type::generic);
  for (const auto& [name, color] : all.at("status_colors").items())
    CHECK(progress::color(status_of(name)) == color.get<std::string>());

  testing::progress_fixture t;
  auto spinner = t.open().spinner("m");
  std::string wanted;
  for (const auto& glyph : all.at("spinner_glyphs"))
    wanted += "\r" + glyph.get<std::string>() + " m";
  t.pass(std::chrono::milliseconds{100} * all.at("spinner_glyphs").size());
  CHECK(t.taken() == wanted);
}

TEST_CASE("steps last as long as the vectors say", "[progress_indicators][vectors]") {
  testing::case_counter counted{"step_duration"};
  for (const auto& each : testing::read_vectors(file, "step_duration")) {
    progress::step which;
    which.start_time = maybe_time(each.at("start_time"));
    which.end_time = maybe_time(each.at("end_time"));
    const auto got = which.duration_seconds(time_of(each.at("now").get<std::string>()));
    CHECK(got.has_value() == !each.at("duration_seconds").is_null());
    if (got)
      CHECK(*got == each.at("duration_seconds").get<double>());
    counted.ran();
  }
  counted.require_any();
}

TEST_CASE("progress by steps is that of the vectors", "[progress_indicators][vectors]") {
  testing::case_counter counted{"context_progress"};
  for (const auto& each : testing::read_vectors(file, "context_progress")) {
    progress::context all;
    for (const auto& name : each.at("statuses")) {
      all.steps.push_back({"s"});
      all.steps.back().status = status_of(name.get<std::string>());
    }
    CHECK(all.total_steps() == each.at("total_steps").get<std::size_t>());
    CHECK(all.completed_steps() == each.at("completed_steps").get<std::size_t>());
    CHECK(all.overall_progress() == each.at("overall_progress").get<double>());
    counted.ran();
  }
  counted.require_any();
}

TEST_CASE("bars over items write the bytes of the vectors", "[progress_indicators][vectors]") {
  testing::case_counter counted{"progress_bar"};
  for (const auto& each : testing::read_vectors(file, "progress_bar")) {
    testing::progress_fixture t;
    const std::vector<int> items(each.at("item_count").get<std::size_t>());
    std::size_t seen = 0;
    for ([[maybe_unused]] const int item :
         t.open().progress_bar(items, each.at("description").get<std::string>()))
      ++seen;
    CHECK(seen == items.size());
    CHECK(t.taken() == each.at("output").get<std::string>());
    counted.ran();
  }
  counted.require_any();
}

TEST_CASE("downloads write the bytes of the vectors", "[progress_indicators][vectors]") {
  testing::case_counter counted{"download"};
  for (const auto& each : testing::read_vectors(file, "download")) {
    INFO("case " << each.at("name"));
    testing::progress_fixture t;
    const auto start = t.clock.at;
    const auto load = t.open().download(each.at("total_bytes").get<std::uint64_t>(),
                                        each.at("description").get<std::string>());
    for (const auto& action : each.at("actions")) {
      t.clock.at = start
                   + std::chrono::microseconds{static_cast<std::int64_t>(
                     action.at("seconds_since_start").get<double>() * 1e6)};
      const auto what = action.at("action").get<std::string>();
      if (what == "update")
        load.update(action.at("arguments")[0].get<std::uint64_t>());
      else if (what == "complete")
        load.complete();
      else
        load.fail(argument(action, 0));
      const auto got = t.taken();
      if (std::string wanted; wanted_output(action, wanted, counted)) {
        CHECK(got == wanted);
        counted.ran();
      }
      CHECK(load.downloaded() == action.at("downloaded").get<std::uint64_t>());
    }
  }
  counted.require_any();
}

TEST_CASE("lists of steps write the bytes of the vectors", "[progress_indicators][vectors]") {
  testing::case_counter counted{"multi_step"};
  for (const auto& each : testing::read_vectors(file, "multi_step")) {
    INFO("case " << each.at("name"));
    testing::progress_fixture t;
    std::vector<progress::step> steps;
    for (const auto& item : each.at("steps"))
      steps.push_back({item.at("name").get<std::string>(), item.value("description", "")});
    const auto list = t.open().steps(steps, each.at("title").get<std::string>());
    for (const auto& action : each.at("actions")) {
      const auto what = action.at("action").get<std::string>();
      if (action.contains("now"))
        t.clock.at = time_of(action.at("now").get<std::string>());
      const auto index = action.contains("arguments") && !action.at("arguments").empty()
                           ? action.at("arguments")[0].get<std::int64_t>()
                           : 0;
      if (what == "start_step")
        list.start_step(index);
      else if (what == "complete_step")
        list.complete_step(index);
      else if (what == "fail_step")
        list.fail_step(index, argument(action, 1));
      else if (what == "skip_step")
        list.skip_step(index, argument(action, 1));
      else if (what == "finish")
        list.finish();
      const auto got = t.taken();
      if (std::string wanted; wanted_output(action, wanted, counted)) {
        CHECK(got == wanted);
        counted.ran();
      }
      const auto now = list.context().value();
      if (action.contains("statuses")) {
        std::vector<std::string> statuses;
        for (const auto& step : now.steps)
          statuses.emplace_back(progress::to_string(step.status));
        CHECK(statuses == action.at("statuses").get<std::vector<std::string>>());
        CHECK(now.current_step == action.at("current_step").get<std::int64_t>());
      }
    }
    const auto last = list.context().value();
    for (std::size_t i = 0; i < last.steps.size(); ++i) {
      const auto& wanted = each.at("final")[i];
      CHECK(last.steps[i].description == wanted.at("description").get<std::string>());
      CHECK(last.steps[i].progress == wanted.at("progress").get<double>());
      CHECK(last.steps[i].error_message.has_value() == !wanted.at("error_message").is_null());
    }
  }
  counted.require_any();
}

TEST_CASE("messages have the marks of the vectors", "[progress_indicators][vectors]") {
  testing::case_counter counted{"messages"};
  testing::progress_fixture t;
  const auto& shown = t.open();
  for (const auto& each : testing::read_vectors(file, "messages")) {
    const auto text = each.at("message").get<std::string>();
    shown.success(text);
    CHECK(t.taken() == each.at("success").get<std::string>());
    shown.error(text);
    CHECK(t.taken() == each.at("error").get<std::string>());
    shown.warning(text);
    CHECK(t.taken() == each.at("warning").get<std::string>());
    shown.info(text);
    CHECK(t.taken() == each.at("info").get<std::string>());
    counted.ran();
  }
  counted.require_any();
}

TEST_CASE("spinners do as the vectors say", "[progress_indicators][vectors]") {
  testing::case_counter counted{"spinner"};
  for (const auto& each : testing::read_vectors(file, "spinner")) {
    if (const auto defects = testing::defects_of(each); !defects.empty()) {
      counted.skipped(defects);
      continue;
    }
    INFO("case " << each.at("name"));
    testing::progress_fixture t;
    const auto spinner = t.open().spinner();
    for (const auto& action : each.at("actions")) {
      const auto what = action.at("action").get<std::string>();
      if (what == "start")
        spinner.start(argument(action, 0));
      else if (what == "update")
        spinner.update(argument(action, 0));
      else if (what == "stop")
        spinner.stop(argument(action, 0));
      else
        spinner.fail(argument(action, 0));
      CHECK(t.taken() == action.at("output").get<std::string>());
      CHECK(spinner.context()->message == action.at("message").get<std::string>());
      CHECK((spinner.status() == progress::status::running) == action.at("running").get<bool>());
    }
    counted.ran();
  }
  counted.require_any();
}

TEST_CASE("operations do as the vectors say", "[progress_indicators][vectors]") {
  testing::case_counter counted{"operation"};
  for (const auto& each : testing::read_vectors(file, "operation")) {
    INFO("case " << each.at("name"));
    auto wanted = each;
    if (const auto defects = testing::defects_of(each); !defects.empty()) {
      if (!each.contains("corrected")) {
        counted.skipped(defects);
        continue;
      }
      wanted = each.at("corrected");
    }
    testing::progress_fixture t;
    const auto& shown = t.open();
    std::optional<progress::context> after;
    const auto raises = each.at("body_raises");
    const auto body = [&](progress::operation& handle) {
      for (const auto& action : each.at("actions")) {
        const auto what = action[0].get<std::string>();
        const auto text = action.size() > 1 ? std::optional{action[1].get<std::string>()}
                                            : std::nullopt;
        if (what == "update")
          handle.update(*text);
        else if (what == "log")
          handle.log(*text);
        else if (what == "complete")
          text ? handle.complete(*text) : handle.complete();
        else
          text ? handle.fail(*text) : handle.fail();
      }
      if (raises == "error")
        throw std::runtime_error{each.at("raises").at("text").get<std::string>()};
      if (raises == "interrupt")
        throw progress::cancelled{};
    };
    const auto title = each.at("title").get<std::string>();
    if (raises.is_null()) {
      auto handle = shown.operation(title);
      body(handle);
      handle.complete(); // what the end of its scope does
      after = handle.context().value();
    } else {
      std::uint64_t id = 0;
      CHECK_THROWS(
        shown.run(title, progress::operation_type::generic, [&](progress::operation& handle) {
          id = handle.id();
          body(handle);
        }));
      CHECK(id != 0);
    }
    CHECK(t.taken() == wanted.at("output").get<std::string>());
    if (after) {
      CHECK(progress::to_string(after->status) == wanted.at("context_status").get<std::string>());
      CHECK(after->end_time.has_value());
    }
    counted.ran();
  }
  counted.require_any();
}

TEST_CASE("spinner scopes do as the vectors say", "[progress_indicators][vectors]") {
  testing::case_counter counted{"spinner_context"};
  for (const auto& each : testing::read_vectors(file, "spinner_context")) {
    testing::progress_fixture t;
    const auto& shown = t.open();
    const auto body = [&] {
      const auto spinner = shown.spinner(each.at("message").get<std::string>());
      for (const auto& text : each.at("updates"))
        spinner.update(text.get<std::string>());
      if (each.at("body_raises").get<bool>())
        throw std::runtime_error{"broke"};
    };
    if (each.at("body_raises").get<bool>())
      CHECK_THROWS(body());
    else
      body();
    CHECK(t.taken()
          == (each.contains("corrected_output") ? each.at("corrected_output") : each.at("output"))
               .get<std::string>());
    counted.ran();
  }
  counted.require_any();
}
