// What a runtime says of itself: the structs, the JSON, the text for Prometheus.

#include "sample_actors.hpp"
#include "support/exposition.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

using nlohmann::json;

/// Says what it is told to.
class told_service final : public service {
public:
  explicit told_service(service_report what) : what_(std::move(what)) {}
  [[nodiscard]] std::string name() const override { return what_.name; }
  bool stop(monotonic_time /*until*/) noexcept override { return true; }
  [[nodiscard]] service_report describe() const override { return what_; }

private:
  service_report what_;
};

service_report shelf(std::string name, std::uint64_t books = 0) {
  service_report out;
  out.kind = "shelf";
  out.label = "shelf";
  out.name = std::move(name);
  out.measures.gauge("cortex_shelf_books", "Books on it.", books);
  return out;
}

void attach(runtime& rt, service_report what) {
  REQUIRE(rt.attach(std::make_shared<told_service>(std::move(what))));
}

latency_summary durations(std::vector<std::chrono::nanoseconds> of) {
  latency_histogram out;
  for (const auto each : of)
    out.record(each);
  return out.summary();
}

actor_metrics actor_of(const latency_summary& latency, std::string name = "a") {
  actor_metrics out;
  out.name = std::move(name);
  out.latency = latency;
  return out;
}

/// The age of the oldest request of the worker.
std::chrono::nanoseconds oldest(const runtime& rt) {
  return metrics_of(rt).oldest;
}

} // namespace

TEST_CASE("a report tells what the runtime and its actors are doing", "[report]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt);
  REQUIRE(actor.call(echo{1}));
  auto waits = actor.ask(add{});
  clock.advance(3s);

  const auto seen = rt.report();

  CHECK(seen.version == version());
  CHECK(seen.uptime == 3s);
  CHECK(seen.accepting);
  CHECK(seen.workers == 4);
  REQUIRE(seen.actors.size() == 1);
  CHECK(seen.actors[0].name == "worker");
  CHECK(seen.actors[0].depth == 1);
  CHECK(seen.actors[0].bound == actor_options{}.mailbox_bound);
  CHECK(seen.actors[0].handled == 1);
  CHECK(seen.slow.empty());
  rt.run_until_idle();
  CHECK(waits.get());
}

TEST_CASE("continuations that wait for their thread are counted", "[report]") {
  auto rt = open_deterministic();
  auto actor = spawn_worker(rt);
  auto answer = actor.ask(echo{1}).then([](expected<int> one) { return one; });
  while (rt.report().actors[0].handled == 0)
    static_cast<void>(rt.continuations().help());

  CHECK(rt.report().continuations_waiting == 1);
  rt.run_until_idle();
  CHECK(rt.report().continuations_waiting == 0);
  CHECK(answer.get().value() == 1);
}

// -- the oldest request ---------------------------------------------------------------------------

TEST_CASE("the oldest request is the one in the handler, or else the first that waits",
          "[report]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.monotonic = &clock;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  CHECK(oldest(rt) == 0ns);
  held_worker held{actor};
  clock.advance(1s);
  auto waits = actor.ask(add{});
  clock.advance(1s);

  CHECK(oldest(rt) == 2s);
  held.release();
  REQUIRE(waits.get());
  CHECK(eventually([&] { return oldest(rt) == 0ns; }));
}

TEST_CASE("a request that nobody has come to yet has an age", "[report]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt);
  REQUIRE(actor.call(echo{1}));
  clock.advance(1h);
  auto first = actor.ask(echo{1});
  clock.advance(1s);
  auto second = actor.ask(echo{2});

  CHECK(oldest(rt) == 1s);
  rt.run_until_idle();
  CHECK(oldest(rt) == 0ns);
  CHECK(first.get());
  CHECK(second.get());
}

TEST_CASE("a request that waits for a restart has an age", "[report]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn_worker(rt);
  for (int i = 0; i < 2; ++i) // the second restart comes after a pause
    REQUIRE_FALSE(actor.call(crash{}));
  auto waits = actor.ask(echo{1});
  rt.run_until_idle();
  clock.advance(1s);

  CHECK(metrics_of(rt).state == actor_state::backing_off);
  CHECK(oldest(rt) == 1s);
  rt.advance(1min);
  CHECK(waits.get());
  CHECK(oldest(rt) == 0ns);
}

// -- every number ---------------------------------------------------------------------------------

TEST_CASE("every number of an actor is in the JSON and in the text for Prometheus", "[report]") {
  actor_metrics m;
  // All members by name, so that this does not compile without a new one.
  auto& [name, state, why, depth, bound, oldest, handled, failed, expired, overloaded, restarts,
         lent, latency]
    = m;
  name = "a";
  why = "broken";
  state = actor_state::failed;
  depth = 11;
  bound = 12;
  oldest = 13s;
  handled = 14;
  failed = 15;
  expired = 16;
  overloaded = 17;
  restarts = 18;
  lent = 19;
  latency = durations({20s, 20s});
  runtime_report report;
  report.actors.push_back(m);

  const auto in_json = json::parse(to_json(report)).at("actors").at(0);
  const exposition in_text{prometheus_text(report)};

  CHECK(in_json.at("name") == "a");
  CHECK(in_json.at("why") == "broken");
  CHECK(in_json.at("state") == "failed");
  CHECK(in_json.at("latency_seconds").at("count") == 2);
  CHECK(in_json.at("latency_seconds").at("sum") == 40.0);
  CHECK(in_json.at("latency_seconds").at("mean") == 20.0);
  CHECK(in_json.at("latency_seconds").at("p50") == 20.0);
  CHECK(in_json.at("latency_seconds").at("p99") == 20.0);
  CHECK(in_json.at("latency_seconds").at("max") == 20.0);
  CHECK(in_text.value("cortex_actor_state", {{"actor", "a"}, {"state", "failed"}}) == 1);
  CHECK(in_text.value("cortex_actor_state", {{"actor", "a"}, {"state", "running"}}) == 0);
  CHECK(in_text.value("cortex_actor_latency_seconds_count", {{"actor", "a"}}) == 2);
  CHECK(in_text.value("cortex_actor_latency_seconds_sum", {{"actor", "a"}}) == 40);
  const std::vector<std::pair<std::string, double>> numbers{
    {"mailbox_depth", 11},    {"mailbox_bound", 12},  {"oldest_request_seconds", 13},
    {"handled_total", 14},    {"failed_total", 15},   {"expired_total", 16},
    {"overloaded_total", 17}, {"restarts_total", 18}, {"lent_total", 19},
  };
  for (const auto& [key, value] : numbers) {
    CAPTURE(key);
    CHECK(in_json.at(key) == value);
    CHECK(in_text.value("cortex_actor_" + key, {{"actor", "a"}}) == value);
  }
}

TEST_CASE("every number of a runtime is in the JSON and in the text for Prometheus", "[report]") {
  runtime_report report;
  // All members by name, so that this does not compile without a new one.
  auto& [version, at, uptime, accepting, workers, continuations_waiting, slow_threshold, slow_total,
         actors, services, slow]
    = report;
  version = "1.2.3";
  at = wall_time{1500ms};
  uptime = 11s;
  accepting = true;
  workers = 12;
  continuations_waiting = 13;
  slow_threshold = 14s;
  slow_total = 15;
  static_cast<void>(actors);
  static_cast<void>(services);
  static_cast<void>(slow);

  const auto in_json = json::parse(to_json(report));
  const exposition in_text{prometheus_text(report)};

  CHECK(in_json.at("version") == "1.2.3");
  CHECK(in_json.at("at") == 1.5);
  CHECK(in_json.at("actors").empty());
  CHECK(in_json.at("services").empty());
  CHECK(in_json.at("slow_requests").empty());
  const auto& build = in_text.family("cortex_build_info").all.at(0);
  CHECK(build.value == 1);
  CHECK(build.labels.at("version") == "1.2.3");
  const std::vector<std::pair<std::string, double>> numbers{
    {"uptime_seconds", 11},
    {"accepting", 1},
    {"workers", 12},
    {"continuations_waiting", 13},
    {"slow_threshold_seconds", 14},
    {"slow_requests_total", 15},
  };
  for (const auto& [key, value] : numbers) {
    CAPTURE(key);
    CHECK(in_json.at(key) == value);
    CHECK(in_text.value("cortex_runtime_" + key) == value);
  }
}

// -- services -------------------------------------------------------------------------------------

TEST_CASE("a service describes itself in a report", "[report]") {
  auto rt = open_deterministic();
  auto said = shelf("kitchen", 7);
  said.measures.counter("cortex_shelf_read_total", "Books read.", std::uint64_t{3});
  said.measures.gauge("cortex_shelf_row_books", "Books in the row.", std::uint64_t{4},
                      {"row", "upper"});
  said.measures.gauge("cortex_shelf_row_books", "Books in the row.", std::uint64_t{5},
                      {"row", "lower"});
  said.details.push_back({"colour", "white"});
  said.lists.push_back({"visitors", {{{"name", "Ann"}, {"age_seconds", 1.5}, {"quiet", true}}}});
  attach(rt, said);

  const auto report = rt.report();
  const auto in_json = json::parse(to_json(report)).at("services").at(0);
  const exposition in_text{prometheus_text(report)};

  CHECK(in_json == json::parse(R"({"kind": "shelf", "name": "kitchen", "books": 7, "read_total": 3,
                           "row_books": {"upper": 4, "lower": 5}, "colour": "white",
                           "visitors": [{"name": "Ann", "age_seconds": 1.5, "quiet": true}]})"));
  CHECK(in_text.value("cortex_shelf_books", {{"shelf", "kitchen"}}) == 7);
  CHECK(in_text.value("cortex_shelf_row_books", {{"shelf", "kitchen"}, {"row", "lower"}}) == 5);
}

TEST_CASE("services of one name are told apart, and those with nothing to say are left out",
          "[report]") {
  auto rt = open_deterministic();
  attach(rt, shelf("twin", 1));
  attach(rt, {});
  attach(rt, shelf("twin", 2));

  const auto report = rt.report();

  REQUIRE(report.services.size() == 2);
  CHECK(report.services[0].name == "twin");
  CHECK(report.services[1].name == "twin#2");
  CHECK(exposition{prometheus_text(report)}.value("cortex_shelf_books", {{"shelf", "twin#2"}})
        == 2);
}

TEST_CASE("all series of a metric stand together under one help and type", "[report]") {
  runtime_report report;
  for (const auto* name : {"a", "b", "c"}) {
    report.actors.push_back(actor_of({}, name));
    report.services.push_back(shelf(name));
  }

  const exposition in_text{prometheus_text(report)}; // throws if they do not

  CHECK(in_text.family("cortex_actor_handled_total").all.size() == 3);
  CHECK(in_text.family("cortex_shelf_books").all.size() == 3);
}

// -- texts ----------------------------------------------------------------------------------------

TEST_CASE("names with quotes, line ends and broken UTF-8 come through", "[report]") {
  const std::string odd = "a \"b\"\\\n\tc \x01 \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x8D\x80";
  const std::string broken = "x\xFF\xC3y\xED\xA0\x80z\xF4\x90\x80\x80\xC0\x80\xE2\x82";
  const std::string mark = "\xEF\xBF\xBD";
  const auto mended = "x" + mark + mark + "y" + mark + mark + mark + "z" + mark + mark + mark + mark
                      + mark + mark + mark + mark;
  runtime_report report;
  report.services = {shelf(odd, 1), shelf(broken, 2)};

  const auto in_json = json::parse(to_json(report)).at("services");
  const exposition in_text{prometheus_text(report)};

  CHECK(in_json.at(0).at("name") == odd);
  CHECK(in_json.at(1).at("name") == mended);
  CHECK(in_text.value("cortex_shelf_books", {{"shelf", odd}}) == 1);
  CHECK(in_text.value("cortex_shelf_books", {{"shelf", mended}}) == 2);
}

TEST_CASE("numbers come through whole", "[report]") {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  auto said = shelf("full", largest);
  said.details.push_back({"nothing", std::numeric_limits<double>::quiet_NaN()});
  said.details.push_back({"third", 1.0 / 3});
  runtime_report report;
  report.services = {said};

  const auto in_json = json::parse(to_json(report)).at("services").at(0);

  CHECK(in_json.at("books") == largest);
  CHECK(in_json.at("nothing").is_null());
  CHECK(in_json.at("third") == 1.0 / 3);
  CHECK(prometheus_text(report).find(" 18446744073709551615\n") != std::string::npos);
}

// -- histograms -----------------------------------------------------------------------------------

TEST_CASE("each bucket holds exactly the durations up to its bound", "[report]") {
  std::vector<std::chrono::nanoseconds> all{0ns, 1h};
  std::mt19937_64 random{7};
  for (std::size_t i = 0; i < latency_summary::bounds; ++i) {
    const auto bound = latency_summary::bound(i);
    for (const auto each : {bound - 1ns, bound, bound + 1ns})
      all.push_back(each);
    all.emplace_back(std::uniform_int_distribution<std::int64_t>{0, bound.count()}(random));
  }
  runtime_report report;
  report.actors.push_back(actor_of(durations(all)));

  const exposition in_text{prometheus_text(report)};

  const auto& lines = in_text.family("cortex_actor_latency_seconds").all;
  REQUIRE(lines.size() == latency_summary::bounds + 3);
  for (std::size_t i = 0; i < latency_summary::bounds; ++i) {
    const auto bound = latency_summary::bound(i);
    CAPTURE(bound.count());
    CHECK(std::stod(lines[i].labels.at("le")) == std::chrono::duration<double>{bound}.count());
    const auto within = std::count_if(all.begin(), all.end(), [&](auto d) { return d <= bound; });
    CHECK(lines[i].value == static_cast<double>(within));
  }
  CHECK(lines[latency_summary::bounds].labels.at("le") == "+Inf");
  CHECK(lines[latency_summary::bounds].value == static_cast<double>(all.size()));
}

// -- at work --------------------------------------------------------------------------------------

TEST_CASE("a report is read while eight threads are at work", "[report][concurrency]") {
  runtime_options options;
  options.slow_request = 1ns; // each request goes through the log of slow ones
  options.slow_requests_kept = 4;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  constexpr std::uint64_t requests = 500;

  run_threads(10, [&](std::size_t thread) {
    if (thread < 2) {
      for (int i = 0; i < 50; ++i) {
        const auto report = rt.report();
        const exposition in_text{prometheus_text(report)};
        const auto in_json = json::parse(to_json(report));
        if (report.slow.size() > 4 || in_json.at("actors").size() != 1)
          throw std::runtime_error{"a report that cannot be"};
      }
      return;
    }
    for (std::uint64_t i = 0; i < requests; ++i)
      if (thread % 2 == 0)
        static_cast<void>(actor.call(echo{}));
      else
        static_cast<void>(actor.ask(echo{}).get());
  });

  const auto report = rt.report();
  CHECK(report.actors.at(0).handled == 8 * requests);
  CHECK(report.slow.size() == 4);
}

} // namespace cortex::testing
