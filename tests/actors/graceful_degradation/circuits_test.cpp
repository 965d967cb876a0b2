// Modes, failures and circuits as a plain class, with time as an argument.
#include "cortex/graceful_degradation/fallback_state.hpp"

#include "manager_fixture.hpp"

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::errc;
using degraded::circuit_state;
using degraded::mode;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;
using places = std::vector<std::size_t>;

/// A state whose interval is a minute, and a clock.
struct setup {
  degraded::fallback_state state{60s};
  cortex::monotonic_time now{1h};

  places admit(const names& whom) { return state.admit(whom, now)->ask; }
  void failed(const names& whom, bool cached = false) {
    degraded::outcome how;
    how.permitted = whom;
    for (const auto& each : whom)
      how.failed.push_back({each, each + " is down"});
    how.forced = state.admit({}, now)->forced;
    state.report(how, cached, now);
  }
  void answered(const std::string& by, const names& permitted) {
    degraded::outcome how;
    how.permitted = permitted;
    how.answered = by;
    state.report(how, true, now);
  }
  void checked(degraded::api_status found, bool cached = false) {
    degraded::health what;
    what.status = found;
    state.checked(what, cached, now);
  }
  degraded::manager_status told() const {
    degraded::manager_status out;
    state.describe(out, now);
    return out;
  }
  circuit_state circuit_of(const std::string& name) const {
    for (const auto& each : told().circuits)
      if (each.provider == name)
        return each.state;
    FAIL("no circuit '" << name << "'");
    return {};
  }
};

} // namespace

TEST_CASE("GD-8: after a failure the model is asked again once the interval is over",
          "[graceful_degradation]") {
  setup s;
  CHECK(s.admit({"a"}) == places{0});
  s.failed({"a"});
  CHECK(s.state.mode() == mode::cached_only);
  CHECK(s.circuit_of("a") == circuit_state::open);
  s.now += 59s;
  CHECK(s.admit({"a"}).empty());

  s.now += 1s;

  CHECK(s.admit({"a"}) == places{0});
  CHECK(s.circuit_of("a") == circuit_state::half_open);
  CHECK(s.admit({"a"}).empty()); // one at a time
  s.answered("a", {"a"});
  CHECK(s.state.mode() == mode::full_ai);
  CHECK(s.circuit_of("a") == circuit_state::closed);
  CHECK(s.told().api_failures == 0);
}

TEST_CASE("GD-8: a failed probe opens the circuit for another interval", "[graceful_degradation]") {
  setup s;
  s.failed({"a"});
  s.now += 60s;
  REQUIRE(s.admit({"a"}) == places{0});
  s.now += 5s;
  s.failed({"a"});

  CHECK(s.told().api_failures == 2);
  CHECK(s.circuit_of("a") == circuit_state::open);
  s.now += 59s;
  CHECK(s.admit({"a"}).empty());
  s.now += 1s;
  CHECK(s.admit({"a"}) == places{0});
}

TEST_CASE("GD-8: a probe that is never reported holds the circuit for one interval only",
          "[graceful_degradation][errors]") {
  setup s;
  s.failed({"a"});
  s.now += 60s;
  REQUIRE(s.admit({"a"}) == places{0});
  s.now += 59s;
  CHECK(s.admit({"a"}).empty());
  s.now += 1s;
  CHECK(s.admit({"a"}) == places{0});
}

TEST_CASE("GD-8: no model is probed in a forced mode, nor without a failure",
          "[graceful_degradation]") {
  setup s;
  const auto forced = GENERATE(mode::cached_only, mode::pattern_matching, mode::manual_mode);
  s.failed({"a"});
  s.state.force(forced);
  s.now += 24h;

  CHECK(s.admit({"a"}).empty());
  CHECK(s.told().forced);
  s.state.force(mode::full_ai);
  CHECK(s.admit({"a"}) == places{0});
}

TEST_CASE("GD-8: failures of checks are probed as well", "[graceful_degradation]") {
  setup s;
  s.checked(degraded::api_status::unavailable);
  CHECK(s.admit({"a"}).empty());
  s.now += 60s;
  CHECK(s.admit({"a"}) == places{0});
  CHECK(s.admit({"a"}).empty());
}

TEST_CASE("three failures lead to the patterns if nothing is cached", "[graceful_degradation]") {
  setup s;
  s.failed({"a"});
  s.failed({"a"});
  CHECK(s.state.mode() == mode::cached_only);
  s.failed({"a"}, true);
  CHECK(s.state.mode() == mode::cached_only);
  s.failed({"a"}, false);
  CHECK(s.state.mode() == mode::pattern_matching);
  s.checked(degraded::api_status::degraded);
  CHECK(s.state.mode() == mode::full_ai);
  CHECK(s.circuit_of("a") == circuit_state::closed);
}

TEST_CASE("a provider that is down is left out while another one answers",
          "[graceful_degradation]") {
  setup s;
  degraded::outcome how;
  REQUIRE(s.admit({"a", "b"}) == places{0, 1});
  how.permitted = {"a", "b"};
  how.failed = {{"a", "no key"}};
  how.answered = "b";
  s.state.report(how, true, s.now);

  CHECK(s.state.mode() == mode::full_ai);
  CHECK(s.told().api_failures == 0);
  CHECK(s.admit({"a", "b"}) == places{1});
  CHECK(s.told().circuits.front().last_error == "no key");
  CHECK(s.told().circuits.front().failures == 1);
  s.now += 60s;
  CHECK(s.admit({"a", "b"}) == places{0, 1});
  CHECK(s.circuit_of("a") == circuit_state::half_open);
  CHECK(s.circuit_of("b") == circuit_state::closed);
}

TEST_CASE("a probe that was not needed leaves its circuit as it was", "[graceful_degradation]") {
  setup s;
  s.failed({"a", "b"});
  s.now += 60s;
  REQUIRE(s.admit({"a", "b"}) == places{0, 1});
  s.answered("a", {"a", "b"});

  CHECK(s.circuit_of("a") == circuit_state::closed);
  CHECK(s.circuit_of("b") == circuit_state::open);
  CHECK(s.admit({"b"}) == places{0}); // its interval is over
}

TEST_CASE("a failure of what was asked before the mode was forced does not undo that",
          "[graceful_degradation]") {
  setup s;
  degraded::outcome how;
  how.permitted = {"a"};
  how.failed = {{"a", "down"}};
  how.forced = s.state.admit({"a"}, s.now)->forced;
  s.state.force(mode::manual_mode);

  s.state.report(how, false, s.now);

  CHECK(s.state.mode() == mode::manual_mode);
  CHECK(s.told().api_failures == 1);
}

TEST_CASE("names of providers are checked", "[graceful_degradation][errors]") {
  setup s;
  const auto refused = [&s](const names& whom) {
    const auto given = s.state.admit(whom, s.now);
    return !given && given.error() == errc::invalid_argument;
  };
  CHECK(refused({""}));
  CHECK(refused({std::string(65, 'x')}));
  CHECK(refused({"a", "b", "a"}));
  names many(17);
  for (std::size_t i = 0; i < many.size(); ++i)
    many[i] = "p" + std::to_string(i);
  CHECK(refused(many));
  for (int i = 0; i < 64; ++i)
    REQUIRE(s.state.admit({"known" + std::to_string(i)}, s.now));
  CHECK(refused({"one more"}));
  CHECK_FALSE(refused({"known0", "known63"}));
}
