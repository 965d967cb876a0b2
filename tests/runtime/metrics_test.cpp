#include "sample_actors.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace cortex::testing {
namespace {

struct work {
  using reply = void;
  std::chrono::nanoseconds takes{0};
};

/// Its handler takes as long as it is told, on a clock moved by hand.
class timed {
public:
  using protocol = cortex::protocol<work>;
  explicit timed(manual_monotonic_clock* clock) : clock_(clock) {}
  void operator()(const work& request) { clock_->advance(request.takes); }

private:
  manual_monotonic_clock* clock_;
};

} // namespace

TEST_CASE("an actor's counters tell what became of its requests", "[metrics]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  actor_options options;
  options.mailbox_bound = 4;
  auto actor = spawn_worker(rt, options);
  for (int i = 0; i < 7; ++i)
    REQUIRE(actor.call(echo{i}));
  REQUIRE(error_of(actor.call(crash{"broken"})) == errc::internal);
  REQUIRE(error_of(actor.call(find{false})) == errc::not_found); // an answer, no failure
  std::vector<future<void>> late;
  for (int i = 0; i < 4; ++i)
    late.push_back(actor.ask(add{}, 1s));
  REQUIRE(error_of(actor.ask(add{}).get()) == errc::overloaded);
  REQUIRE(error_of(actor.ask(add{}).get()) == errc::overloaded);
  CHECK(metrics_of(rt).depth == 4);
  clock.advance(1s);
  rt.run_until_idle();

  const auto seen = metrics_of(rt);

  CHECK(seen.name == "worker");
  CHECK(seen.state == actor_state::running);
  CHECK(seen.why == "broken");
  CHECK(seen.depth == 0);
  CHECK(seen.handled == 9);
  CHECK(seen.failed == 1);
  CHECK(seen.expired == 4);
  CHECK(seen.overloaded == 2);
  CHECK(seen.restarts == 1);
  CHECK(seen.lent == 0);
  CHECK(seen.latency.count == 9);
}

TEST_CASE("latency runs from the call to the end of the handler", "[metrics]") {
  manual_monotonic_clock clock;
  auto rt = open_deterministic(&clock);
  auto actor = spawn<timed>(rt, "timed", {}, &clock);
  auto waits = actor.ask(work{100us});
  clock.advance(1ms);

  rt.run_until_idle();

  const auto seen = metrics_of(rt, "timed").latency;
  CHECK(seen.count == 1);
  CHECK(seen.mean == 1100us);
  CHECK(seen.max == 1100us);
  CHECK(waits.get());
}

TEST_CASE("actors are listed by name while they live", "[metrics]") {
  auto rt = open_deterministic();
  auto b = spawn<worker>(rt, "b", {});
  auto c = spawn<worker>(rt, "c", {});
  auto a = spawn<worker>(rt, "a", {});
  c = {};
  rt.run_until_idle();

  const auto seen = rt.metrics();

  REQUIRE(seen.size() == 2);
  CHECK(seen[0].name == "a");
  CHECK(seen[1].name == "b");
  CHECK(metrics_of(rt, "a").handled == 0);
}

TEST_CASE("metrics are read while the actor works", "[metrics][concurrency]") {
  auto rt = open_runtime();
  auto actor = spawn_worker(rt);
  bool sane = true;

  run_threads(3, [&](std::size_t thread) {
    if (thread > 0) {
      for (int i = 0; i < 2'000; ++i)
        static_cast<void>(i % 100 == 0 ? error_of(actor.call(find{}))
                                       : error_of(actor.call(echo{})));
      return;
    }
    std::uint64_t last = 0;
    for (int i = 0; i < 500; ++i) {
      const auto seen = metrics_of(rt);
      sane = sane && seen.handled >= last && seen.failed == 0 && seen.depth <= 2;
      last = seen.handled;
    }
  });

  CHECK(sane);
  CHECK(metrics_of(rt).handled == 4'000);
}

// -- histogram ------------------------------------------------------------------------------------

TEST_CASE("an empty histogram is all zero", "[metrics]") {
  const auto seen = latency_histogram{}.summary();

  CHECK(seen.count == 0);
  CHECK(seen.p50 == 0ns);
  CHECK(seen.max == 0ns);
}

TEST_CASE("small and huge durations are counted, negative ones as none", "[metrics]") {
  latency_histogram histogram;
  histogram.record(-5ns);
  histogram.record(0ns);
  histogram.record(std::chrono::hours{24 * 365});

  const auto seen = histogram.summary();

  CHECK(seen.count == 3);
  CHECK(seen.p50 == 0ns);
  CHECK(seen.max == std::chrono::hours{24 * 365});
}

TEST_CASE("durations below 8 ns are exact", "[metrics]") {
  latency_histogram histogram;
  for (int n = 0; n < 8; ++n)
    histogram.record(std::chrono::nanoseconds{n});

  const auto seen = histogram.summary();

  CHECK(seen.p50 == 4ns);
  CHECK(seen.p99 == 7ns);
  CHECK(seen.mean == 3ns);
}

TEST_CASE("quantiles are off by an eighth at most", "[metrics]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U);
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  // Log-uniform from 1 ns to 16 minutes, so that every bucket gets its share.
  std::uniform_real_distribution<double> exponent{0.0, 39.8};
  latency_histogram histogram;
  std::vector<std::int64_t> reference(10'001);
  for (auto& value : reference) {
    value = static_cast<std::int64_t>(std::exp2(exponent(random)));
    histogram.record(std::chrono::nanoseconds{value});
  }
  std::sort(reference.begin(), reference.end());

  const auto seen = histogram.summary();

  auto near = [&](std::chrono::nanoseconds reported, double quantile) {
    const auto rank
      = static_cast<std::size_t>(quantile * static_cast<double>(reference.size() - 1));
    const auto least = static_cast<double>(reference[rank - 1]);
    const auto most = static_cast<double>(reference[rank + 1]) * 1.125 + 1;
    const auto value = static_cast<double>(reported.count());
    return value >= least && value <= most;
  };
  CHECK(seen.count == reference.size());
  CHECK(near(seen.p50, 0.50));
  CHECK(near(seen.p99, 0.99));
  CHECK(seen.max.count() == reference.back());
}

TEST_CASE("a quantile is never above the greatest duration", "[metrics]") {
  latency_histogram histogram;
  for (int i = 0; i < 100; ++i)
    histogram.record(1'000'001ns);

  const auto seen = histogram.summary();

  CHECK(seen.p50 == 1'000'001ns);
  CHECK(seen.p99 == 1'000'001ns);
  CHECK(seen.mean == 1'000'001ns);
}

} // namespace cortex::testing
