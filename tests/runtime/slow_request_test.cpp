// Slow requests: where their time went, which are kept, what is told of them.

#include "cortex/request_trace.hpp"

#include "sample_actors.hpp"

#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

using detail::moment;

struct work {
  using reply = std::string;
  std::chrono::nanoseconds takes{0};
  std::string text;
};
struct postpone {
  using reply = void;
};
struct finish {
  using reply = void;
};

/// Its handlers take as long as they are told, on a clock moved by hand.
class timed {
public:
  using protocol = cortex::protocol<work, postpone, finish>;
  explicit timed(manual_monotonic_clock* clock) : clock_(clock) {}
  std::string operator()(const work& request) {
    clock_->advance(request.takes);
    return request.text;
  }
  void operator()(const postpone&, promise<void> owed) { owed_ = std::move(owed); }
  void operator()(const finish&) { owed_.set({}); }

private:
  manual_monotonic_clock* clock_;
  promise<void> owed_;
};

/// A deterministic runtime that looks for requests over 10 ms.
struct watched_runtime {
  explicit watched_runtime(std::size_t kept = 64) : rt{open(kept)} {}
  runtime open(std::size_t kept) {
    runtime_options options;
    options.deterministic = true;
    options.monotonic = &clock;
    options.wall = &wall;
    options.slow_request = 10ms;
    options.slow_requests_kept = kept;
    options.log
      = [this](severity, std::string_view, std::string_view text) { lines.emplace_back(text); };
    return open_runtime(options);
  }
  [[nodiscard]] std::vector<slow_request> slow() const { return rt.report().slow; }

  manual_monotonic_clock clock;
  manual_wall_clock wall{wall_time{1h}};
  std::vector<std::string> lines;
  runtime rt;
  handle<timed::protocol> actor = spawn<timed>(rt, "timed", {}, &clock);
};

monotonic_time at(std::chrono::nanoseconds time) {
  return monotonic_time{time};
}

std::chrono::nanoseconds sum_of(const stage_times& all) {
  std::chrono::nanoseconds out{0};
  for (const auto each : all.by_stage)
    out += each;
  return out;
}

} // namespace

// -- the split ------------------------------------------------------------------------------------

TEST_CASE("a write's time is split among its stages", "[slow]") {
  detail::moments way{};
  auto note = [&](moment which, std::chrono::nanoseconds time) {
    way[static_cast<std::size_t>(which)] = at(time);
  };
  note(moment::called, 100ms);
  note(moment::queued, 101ms);
  note(moment::collected, 111ms);
  note(moment::run, 113ms);
  note(moment::ran, 116ms);
  note(moment::commit, 120ms);
  note(moment::committed, 150ms);
  note(moment::answered, 151ms);

  const auto stages = detail::split(way, stage::lane, at(155ms));

  CHECK(stages[stage::admission] == 1ms);
  CHECK(stages[stage::lane] == 10ms);
  CHECK(stages[stage::group] == 2ms + 4ms);
  CHECK(stages[stage::execute] == 3ms);
  CHECK(stages[stage::commit] == 30ms);
  CHECK(stages[stage::reply] == 1ms + 4ms);
  CHECK(sum_of(stages) == 55ms);
}

TEST_CASE("whatever is known and in whatever order, the stages make up the whole", "[slow]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  std::uniform_int_distribution<int> time{1, 1000};
  bool whole = true;
  for (int round = 0; round < 5'000; ++round) {
    detail::moments way{};
    for (auto& each : way)
      if (random() % 3 != 0)
        each = at(std::chrono::nanoseconds{time(random)});
    way.front() = at(std::chrono::nanoseconds{time(random)});
    const auto end = way.front() + std::chrono::nanoseconds{time(random)};

    const auto stages = detail::split(way, stage::mailbox, end);

    whole = whole && sum_of(stages) == end - way.front();
    for (const auto each : stages.by_stage)
      whole = whole && each >= 0ns;
  }
  CHECK(whole);
}

// -- requests -------------------------------------------------------------------------------------

TEST_CASE("a slow request tells how long it waited and how long it was handled", "[slow]") {
  watched_runtime t;
  auto answer = t.actor.ask(work{20ms, ""});
  t.clock.advance(30ms);
  t.rt.run_until_idle();
  REQUIRE(answer.get());

  const auto seen = t.slow();

  REQUIRE(seen.size() == 1);
  CHECK(seen[0].number == 1);
  CHECK(seen[0].part == "timed");
  CHECK(seen[0].what == "work");
  CHECK(seen[0].cause.empty());
  CHECK(seen[0].total == 50ms);
  CHECK(seen[0].stages[stage::mailbox] == 30ms);
  CHECK(seen[0].stages[stage::handler] == 20ms);
  CHECK(seen[0].at == t.wall.now());
  CHECK(t.rt.report().slow_total == 1);
  CHECK(t.rt.report().slow_threshold == 10ms);
}

TEST_CASE("a request that is answered after its handler tells how long it was handed on",
          "[slow]") {
  watched_runtime t;
  auto answer = t.actor.ask(postpone{});
  t.rt.run_until_idle();
  t.clock.advance(40ms);
  REQUIRE(t.actor.call(finish{}));
  REQUIRE(answer.get());

  const auto seen = t.slow();

  REQUIRE(seen.size() == 1);
  CHECK(seen[0].what == "postpone");
  CHECK(seen[0].stages[stage::handler] == 0ms);
  CHECK(seen[0].stages[stage::handed_on] == 40ms);
}

TEST_CASE("a call is told of once, by the caller who waited", "[slow]") {
  watched_runtime t;
  REQUIRE(t.actor.call(work{20ms, ""}));

  const auto seen = t.slow();

  REQUIRE(seen.size() == 1);
  CHECK(seen[0].stages[stage::handler] == 20ms);
  CHECK(seen[0].total == 20ms);
}

TEST_CASE("a request whose time runs out in the mailbox is told of", "[slow][errors]") {
  watched_runtime t;
  auto late = t.actor.ask(work{}, 15ms);
  t.clock.advance(16ms);
  t.rt.run_until_idle();
  REQUIRE(error_of(late.get()) == errc::timeout);

  const auto seen = t.slow();

  REQUIRE(seen.size() == 1);
  CHECK(seen[0].stages[stage::mailbox] == 16ms);
}

TEST_CASE("a caller who leaves before the answer tells where the request then was",
          "[slow][errors]") {
  runtime_options options;
  options.slow_request = 1ns;
  auto rt = open_runtime(options);
  auto actor = spawn_worker(rt);
  held_worker held{actor};

  REQUIRE(error_of(actor.call(echo{}, 20ms)) == errc::timeout);

  const auto seen = rt.report().slow;
  REQUIRE_FALSE(seen.empty());
  CHECK(seen[0].what == "echo");
  CHECK(seen[0].stages[stage::mailbox] > 0ns);
  CHECK(seen[0].stages[stage::handler] == 0ns);
}

TEST_CASE("what is not over the threshold is not kept, nor anything while nobody looks", "[slow]") {
  watched_runtime t;
  REQUIRE(t.actor.call(work{10ms, ""}));
  CHECK(t.slow().empty());
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn<timed>(rt, "timed", {}, &clock);

  REQUIRE(actor.call(work{1h, ""}, 2h));

  CHECK(rt.report().slow.empty());
  CHECK(rt.report().slow_total == 0);
  CHECK(rt.slow_requests() == nullptr);
}

TEST_CASE("the newest slow requests are kept", "[slow]") {
  watched_runtime t{3};
  for (int i = 1; i <= 5; ++i)
    REQUIRE(t.actor.call(work{i * 100ms, ""}));

  const auto seen = t.slow();

  REQUIRE(seen.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(seen[i].number == i + 3);
    CHECK(seen[i].total == (static_cast<int>(i) + 3) * 100ms);
  }
  CHECK(t.rt.report().slow_total == 5);
  CHECK(t.slow().size() == 3); // looking takes nothing away
}

TEST_CASE("a promise that is answered after its runtime has ended is no slow request",
          "[slow][errors]") {
  std::vector<promise<int>> kept;
  struct keeper {
    using protocol = cortex::protocol<keep>;
    std::vector<promise<int>>* kept;
    void operator()(const keep&, promise<int> owed) { kept->push_back(std::move(owed)); }
  };
  std::optional<future<int>> answer;
  {
    const manual_monotonic_clock clock; // nobody may look at it later
    runtime_options options;
    options.monotonic = &clock;
    options.slow_request = 1ns;
    auto rt = open_runtime(options);
    auto actor = rt.spawn<keeper>("keeper", [&kept] { return keeper{&kept}; }).value();
    answer = actor.ask(keep{}, 1h);
    REQUIRE(eventually([&] { return metrics_of(rt, "keeper").handled == 1; }));
    REQUIRE(rt.stop());
  }

  kept.front().set(1);

  CHECK(answer->get().value() == 1);
}

// -- the log --------------------------------------------------------------------------------------

TEST_CASE("slow requests are logged, one line a second, with those left out counted", "[slow]") {
  watched_runtime t;
  for (int i = 0; i < 4; ++i)
    REQUIRE(t.actor.call(work{20ms, ""}));
  REQUIRE(t.lines.size() == 1);
  CHECK(t.lines[0] == "'timed' work took 20 ms: handler 20 ms");
  t.clock.advance(1s);

  REQUIRE(t.actor.call(work{1234ms, ""}));

  REQUIRE(t.lines.size() == 2);
  CHECK(t.lines[1] == "'timed' work took 1.23 s: handler 1.23 s; 3 more since the last line");
}

TEST_CASE("nothing that a request or an answer carries is told", "[slow][security]") {
  watched_runtime t;
  const std::string secret = "sk-0123456789abcdef0123456789";
  REQUIRE(t.actor.call(work{20ms, secret}).value() == secret);
  const auto report = t.rt.report();

  REQUIRE(report.slow.size() == 1);

  CHECK(to_json(report).find(secret) == std::string::npos);
  CHECK(prometheus_text(report).find(secret) == std::string::npos);
  for (const auto& line : t.lines)
    CHECK(line.find(secret) == std::string::npos);
}

TEST_CASE("a log that throws does no harm to the request", "[slow][errors]") {
  manual_monotonic_clock clock;
  runtime_options options;
  options.deterministic = true;
  options.monotonic = &clock;
  options.slow_request = 1ms;
  options.log = [](severity, std::string_view, std::string_view) {
    throw std::runtime_error{"the disk is full"};
  };
  auto rt = open_runtime(options);
  auto actor = spawn<timed>(rt, "timed", {}, &clock);

  CHECK(actor.call(work{20ms, "fine"}).value() == "fine");
  CHECK(rt.report().slow.size() == 1);
}

TEST_CASE("request types are named without their namespaces", "[slow]") {
  CHECK(detail::type_name<work>() == "work");
  CHECK(detail::type_name<runtime_options>() == "runtime_options");
  CHECK(detail::type_name<int>() == "int");
}

} // namespace cortex::testing
