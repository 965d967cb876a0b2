// Local stamps without a zone, in zones whose clocks are changed.
#include "cortex/text/local_time.hpp"

#include "support/catch_compat.hpp"

#include <cstdlib>
#include <ctime>
#include <string>

namespace text = cortex::text;

namespace {

/// Another time zone while it lives.
class zone {
public:
  explicit zone(const char* name) {
    ::setenv("TZ", name, 1); // NOLINT(concurrency-mt-unsafe): no other thread runs
    ::tzset();
  }
  zone(const zone&) = delete;
  zone& operator=(const zone&) = delete;
  ~zone() {
    ::setenv("TZ", "UTC", 1); // NOLINT(concurrency-mt-unsafe)
    ::tzset();
  }
};

// Rules of its own, so that no file of zones is needed: Berlin.
constexpr const char* berlin = "CET-1CEST,M3.5.0,M10.5.0/3";

text::micros utc(const std::string& stamp) {
  return text::parse_local(stamp + "Z").value();
}

} // namespace

TEST_CASE("a local stamp is written with the offset of its instant", "[text]") {
  const zone here{berlin};
  CHECK(text::format_local(utc("2025-01-01T12:00:00")) == "2025-01-01T13:00:00");
  CHECK(text::format_local(utc("2025-07-01T12:00:00.5")) == "2025-07-01T14:00:00.500000");
  CHECK(text::format_local_date(utc("2025-12-31T23:30:00")) == "2026-01-01");
  CHECK(text::format_local(-1) == "1970-01-01T00:59:59.999999");
}

TEST_CASE("a local stamp is read with the offset of its day and hour", "[text]") {
  const zone here{berlin};
  CHECK(text::parse_local("2025-01-01T13:00:00") == utc("2025-01-01T12:00:00"));
  CHECK(text::parse_local("2025-07-01T14:00:00.000001") == utc("2025-07-01T12:00:00.000001"));
  CHECK(text::parse_local("2025-03-30T01:59:59") == utc("2025-03-30T00:59:59"));
  CHECK(text::parse_local("2025-03-30T03:00:00") == utc("2025-03-30T01:00:00"));
}

TEST_CASE("of an hour that comes twice the first is meant", "[text]") {
  const zone here{berlin};
  CHECK(text::parse_local("2025-10-26T02:30:00") == utc("2025-10-26T00:30:00"));
  CHECK(text::format_local(utc("2025-10-26T01:30:00")) == "2025-10-26T02:30:00");
  CHECK(text::parse_local("2025-10-26T03:00:00") == utc("2025-10-26T02:00:00"));
}

TEST_CASE("in an hour that is left out time goes on", "[text]") {
  const zone here{berlin};
  CHECK(text::parse_local("2025-03-30T02:30:00") == utc("2025-03-30T01:30:00"));
}

TEST_CASE("a reader gives the same for stamps of many days", "[text]") {
  const zone here{berlin};
  text::local_time_reader reader;
  for (auto instant = utc("2025-03-01T00:15:00"); instant < utc("2025-11-30T00:00:00");
       instant += text::micros{3600} * 1'000'000) {
    const auto stamp = text::format_local(instant);
    INFO(stamp);
    REQUIRE(reader.read(stamp) == text::parse_local(stamp));
    if (!stamp.starts_with("2025-10-26T02"))
      REQUIRE(reader.read(stamp) == instant);
  }
}

TEST_CASE("further forms of ISO 8601 are read, and nothing else", "[text]") {
  CHECK(text::parse_local("2025-12-22") == utc("2025-12-22T00:00:00"));
  CHECK(text::parse_local("2025-12-22 10:00") == utc("2025-12-22T10:00:00"));
  CHECK(text::parse_local("2025-12-22T10:00:00,1234567") == utc("2025-12-22T10:00:00.123456"));
  CHECK(text::parse_local("2025-12-22T10:00:00+01:30") == utc("2025-12-22T08:30:00"));
  CHECK(text::parse_local("2025-12-22T10:00:00-0100") == utc("2025-12-22T11:00:00"));
  for (const auto* wrong :
       {"", "yesterday", "2025-02-29", "2025-13-01", "0000-01-01", "2025-12-22T",
        "2025-12-22T24:00:00", "2025-12-22T10:60:00", "2025-12-22T10:00:60", "2025-12-22T10:00:00.",
        "2025-12-22T10:00:00 ", "2025-12-22T10:00:00+1", "2025-12-22x10:00:00", " 2025-12-22",
        "2025-1-1", "20251222"}) {
    INFO(wrong);
    CHECK(!text::parse_local(wrong));
  }
}
