#include "actors/yaml/yaml_texts.hpp"

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace cortex;
using namespace cortex::testing;

namespace {

std::string dump(const yaml& value, const yaml_format& format = {}) {
  const auto written = value.dump(format);
  REQUIRE(written);
  const auto read = yaml::parse(*written);
  INFO("written: " << *written);
  REQUIRE(read);
  CHECK(read->root == value);
  if (!format.sort_keys)
    CHECK(show(read->root) == show(value));
  return *written;
}

std::string member(const yaml& value) {
  const auto text = dump(yaml::mapping({{"k", value}}));
  REQUIRE(text.substr(0, 2) == "k:");
  return text.substr(2);
}

std::string words(std::size_t count) {
  std::string out = "word";
  for (std::size_t i = 1; i < count; ++i)
    out += " word";
  return out;
}

} // namespace

TEST_CASE("texts stand plain where they are read as texts", "[yaml]") {
  for (const char* text : {"a",
                           "1.2.3",
                           "0.2.0",
                           "1e5",
                           "1.5e3",
                           "-a",
                           "?x",
                           ":x",
                           "a,b",
                           "a'b",
                           "a\"b",
                           "a#b",
                           "a:b",
                           "/usr/bin:/bin",
                           "1:2.39.2-1.1",
                           "2.36-9+deb12u14",
                           "0o17",
                           "y",
                           "-.5",
                           "a [b]",
                           "--",
                           "..",
                           "2025-1-2",
                           "a b"})
    CHECK(member(text) == " " + std::string{text} + "\n");
}

TEST_CASE("texts that would be read as something else stand in single quotes", "[yaml]") {
  for (const char* text : {"",           "yes",
                           "No",         "~",
                           "null",       "1",
                           "-0",         "1.0",
                           "1.",         ".5",
                           "012",        "0x1F",
                           "0b1",        "1_000",
                           "1:30",       "1:30.5",
                           "-.inf",      ".nan",
                           "=",          "<<",
                           "2025-12-22", "2025-12-22T10:00:00",
                           "+1",         "a: b",
                           "a:",         "a #b",
                           "# a",        "- a",
                           "-",          "? a",
                           "?",          ": a",
                           "&a",         "*a",
                           "!t",         "%x",
                           "@x",         "`x",
                           "\"q\"",      "{a}",
                           "[a]",        "]",
                           "}",          ",a",
                           "|",          ">",
                           "---",        "--- a",
                           "...",        "---a",
                           " a",         "a ",
                           " "})
    CHECK(member(text) == " '" + std::string{text} + "'\n");
  CHECK(member("'q'") == " '''q'''\n");
}

TEST_CASE("what is not ASCII, or not printable, is escaped in double quotes", "[yaml]") {
  CHECK(member("\u00e9") == " \"\\xE9\"\n");
  CHECK(member("\u65e5\u672c") == " \"\\u65E5\\u672C\"\n");
  CHECK(member("\U0001F600") == " \"\\U0001F600\"\n");
  CHECK(member("\ufeff\uffff") == " \"\\uFEFF\\uFFFF\"\n");
  CHECK(member("tab\t\"\\") == " \"tab\\t\\\"\\\\\"\n");
  CHECK(member(std::string{"\0\a\b\v\f\r\x1b\x7f\x01", 9})
        == " \"\\0\\a\\b\\v\\f\\r\\e\\x7F\\x01\"\n");
  CHECK(member("\u0085\u00a0\u2028\u2029") == " \"\\N\\_\\L\\P\"\n");
  CHECK(member("a \nb") == " \"a \\nb\"\n");
  CHECK(member("a\n b") == " \"a\\n b\"\n");
}

TEST_CASE("a text of several lines keeps its breaks", "[yaml]") {
  CHECK(member("line1\nline2") == " 'line1\n\n  line2'\n");
  CHECK(member("a\n\n\nb\n") == " 'a\n\n\n\n  b\n\n  '\n");
  CHECK(member("\n") == " '\n\n  '\n");
}

TEST_CASE("long texts are folded behind column 80", "[yaml]") {
  CHECK(member(words(16)) == " " + words(16) + "\n"); // ends in column 82, and nothing follows
  CHECK(member(words(17)) == " " + words(16) + "\n  word\n");
  CHECK(member(words(20)) == " " + words(16) + "\n  " + words(4) + "\n");
  CHECK(member(words(20) + " ") == " '" + words(16) + "\n  " + words(4) + " '\n");
  CHECK(member(words(20) + "\t") == " \"" + words(16) + "\\\n  \\ " + words(4) + "\\t\"\n");
  CHECK(member(std::string(77, 'x') + " y") == " " + std::string(77, 'x') + " y\n"); // 80
  CHECK(member(std::string(78, 'x') + " y") == " " + std::string(78, 'x') + "\n  y\n");
  CHECK(member(std::string(100, 'x')) == " " + std::string(100, 'x') + "\n");
  CHECK(member(std::string(78, 'x') + "  y z") == " " + std::string(78, 'x') + "  y\n  z\n");
}

TEST_CASE("a blank that begins a folded line keeps its backslash however deep it stands",
          "[yaml]") {
  auto deep = yaml{"a \u00e9 b"};
  for (int i = 0; i < 45; ++i)
    deep = yaml::sequence({std::move(deep)});
  const auto text = dump(deep); // which checks that it is read back
  const auto end = std::string(90, ' ') + "\\ \\xE9\\\n" + std::string(90, ' ') + "\\ b\"\n";
  CHECK(text.substr(text.find('\n') + 1) == end);
}

TEST_CASE("numbers are written as Python's repr with YAML's point", "[yaml]") {
  using limits = std::numeric_limits<double>;
  const std::vector<std::pair<double, std::string>> rows{{1.0, "1.0"},
                                                         {0.1, "0.1"},
                                                         {-0.0, "-0.0"},
                                                         {1e16, "1.0e+16"},
                                                         {1e-7, "1.0e-07"},
                                                         {1.5e300, "1.5e+300"},
                                                         {5e-324, "5.0e-324"},
                                                         {limits::infinity(), ".inf"},
                                                         {-limits::infinity(), "-.inf"}};
  for (const auto& [number, text] : rows)
    CHECK(member(number) == " " + text + "\n");
  CHECK(yaml{limits::quiet_NaN()}.dump().value_or("") == ".nan\n...\n");
  CHECK(member(-5) == " -5\n");
  CHECK(member(std::numeric_limits<std::uint64_t>::max()) == " 18446744073709551615\n");
  CHECK(member(true) == " true\n");
  CHECK(member(nullptr) == " null\n");
}

TEST_CASE("times and bytes are written with all they are", "[yaml]") {
  CHECK(member(*yaml::timestamp("2025-12-22")) == " 2025-12-22\n");
  CHECK(member(*yaml::timestamp("2025-12-22T10:00:00.5-1"))
        == " 2025-12-22 10:00:00.500000-01:00\n");
  CHECK(member(yaml::binary("hello")) == " !!binary |\n  aGVsbG8=\n");
  CHECK(member(yaml::binary("")) == " !!binary \"\"\n");
  const auto lines = member(yaml::binary(std::string(58, '\0')));
  CHECK(lines == " !!binary |\n  " + std::string(76, 'A') + "\n  AA==\n");
}

TEST_CASE("collections are written in blocks, empty ones in brackets", "[yaml]") {
  const auto value = yaml::mapping(
    {{"b", yaml::sequence({1, yaml::sequence({2, yaml::sequence()}),
                           yaml::mapping({{"x", 1}, {"y", yaml::sequence({3})}})})},
     {"a", yaml::mapping({{"c", yaml::mapping()}, {"d", yaml::mapping({{"e", nullptr}})}})}});
  CHECK(dump(value)
        == "a:\n  c: {}\n  d:\n    e: null\nb:\n- 1\n- - 2\n  - []\n- x: 1\n  y:\n  - 3\n");
  CHECK(dump(value, {.sort_keys = false}).substr(0, 3) == "b:\n");
}

TEST_CASE("keys are sorted as Python sorts them, or stay where it cannot", "[yaml]") {
  CHECK(dump(yaml::mapping({{"b", 1}, {"\u00e9", 2}, {"B", 3}, {"a", 4}}))
        == "B: 3\na: 4\nb: 1\n\"\\xE9\": 2\n");
  CHECK(dump(yaml::mapping({{10, 1}, {2.5, 2}, {true, 3}, {-1, 4}}))
        == "-1: 4\ntrue: 3\n2.5: 2\n10: 1\n");
  CHECK(dump(yaml::mapping({{"b", 1}, {1, 2}, {"a", 3}})) == "b: 1\n1: 2\na: 3\n");
  CHECK(dump(yaml::mapping({{nullptr, 1}, {"a", 3}})) == "null: 1\na: 3\n");
}

TEST_CASE("keys that are empty, long or of several lines stand behind a question mark", "[yaml]") {
  CHECK(dump(yaml::mapping({{"", 1}})) == "? ''\n: 1\n");
  CHECK(dump(yaml::mapping({{"a\nb", yaml::sequence({1})}})) == "? 'a\n\n  b'\n: - 1\n");
  CHECK(dump(yaml::mapping({{yaml::binary("a"), 1}})) == "? !!binary |\n  YQ==\n: 1\n");
  const std::string long_enough(122, 'x');
  CHECK(dump(yaml::mapping({{long_enough, 1}})) == long_enough + ": 1\n");
  CHECK(dump(yaml::mapping({{long_enough + "x", 1}})) == "? " + long_enough + "x\n: 1\n");
  CHECK(dump(yaml::mapping({{words(24), words(30)}})).substr(0, 121)
        == words(24) + ": "); // no fold
}

TEST_CASE("a key that no reader would take before a colon stands behind a question mark",
          "[yaml]") {
  std::string faces;
  for (int i = 0; i < 110; ++i)
    faces += "\U0001F600";
  CHECK(dump(yaml::mapping({{faces, 1}})).substr(0, 3) == "? \"");
  CHECK(dump(yaml::mapping({{faces.substr(0, 400), 1}})).front() == '"');
}

TEST_CASE("a plain scalar that is the whole document has a line with dots behind it", "[yaml]") {
  CHECK(dump(yaml{}) == "null\n...\n");
  CHECK(dump(yaml{"a"}) == "a\n...\n");
  CHECK(dump(yaml{"1"}) == "'1'\n");
  CHECK(dump(yaml{""}) == "''\n");
  CHECK(dump(yaml{"\u00e9"}) == "\"\\xE9\"\n");
  CHECK(dump(yaml::binary("a")) == "!!binary |\n  YQ==\n");
  CHECK(dump(yaml::sequence()) == "[]\n");
  CHECK(dump(yaml::sequence({1})) == "- 1\n");
}

TEST_CASE("what cannot be written is refused", "[yaml][errors]") {
  const auto bad = yaml::mapping({{"k", std::string{"\xff"}}}).dump();
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == errc::invalid_argument);
  CHECK(bad.error().detail == "a text that is no UTF-8");

  yaml deep;
  for (int i = 0; i < 1000; ++i) {
    auto around = yaml::sequence();
    around.push_back(std::move(deep));
    deep = std::move(around);
  }
  CHECK(deep.dump());
  auto around = yaml::sequence();
  around.push_back(std::move(deep));
  CHECK(around.dump().error().code == errc::invalid_argument);
}
