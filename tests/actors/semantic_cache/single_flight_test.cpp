#include "cortex/semantic_cache/single_flight.hpp"

#include "cache_fixture.hpp"
#include "support/catch_compat.hpp"

#include <chrono>
#include <utility>

namespace testing = cortex::testing;
namespace cache = cortex::semantic_cache;
using cortex::errc;
using testing::key_of;
using namespace std::chrono_literals;

namespace {

using asker = cortex::future<cache::claimed>;

/// A flight whose time a test tells.
struct flown {
  asker join(const std::string& prompt = "install nginx") {
    auto [owed, answer] = cortex::make_promise<cache::claimed>();
    flights.join(key_of(prompt), {}, now, std::move(owed));
    return std::move(answer);
  }
  void pass_on() { flights.pass_on(now); }

  cortex::monotonic_time now{1h};
  cache::single_flight flights{10s};
};

/// Who leads keeps this.
cache::claimed lead_of(asker& who) {
  REQUIRE(who.ready());
  auto claimed = who.get();
  REQUIRE(claimed);
  REQUIRE(claimed->leads);
  return *std::move(claimed);
}

} // namespace

TEST_CASE("the first who misses leads, the others wait until the key lands", "[semantic_cache]") {
  flown t;
  auto first = t.join();
  auto second = t.join();
  auto other = t.join("list all files");
  const auto lead = lead_of(first);
  const auto other_lead = lead_of(other);

  CHECK_FALSE(second.ready());
  CHECK(t.flights.land(key_of("install nginx"))->size() == 1);
  CHECK(t.flights.land(key_of("install nginx")).error().code == errc::not_found);
  CHECK(t.flights.land(key_of("list all files"))->empty());
}

TEST_CASE("a lead that nobody took passes to the next who misses", "[semantic_cache][errors]") {
  flown t;
  { const auto gone = t.join(); }

  auto next = t.join();

  const auto lead = lead_of(next);
  CHECK_FALSE(t.join().ready());
}

TEST_CASE("a lead told to somebody who withdrew passes to the next who misses",
          "[semantic_cache][errors]") {
  flown t;
  auto [owed, gone] = cortex::make_promise<cache::claimed>();
  REQUIRE(gone.cancel());
  t.flights.join(key_of("install nginx"), {}, t.now, std::move(owed));

  auto next = t.join();

  const auto lead = lead_of(next);
}

TEST_CASE("a lost lead passes to the first who still waits", "[semantic_cache][errors]") {
  flown t;
  auto first = t.join();
  auto withdrawn = t.join();
  auto third = t.join();
  auto fourth = t.join();
  REQUIRE(withdrawn.cancel());
  { const auto lost = lead_of(first); }

  t.pass_on();

  const auto lead = lead_of(third);
  t.pass_on();
  CHECK_FALSE(fourth.ready());
  CHECK(t.flights.land(key_of("install nginx"))->size() == 1);
}

TEST_CASE("a lost lead skips those who wait no more without a word", "[semantic_cache][errors]") {
  flown t;
  auto first = t.join();
  { const auto gone = t.join(); }
  auto third = t.join();
  { const auto lost = lead_of(first); }

  t.pass_on();

  const auto lead = lead_of(third);
}

TEST_CASE("a lost lead for which nobody waits is forgotten", "[semantic_cache][errors]") {
  flown t;
  { const auto gone = t.join(); }
  CHECK(t.flights.size() == 1);

  t.pass_on();

  CHECK(t.flights.size() == 0);
}

TEST_CASE("who leads for too long is joined by the next who misses, not before",
          "[semantic_cache][errors]") {
  flown t;
  auto slow = t.join();
  const auto slow_lead = lead_of(slow);
  t.now += 10s - 1ns;
  auto waiting = t.join();
  CHECK_FALSE(waiting.ready());

  t.now += 1ns;
  auto next = t.join();

  const auto lead = lead_of(next);
  CHECK_FALSE(t.join().ready());
  CHECK_FALSE(waiting.ready()); // for whichever settles first
}

TEST_CASE("who leads for too long is joined by one who waits", "[semantic_cache][errors]") {
  flown t;
  auto slow = t.join();
  const auto slow_lead = lead_of(slow);
  auto waiting = t.join();
  t.pass_on();
  CHECK_FALSE(waiting.ready());

  t.now += 10s;
  t.pass_on();

  const auto lead = lead_of(waiting);
}

TEST_CASE("without a limit a lead lasts", "[semantic_cache]") {
  cache::single_flight flights{std::chrono::nanoseconds::max()};
  auto [owed, first] = cortex::make_promise<cache::claimed>();
  auto [later, second] = cortex::make_promise<cache::claimed>();
  flights.join(key_of("install nginx"), {}, cortex::monotonic_time{1h}, std::move(owed));
  const auto lead = lead_of(first);

  CHECK(flights.join(key_of("install nginx"), {}, cortex::monotonic_time::max(), std::move(later)));
}
