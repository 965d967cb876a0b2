#include "cortex/json.hpp"

#include "support/catch_compat.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using cortex::errc;
using cortex::json;
using cortex::json_kind;

namespace {

std::string indented(const json& value, unsigned blanks = 2) {
  return value.dump({.indent = blanks});
}

} // namespace

TEST_CASE("a JSON value is built the way it looks", "[json]") {
  const std::vector<int> ids{2, 3};
  const auto job = json::object({{"name", "job"},
                                 {"quota", 33.3},
                                 {"ids", json::array({0, 1})},
                                 {"more", json::array_of(ids)},
                                 {"deep", json::object({{"on", true}, {"off", nullptr}})},
                                 {"none", std::optional<int>{}},
                                 {"some", std::optional<int>{4}},
                                 {"empty", json::array()},
                                 {"void", json::object()}});

  CHECK(job.dump()
        == R"({"name": "job", "quota": 33.3, "ids": [0, 1], "more": [2, 3], )"
           R"("deep": {"on": true, "off": null}, "none": null, "some": 4, )"
           R"("empty": [], "void": {}})");
}

TEST_CASE("an array of one JSON array is not that array", "[json]") {
  CHECK(json::array({json::array({1})}).dump() == "[[1]]");
  CHECK(json::array({json::array()}).dump() == "[[]]");
}

TEST_CASE("every kind of JSON value is told apart and found by its accessor only", "[json]") {
  CHECK(json{}.is_null());
  CHECK(json{nullptr}.kind() == json_kind::null);
  CHECK(json{true}.as_bool() == true);
  CHECK(json{7}.as_int64() == 7);
  CHECK(json{7}.as_double() == 7.0);
  CHECK(json{7.0}.as_double() == 7.0);
  CHECK_FALSE(json{7.0}.as_int64());
  CHECK_FALSE(json{7}.as_bool());
  CHECK_FALSE(json{true}.as_int64());
  CHECK(*json{"seven"}.text() == "seven");
  CHECK(json{7}.text() == nullptr);
  CHECK(json{7}.elements() == nullptr);
  CHECK(json::array({1}).members() == nullptr);
  CHECK(json::array({1, 2}).size() == 2);
  CHECK(json::object({{"a", 1}}).size() == 1);
  CHECK(json{"seven"}.size() == 0);
  CHECK(json{7}.find("a") == nullptr);
}

TEST_CASE("the largest integers of the machine keep their value", "[json]") {
  CHECK(json{std::numeric_limits<std::int64_t>::min()}.dump() == "-9223372036854775808");
  CHECK(json{std::numeric_limits<std::int64_t>::max()}.dump() == "9223372036854775807");
  const json larger{std::numeric_limits<std::uint64_t>::max()};
  CHECK(larger.dump() == "18446744073709551615");
  CHECK(larger.kind() == json_kind::integer);
  CHECK_FALSE(larger.as_int64());
  CHECK(larger.as_double() == 18446744073709551616.0);
  CHECK(larger.digits() == "18446744073709551615");
  CHECK(json{std::uint64_t{5}}.as_int64() == 5);
}

TEST_CASE("an integer of any size is made of its digits", "[json]") {
  CHECK(json::integer("-123456789012345678901234567890").value().dump()
        == "-123456789012345678901234567890");
  CHECK(json::integer("42").value().as_int64() == 42);
  for (const auto* bad : {"", "-", "+1", "01", "1.0", "1e3", " 1", "1 ", "0x10", "-00"})
    CHECK(json::integer(bad).error() == errc::invalid_argument);
}

TEST_CASE("members are looked up with their type", "[json]") {
  const auto found = json::parse(R"({"b": true, "i": 5, "r": 2.5, "s": "x", "n": null, "l": [1],
                                     "huge": 123456789012345678901234567890, "half": "\ud800"})")
                       .value();

  CHECK(found.get<bool>("b").value());
  CHECK(found.get<std::int64_t>("i").value() == 5);
  CHECK(found.get<double>("r").value() == 2.5);
  CHECK(found.get<double>("i").value() == 5.0);
  CHECK(found.get<std::string>("s").value() == "x");
  CHECK(found.get<json>("l").value() == json::array({1}));
  CHECK(found.get<json>("n").value().is_null());
}

TEST_CASE("a missing member and one of another kind are different errors", "[json][errors]") {
  const auto found
    = json::parse(R"({"i": 5, "s": "x", "r": 1.0, "huge": 9223372036854775808, "half": "\ud800"})")
        .value();

  CHECK(found.get<bool>("q").error() == errc::not_found);
  CHECK(found.get<json>("q").error().detail == "no 'q'");
  CHECK(found.get<bool>("i").error() == errc::corrupt);
  CHECK(found.get<std::int64_t>("r").error().detail == "'r' is a real number, not an integer");
  CHECK(found.get<std::int64_t>("huge").error().detail == "'huge' is too large an integer");
  CHECK(found.get<double>("s").error() == errc::corrupt);
  CHECK(found.get<std::string>("i").error() == errc::corrupt);
  CHECK(found.get<std::string>("half").error().detail == "'half' has a lone surrogate");
  CHECK(json{1}.get<json>("q").error() == errc::not_found);
}

TEST_CASE("a member is replaced in its place, added at the end, removed", "[json]") {
  json value;
  value.set("a", 1).set("b", 2).set("c", 3);
  value.set("a", "one");
  CHECK(value.dump() == R"({"a": "one", "b": 2, "c": 3})");
  CHECK(value.erase("b"));
  CHECK_FALSE(value.erase("b"));
  *value.find("c") = json{}.push_back(1).push_back(json::object());
  CHECK(value.dump() == R"({"a": "one", "c": [1, {}]})");
}

TEST_CASE("of a repeated key the last value counts in the first place", "[json]") {
  CHECK(json::object({{"a", 1}, {"b", 2}, {"a", 3}}).dump() == R"({"a": 3, "b": 2})");

  std::string many = "{";
  for (int i = 0; i < 1000; ++i)
    many += "\"k" + std::to_string(i % 100) + "\": " + std::to_string(i) + ", ";
  const auto read = json::parse(many + "\"last\": 0}").value();
  REQUIRE(read.size() == 101);
  for (int i = 0; i < 100; ++i) {
    const auto& member = (*read.members())[static_cast<std::size_t>(i)];
    CHECK(member.key == "k" + std::to_string(i));
    CHECK(member.value.as_int64() == 900 + i);
  }
}

TEST_CASE("JSON values are equal when their texts are", "[json]") {
  const auto same = [](const char* left, const char* right) {
    return json::parse(left).value() == json::parse(right).value();
  };
  CHECK(same("[1, {\"a\": null}]", " [1,{\"\\u0061\":null}] "));
  CHECK(same("NaN", "NaN"));
  CHECK(same("1.0", "10e-1"));
  CHECK_FALSE(same("1", "1.0"));
  CHECK_FALSE(same("0.0", "-0.0"));
  CHECK_FALSE(same("true", "1"));
  CHECK_FALSE(same("true", "false"));
  CHECK_FALSE(same("1", "2"));
  CHECK_FALSE(same("\"a\"", "\"b\""));
  CHECK_FALSE(same("[1]", "[2]"));
  CHECK_FALSE(same("{\"a\": 1}", "{\"a\": 2}"));
  CHECK_FALSE(same("{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}"));
  CHECK_FALSE(same("99999999999999999999", "99999999999999999998"));
}

TEST_CASE("an indented text is laid out as Python does it", "[json]") {
  const auto value = json::parse(R"({"a":[1,{"b":[]},"\u00e9"],"c":{},"d":{"e":1.5}})").value();

  CHECK(indented(value)
        == "{\n"
           "  \"a\": [\n"
           "    1,\n"
           "    {\n"
           "      \"b\": []\n"
           "    },\n"
           "    \"\\u00e9\"\n"
           "  ],\n"
           "  \"c\": {},\n"
           "  \"d\": {\n"
           "    \"e\": 1.5\n"
           "  }\n"
           "}");
  CHECK(indented(json::array({1, 2}), 0) == "[\n1,\n2\n]");
  CHECK(indented(json::array()) == "[]");
  CHECK(indented(json{"x"}) == "\"x\"");
  CHECK(indented(json::array({1}), 4'000'000'000) == "[\n                1\n]");
}
