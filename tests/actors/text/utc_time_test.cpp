#include "cortex/text/utc_time.hpp"

#include "support/catch_compat.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace text = cortex::text;
using namespace std::string_literals;

TEST_CASE("stamps name known seconds", "[text]") {
  CHECK(text::format_utc(0) == "1970-01-01T00:00:00Z");
  CHECK(text::format_utc(-1) == "1969-12-31T23:59:59Z");
  CHECK(text::format_utc(951'782'400) == "2000-02-29T00:00:00Z");
  CHECK(text::format_utc(1'700'000'000) == "2023-11-14T22:13:20Z");
  CHECK(text::format_utc(text::earliest_utc) == "0000-01-01T00:00:00Z");
  CHECK(text::format_utc(text::latest_utc) == "9999-12-31T23:59:59Z");
}

TEST_CASE("seconds beyond the form move to its edge", "[text]") {
  using limits = std::numeric_limits<std::int64_t>;
  CHECK(text::format_utc(limits::min()) == text::format_utc(text::earliest_utc));
  CHECK(text::format_utc(limits::max()) == text::format_utc(text::latest_utc));
}

TEST_CASE("stamps keep their second and their order", "[text]") {
  constexpr unsigned seed = 7;
  INFO("seed " << seed);
  std::mt19937_64 random{seed};
  std::uniform_int_distribution<std::int64_t> any{text::earliest_utc, text::latest_utc};

  for (int round = 0; round < 5000; ++round) {
    const auto one = any(random);
    const auto other = any(random);
    CHECK(text::parse_utc(text::format_utc(one)) == one);
    CHECK((one < other) == (text::format_utc(one) < text::format_utc(other)));
  }
}

TEST_CASE("other forms and impossible dates are no stamps", "[text][errors]") {
  const auto bad
    = GENERATE(""s, "2025-12-22"s, "2025-12-22T10:00:00"s, "2025-12-22T10:00:00z"s,
               "2025-12-22 10:00:00Z"s, "2025-12-22T10:00:00.5Z"s, "2025-12-22T10:00:00Z "s,
               "+025-12-22T10:00:00Z"s, "2025-13-01T00:00:00Z"s, "2025-02-29T00:00:00Z"s,
               "2025-00-01T00:00:00Z"s, "2025-01-00T00:00:00Z"s, "2025-01-01T24:00:00Z"s,
               "2025-01-01T00:60:00Z"s, "2025-01-01T00:00:60Z"s, "2025-12-22T10:00:0\0Z"s);

  CHECK_FALSE(text::parse_utc(bad));
}

TEST_CASE("SQLite's form of a stamp says the same second without the letters", "[text]") {
  CHECK(text::format_sqlite_utc(1'700'000'000) == "2023-11-14 22:13:20");
  CHECK(text::parse_sqlite_utc("2023-11-14 22:13:20") == 1'700'000'000);
  CHECK_FALSE(text::parse_sqlite_utc("2023-11-14T22:13:20Z"));
  CHECK_FALSE(text::parse_sqlite_utc("2023-11-14 22:13:20.5"));
  CHECK_FALSE(text::parse_utc("2023-11-14 22:13:20"));
}
