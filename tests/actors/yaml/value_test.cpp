#include "actors/yaml/yaml_texts.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

using namespace cortex;
using namespace cortex::testing;

// A character would be a number.
static_assert(!std::is_constructible_v<yaml, char> && !std::is_constructible_v<yaml, char32_t>);
static_assert(std::is_constructible_v<yaml, std::int8_t> && std::is_constructible_v<yaml, float>);

TEST_CASE("every kind of YAML value is told apart and found by its accessor only", "[yaml]") {
  CHECK(yaml{}.is_null());
  CHECK(yaml{true}.as_bool() == true);
  CHECK(yaml{7}.as_int64() == 7);
  CHECK(yaml{7}.as_double() == 7.0);
  CHECK_FALSE(yaml{7}.as_bool());
  CHECK_FALSE(yaml{true}.as_int64());
  CHECK_FALSE(yaml{7.0}.as_int64());
  CHECK(*yaml{"a"}.text() == "a");
  CHECK(yaml::timestamp("2025-12-22")->text() == nullptr);
  CHECK(*yaml::timestamp("2025-12-22")->timestamp_text() == "2025-12-22");
  CHECK(*yaml::binary("a").binary_content() == "a");
  CHECK(yaml{7}.digits() == "7");
  CHECK(yaml{"7"}.digits().empty());
  CHECK(yaml::sequence({1, 2}).size() == 2);
  CHECK(yaml{7}.elements() == nullptr);
  CHECK(yaml{7}.members() == nullptr);
  CHECK(to_string(yaml::mapping().kind()) == "a mapping");
  CHECK(to_string(yaml::binary("").kind()) == "binary data");
}

TEST_CASE("integers of any size are made of their digits", "[yaml]") {
  const auto large = yaml::integer("-00123456789012345678901234567890");
  REQUIRE(large);
  CHECK(large->digits() == "-123456789012345678901234567890");
  CHECK_FALSE(large->as_int64());
  CHECK(*large->as_double() == -123456789012345678901234567890.0);
  CHECK(yaml::integer("+7")->as_int64() == 7);
  CHECK(yaml::integer("-0")->as_int64() == 0);
  CHECK(yaml::integer("-9223372036854775808")->as_int64()
        == std::numeric_limits<std::int64_t>::min());
  for (const char* none : {"", "-", "1.0", "x", "1 ", "+-1"})
    CHECK(yaml::integer(none).error().code == errc::invalid_argument);
}

TEST_CASE("a time that does not exist cannot be made", "[yaml][errors]") {
  CHECK(yaml::timestamp("2025-02-29").error().code == errc::invalid_argument);
  CHECK(yaml::timestamp("soon").error().detail == "'soon' is no date and no time");
}

TEST_CASE("numbers are equal by value, exactly", "[yaml]") {
  CHECK(yaml{1} == yaml{1.0});
  CHECK(yaml{0.0} == yaml{-0.0});
  CHECK(yaml{std::int64_t{1} << 53} == yaml{9007199254740992.0});
  CHECK_FALSE(yaml{(std::int64_t{1} << 53) + 1} == yaml{9007199254740992.0});
  CHECK(*yaml::integer("100000000000000000000") == yaml{1e20});
  CHECK_FALSE(*yaml::integer("100000000000000000001") == yaml{1e20});
  CHECK_FALSE(*yaml::integer("-100000000000000000000") == yaml{1e20});
  CHECK_FALSE(yaml{1} == yaml{1.5});
  CHECK_FALSE(yaml{1} == yaml{std::numeric_limits<double>::infinity()});
  CHECK_FALSE(yaml{std::nan("")} == yaml{std::nan("")});
  CHECK_FALSE(yaml{1} == yaml{"1"});
}

TEST_CASE("CM-13 a truth equals no number", "[yaml]") {
  CHECK_FALSE(yaml{true} == yaml{1});
  CHECK_FALSE(yaml{false} == yaml{0.0});
  CHECK(yaml{true} == yaml{true});
  CHECK_FALSE(yaml::mapping({{"a", true}}) == yaml::mapping({{"a", 1}}));
}

TEST_CASE("times are equal if they are the same instant", "[yaml]") {
  const auto at = [](const char* text) { return *yaml::timestamp(text); };
  CHECK(at("2025-12-22T10:00:00Z") == at("2025-12-22T11:30:00+01:30"));
  CHECK(at("2025-01-01T00:00:00Z") == at("2024-12-31T23:00:00-01:00"));
  CHECK_FALSE(at("2025-12-22T10:00:00Z") == at("2025-12-22T10:00:00"));
  CHECK_FALSE(at("2025-12-22") == at("2025-12-22T00:00:00"));
  CHECK_FALSE(at("2025-12-22") == yaml{"2025-12-22"});
}

TEST_CASE("mappings are equal whatever the order of their members, sequences are not", "[yaml]") {
  CHECK(yaml::mapping({{"a", 1}, {"b", 2}}) == yaml::mapping({{"b", 2.0}, {"a", 1}}));
  CHECK_FALSE(yaml::mapping({{"a", 1}}) == yaml::mapping({{"a", 1}, {"b", 2}}));
  CHECK_FALSE(yaml::mapping({{"a", 1}, {"c", 2}}) == yaml::mapping({{"a", 1}, {"b", 2}}));
  CHECK_FALSE(yaml::sequence({1, 2}) == yaml::sequence({2, 1}));
  CHECK_FALSE(yaml::sequence() == yaml::mapping());
  CHECK_FALSE(yaml::sequence() == yaml{});
  CHECK(read_yaml("{a: 0x10}") == yaml::mapping({{"a", 16}}));
}

TEST_CASE("a mapping has no key twice, however it is made", "[yaml]") {
  CHECK(show(yaml::mapping({{"a", 1}, {"b", 2}, {"a", 3}})) == "{str a: int 3, str b: int 2}");
  CHECK(show(yaml::mapping({{1, "x"}, {1.0, "y"}, {true, "z"}})) == "{int 1: str y, true: str z}");
  const auto nan = yaml::mapping({{std::nan(""), 1}, {0, 2}, {std::nan(""), 3}});
  CHECK(show(nan) == "{float .nan: int 3, int 0: int 2}");
  CHECK(yaml::mapping({{yaml::sequence({1}), 1}, {"a", 2}, {yaml::sequence({1}), 3}}).size() == 2);
}

TEST_CASE("members are set in their place, found and erased by text", "[yaml]") {
  yaml value;
  value.set("a", 1).set("b", 2).set("a", 3);
  CHECK(show(value) == "{str a: int 3, str b: int 2}");
  CHECK(value.find("b")->as_int64() == 2);
  CHECK(value.find("c") == nullptr);
  CHECK(yaml::mapping({{1, 2}}).find("1") == nullptr);
  CHECK(value.erase("a"));
  CHECK_FALSE(value.erase("a"));
  CHECK_FALSE(yaml{7}.erase("a"));
  CHECK(yaml{7}.find("a") == nullptr);

  yaml list;
  list.push_back(1).push_back("x");
  CHECK(show(list) == "[int 1, str x]");
}

TEST_CASE("a value made by the program is its own source", "[yaml]") {
  CHECK(yaml{}.source() == "null");
  CHECK(yaml{1e16}.source() == "1.0e+16");
  CHECK(yaml{"yes"}.source() == "yes");
  CHECK(yaml{false}.source() == "false");
  CHECK(yaml{}.mark().line == 0);
  CHECK(yaml::mapping({{"a", 1}}).source().empty());
}
