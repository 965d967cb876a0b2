#include "sample_actors.hpp"

#include <string>

namespace cortex::testing {
namespace {

bool names(const error& problem, std::string_view option) {
  return problem.detail.find(option) != std::string::npos;
}

} // namespace

TEST_CASE("the default options are good", "[options]") {
  CHECK(validate(runtime_options{}));
  CHECK(validate(actor_options{}));
}

TEST_CASE("every bad option of a runtime is named in one error", "[options][errors]") {
  runtime_options options;
  options.workers = 257;
  options.default_deadline = 0ns;
  options.stop_deadline = -1ns;
  options.slow_request = -1ns;
  options.slow_requests_kept = 0;

  auto opened = runtime::open(options);

  REQUIRE(error_of(opened) == errc::invalid_argument);
  CHECK(names(opened.error(), "workers"));
  CHECK(names(opened.error(), "default_deadline"));
  CHECK(names(opened.error(), "stop_deadline"));
  CHECK(names(opened.error(), "slow_request:"));
  CHECK(names(opened.error(), "slow_requests_kept"));
}

TEST_CASE("every bad option of an actor is named in one error", "[options][errors]") {
  auto rt = open_runtime();
  actor_options options;
  options.mailbox_bound = 0;
  options.default_deadline = -1ns;
  options.tick = -1ns;
  options.restart.window = 0ns;
  options.restart.min_backoff = 0ns;
  options.restart.max_backoff = -1ns;

  auto spawned = rt.spawn<worker>(
    "worker", [] { return std::make_unique<worker>(); }, options);

  REQUIRE(error_of(spawned) == errc::invalid_argument);
  for (auto option :
       {"mailbox_bound", "default_deadline", "tick", "window", "min_backoff", "max_backoff"})
    CHECK(names(spawned.error(), option));
  CHECK(rt.metrics().empty());
}

TEST_CASE("only the bad options are named", "[options][errors]") {
  runtime_options options;
  options.default_deadline = -5s;

  const auto verdict = validate(options);

  REQUIRE(error_of(verdict) == errc::invalid_argument);
  CHECK(names(verdict.error(), "default_deadline"));
  CHECK_FALSE(names(verdict.error(), "workers"));
  CHECK_FALSE(names(verdict.error(), "stop_deadline"));
}

TEST_CASE("the limits of the options are good values", "[options]") {
  runtime_options least;
  least.workers = 1;
  least.default_deadline = 1ns;
  least.stop_deadline = 1ns;
  least.slow_requests_kept = 1;
  runtime_options most;
  most.workers = 256;
  most.default_deadline = std::chrono::nanoseconds::max();
  most.slow_request = std::chrono::nanoseconds::max();
  most.slow_requests_kept = 65'536;
  actor_options actor;
  actor.mailbox_bound = 1;
  actor.restart = {0, 1ns, 1ns, 1ns};

  CHECK(validate(least));
  CHECK(validate(most));
  CHECK(validate(actor));
}

TEST_CASE("a runtime shows its options and clocks", "[options]") {
  manual_wall_clock wall{wall_time{5s}};
  manual_monotonic_clock monotonic;
  runtime_options options;
  options.workers = 3;
  options.wall = &wall;
  options.monotonic = &monotonic;

  auto rt = open_runtime(options);
  wall.advance(2s);
  monotonic.advance(7s);

  CHECK(rt.options().workers == 3);
  CHECK(rt.wall().now() == wall_time{7s});
  CHECK(&rt.monotonic() == &monotonic);
}

TEST_CASE("a manual wall clock goes where it is set, back included", "[options]") {
  manual_wall_clock wall;

  wall.set(wall_time{100s});
  CHECK(wall.now() == wall_time{100s});
  wall.set(wall_time{40s});
  CHECK(wall.now() == wall_time{40s});
}

TEST_CASE("an actor's name is 1 to 64 letters, digits or _ - .", "[options][errors]") {
  auto rt = open_runtime();
  auto spawned = [&](std::string name) {
    return error_of(rt.spawn<worker>(std::move(name), [] { return std::make_unique<worker>(); }));
  };

  CHECK(spawned("") == errc::invalid_argument);
  CHECK(spawned(std::string(65, 'a')) == errc::invalid_argument);
  CHECK(spawned("a b") == errc::invalid_argument);
  CHECK(spawned("na\303\257ve") == errc::invalid_argument);
  CHECK(spawned(std::string{"a\0b", 3}) == errc::invalid_argument);
  CHECK_FALSE(spawned(std::string(64, 'a')));
  CHECK_FALSE(spawned("Aa0_-.z"));
}

TEST_CASE("log lines reach the sink, and a sink that throws harms nobody", "[options]") {
  std::vector<std::string> lines;
  runtime_options options;
  options.log = [&](severity, std::string_view component, std::string_view text) {
    lines.push_back(std::string{component} + ": " + std::string{text});
    throw std::runtime_error{"sink"};
  };
  auto rt = open_runtime(options);

  rt.log(severity::info, "test", "a line");

  CHECK(lines == std::vector<std::string>{"test: a line"});
}

} // namespace cortex::testing
