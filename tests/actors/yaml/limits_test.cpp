#include "actors/yaml/yaml_texts.hpp"

#include <string>

using namespace cortex;
using namespace cortex::testing;

namespace {

std::string repeated(std::size_t count, const std::string& part) {
  std::string out;
  out.reserve(count * part.size());
  for (std::size_t i = 0; i < count; ++i)
    out += part;
  return out;
}

yaml_options limited(const yaml_limits& limits) {
  return {.limits = limits};
}

} // namespace

TEST_CASE("a text may have as many bytes as the limit says", "[yaml][limits]") {
  CHECK(yaml::parse("a: bcd", limited({.max_bytes = 6})));
  CHECK(yaml_error("a: bcde", limited({.max_bytes = 6}))
        == "line 1, column 1: a text of 7 bytes, more than 6");
  CHECK_FALSE(yaml::parse(std::string((std::size_t{4} << 20U) + 1, ' ')));
}

TEST_CASE("collections may be as deep as the limit says", "[yaml][limits]") {
  CHECK(yaml::parse(std::string(100, '[') + std::string(100, ']')));
  CHECK(yaml_error(std::string(101, '[') + std::string(101, ']'))
        == "line 1, column 101: nested too deeply");
  CHECK(yaml::parse("[[{a: 1}]]", limited({.max_depth = 3})));
  CHECK_FALSE(yaml::parse("[[{a: []}]]", limited({.max_depth = 3})));
  CHECK(
    yaml::parse(std::string(900, '[') + std::string(900, ']'), limited({.max_depth = 100'000})));
  CHECK_FALSE(
    yaml::parse(std::string(1001, '[') + std::string(1001, ']'), limited({.max_depth = 100'000})));
}

TEST_CASE("an alias counts with the depth of what it stands for", "[yaml][limits]") {
  CHECK(yaml::parse("- &a [[1]]\n- [*a]\n", limited({.max_depth = 4})));
  CHECK(yaml_error("- &a [[1]]\n- [[*a]]\n", limited({.max_depth = 4}))
        == "line 2, column 5: nested too deeply");
}

TEST_CASE("an alias counts with the bytes of what it stands for", "[yaml][limits]") {
  CHECK(yaml::parse("[&a xyz, *a, *a]", limited({.max_bytes = 22})));
  CHECK(yaml_error("[&a xyz, *a, *a]", limited({.max_bytes = 21}))
        == "line 1, column 14: more than 21 bytes with what aliases repeat");
  CHECK(yaml_error("[&a {x: [yz]}, *a, {k: *a}]", limited({.max_bytes = 32}))
        == "line 1, column 24: more than 32 bytes with what aliases repeat");
  CHECK(yaml_error("{a: &a {k: xyz}, b: {<<: *a}}", limited({.max_bytes = 32}))
          .find("more than 32 bytes")
        != std::string::npos);

  const auto text = "- &a " + std::string(2'000'000, 'x') + "\n";
  CHECK(yaml::parse(text + "- *a\n"));
  CHECK(yaml_error(text + repeated(20, "- *a\n")).find("line 3, column 3: more than 4194304 bytes")
        == 0);
}

TEST_CASE("brackets, braces and dashes without end are refused", "[yaml][limits]") {
  for (const char* part :
       {"[", "{", "- ", "? ", "{a: ", "[{a: ", "!!seq [", "[[!!map {a: ", "[ ? "}) {
    INFO(part);
    CHECK(yaml_error(repeated(100'000, part)).find("nested too deeply") != std::string::npos);
  }
  CHECK_FALSE(yaml::parse(repeated(1'000'000, "[")));
  std::string ladder;
  for (std::size_t i = 0; i < 2000; ++i)
    ladder += std::string(i, ' ') + "a:\n";
  CHECK(yaml_error(ladder).find("nested too deeply") != std::string::npos);
}

TEST_CASE("values are counted, each time an alias stands for them", "[yaml][limits]") {
  CHECK(yaml::parse("[1, 2, 3]", limited({.max_values = 4})));
  CHECK(yaml_error("[1, 2, 3, 4]", limited({.max_values = 4}))
        == "line 1, column 11: more than 4 values");
  CHECK(yaml::parse("{a: &x [1], b: *x}", limited({.max_values = 7})));
  CHECK(yaml_error("{a: &x [1], b: *x}", limited({.max_values = 6}))
        == "line 1, column 16: more than 6 values");
}

TEST_CASE("a billion laughs are refused before they are made", "[yaml][limits]") {
  std::string text = "a0: &a0 [" + repeated(9, "lol, ") + "lol]\n";
  for (int i = 1; i < 10; ++i) {
    const auto last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeated(9, last + ", ")
            + last + "]\n";
  }
  CHECK(yaml_error(text).find("more than 200000 values") != std::string::npos);

  std::string merges = "a0: &a0 {k: v}\n";
  for (int i = 1; i < 60; ++i) {
    const auto last = "*a" + std::to_string(i - 1);
    merges += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {<<: [" + last + ", " + last
              + "]}\n";
  }
  CHECK(yaml_error(merges).find("more than 200000 values") != std::string::npos);
}

TEST_CASE("an integer may have as many digits as the limit says, in any base", "[yaml][limits]") {
  CHECK(read_yaml(std::string(4300, '9')).digits().size() == 4300);
  CHECK(yaml_error(std::string(4301, '9')).find("too many digits") != std::string::npos);
  CHECK(yaml_error("0x" + std::string(3'000'000, 'f')).find("too many digits")
        != std::string::npos);
  CHECK(yaml_error("0b" + std::string(3'000'000, '1')).find("too many digits")
        != std::string::npos);
  CHECK(yaml_error("1" + repeated(500'000, ":30")).find("too many digits") != std::string::npos);
  CHECK(yaml::parse("123", limited({.max_digits = 3})));
  CHECK_FALSE(yaml::parse("1234", limited({.max_digits = 3})));
  CHECK(yaml_error("1" + repeated(500, ":30") + ".5").find("not a real number")
        != std::string::npos);
  const auto half_a_million = std::string(500'000, '1');
  CHECK(read_yaml(half_a_million + ".5").kind() == yaml_kind::real);
}

TEST_CASE("long and many-headed texts are read in a time that grows with them", "[yaml][limits]") {
  CHECK(read_yaml("[" + repeated(150'000, "a,") + "]").size() == 150'000);
  std::string anchors;
  for (int i = 0; i < 90'000; ++i)
    anchors += "- &a" + std::to_string(i) + " x\n";
  CHECK(read_yaml(anchors).size() == 90'000);
  CHECK(read_yaml(std::string(4'000'000, 'x')).text()->size() == 4'000'000);
  CHECK(read_yaml("\"" + repeated(600'000, "\\x41") + "\"").text()->size() == 600'000);
  CHECK(read_yaml("'" + repeated(1'000'000, "a\n") + "'").text()->size() == 2'000'000);
  CHECK(read_yaml("|\n" + repeated(1'000'000, " a\n")).text()->size() == 2'000'000);
  CHECK(read_yaml(repeated(1'000'000, "#\n")).is_null());
  CHECK(read_yaml(std::string(4'000'000, '\n')).is_null());
}

TEST_CASE("directives without end are refused", "[yaml][limits]") {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += "%TAG !a" + std::to_string(i) + "! tag:x\n";
  CHECK(yaml_error(text + "---\na\n") == "line 65, column 1: too many directives");
  CHECK(yaml_error("a\n...\n" + text + "---\na\n").find("too many directives")
        != std::string::npos);
}
