#include "actors/yaml/yaml_texts.hpp"

#include <string>
#include <utility>
#include <vector>

using namespace cortex;
using namespace cortex::testing;

namespace {

using table = std::vector<std::pair<std::string, std::string>>;

void check(const table& rows) {
  for (const auto& [text, wanted] : rows) {
    INFO(text);
    CHECK(show_yaml("k: " + text + "\n") == "{str k: " + wanted + "}");
  }
}

void check_texts(const std::vector<std::string>& texts) {
  for (const auto& text : texts)
    check({{text, "str " + text}});
}

} // namespace

TEST_CASE("words for null and truths are read in three spellings each", "[yaml]") {
  check({{"", "null"}, {"~", "null"}, {"null", "null"}, {"Null", "null"}, {"NULL", "null"}});
  for (const char* word : {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
    check({{word, "true"}});
  for (const char* word : {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
    check({{word, "false"}});
  check_texts({"nULL", "~~", "yEs", "tRUE", "oN", "y", "Y", "n", "N"});
}

TEST_CASE("integers are read in all bases of YAML 1.1", "[yaml]") {
  check({{"0", "int 0"},
         {"-0", "int 0"},
         {"+12", "int 12"},
         {"010", "int 8"},
         {"-010", "int -8"},
         {"0_", "int 0"},
         {"0x1F", "int 31"},
         {"-0x_f", "int -15"},
         {"0b1_0", "int 2"},
         {"1_000_", "int 1000"},
         {"1:30", "int 90"},
         {"-190:20:30", "int -685230"},
         {"9223372036854775808", "int 9223372036854775808"},
         {"-9223372036854775808", "int -9223372036854775808"},
         {"0xffffffffffffffffff", "int 4722366482869645213695"}});
  check_texts({"08", "0o17", "0b2", "0xg", "_1", "1:60", "0:30", "1-2", "1,000", "+", "-x"});
}

TEST_CASE("real numbers need a point, and their exponents a sign", "[yaml]") {
  check({{"1.0", "float 1.0"},
         {"1.", "float 1.0"},
         {".5", "float 0.5"},
         {"-1.5", "float -1.5"},
         {"1.5e+3", "float 1500.0"},
         {"1.E-3", "float 0.001"},
         {"685_230.15_", "float 685230.15"},
         {"190:20:30.15", "float 685230.15"},
         {"-1:30.5", "float -90.5"},
         {"1.0e+999", "float .inf"},
         {".inf", "float .inf"},
         {"-.INF", "float -.inf"},
         {"+.Inf", "float .inf"},
         {".nan", "float .nan"},
         {".NaN", "float .nan"}});
  check_texts(
    {"1e5", "1.5e3", "-.5", ".", "._5", ".iNf", "-.nan", "1.2.3", "inf", "1.0e+", "1:60.5"});
}

TEST_CASE("dates and times are read as Python writes them", "[yaml]") {
  check({{"2025-12-22", "time 2025-12-22"},
         {"2025-12-22T10:00:00", "time 2025-12-22 10:00:00"},
         {"2025-12-22t1:02:03.1234567", "time 2025-12-22 01:02:03.123456"},
         {"2025-1-2   10:00:00.5 Z", "time 2025-01-02 10:00:00.500000+00:00"},
         {"2025-12-22 10:00:00 -1", "time 2025-12-22 10:00:00-01:00"},
         {"2025-12-22 10:00:00+05:45", "time 2025-12-22 10:00:00+05:45"},
         {"2000-02-29", "time 2000-02-29"}});
  check_texts({"2025-1-2", "2025-12-22T10:00", "2025-12-22 10:00:00 +1:3", "25-12-22"});
  for (const char* no_time :
       {"2025-13-01", "2025-02-29", "1900-02-29", "0000-01-01", "2025-01-00", "2025-01-01 24:00:00",
        "2025-01-01 10:60:00", "2025-01-01 10:00:60", "2025-01-01 10:00:00 +24"})
    CHECK(yaml_error("k: " + std::string{no_time})
          == "line 1, column 4: this is not a date or time that exists");
}

TEST_CASE("what is quoted or stands in a block is a text", "[yaml]") {
  check({{"'yes'", "str yes"},
         {"\"1\"", "str 1"},
         {"'~'", "str ~"},
         {"''", "str "},
         {"'it''s'", "str it's"},
         {"|-\n  1", "str 1"},
         {">\n  a\n  b\n\n  c\n", "str a b\nc\n"},
         {"|+\n  a\n", "str a\n\n"},
         {"|2\n    a\n", "str   a\n"},
         {R"("a\n\t\x41\u00e9\U0001F600\e\N\_\L\P\0\/")",
          std::string{"str a\n\tA\u00e9\U0001F600\x1b\u0085\u00a0\u2028\u2029"} + '\0' + "/"},
         {"\"a\\\n   b\n\n   c\"", "str ab\nc"},
         {"a\n  b\n\n  c", "str a b\nc"}});
}

TEST_CASE("a tag decides over the text", "[yaml]") {
  check({{"!!str 1", "str 1"},
         {"!!str", "str "},
         {"!!int '1_0'", "int 10"},
         {"!!int '0o17'", "int 15"},
         {"!!float 1e3", "float 1000.0"},
         {"!!float nan", "float .nan"},
         {"!!bool 'YeS'", "true"},
         {"!!null x", "null"},
         {"!!timestamp 2025-1-2", "time 2025-01-02"},
         {"!!binary aGVs\n  bG8=", "bytes hello"},
         {"! 12", "int 12"},
         {"! '12'", "int 12"},
         {"!<tag:yaml.org,2002:str> 1", "str 1"},
         {"!!set {a, b: 1}", "{str a: null, str b: null}"},
         {"!!omap [a: 1, b: 2]", "[[str a, int 1], [str b, int 2]]"},
         {"!!pairs [a: 1, a: 2]", "[[str a, int 1], [str a, int 2]]"},
         {"!!seq [1]", "[int 1]"},
         {"!!map {a: 1}", "{str a: int 1}"},
         {"!!str {=: 1, a: 2}", "str 1"}});
  CHECK(show_yaml("%TAG !y! tag:yaml.org,2002:\n---\n!y!str 1\n") == "str 1");
}

TEST_CASE("a tag that does not fit, or is not one of YAML's own, is an error", "[yaml][errors]") {
  for (const char* text : {"!!int x", "!!int ''", "!!float x", "!!bool 1", "!!timestamp x",
                           "!!binary abc", "!!binary \u00e9", "!!int [1]", "!!str [a]",
                           "!!str {a: 1}", "!!seq x", "!!seq {}", "!!map []", "!!set [a]",
                           "!!omap {a: 1}", "!!omap [a]", "!!omap [{a: 1, b: 2}]", "0b_", "0x_"})
    CHECK(yaml_error("k: " + std::string{text}).find("line 1, column ") == 0);
  CHECK(
    yaml_error("- !!python/object:os.system x")
    == "line 1, column 3: the tag 'tag:yaml.org,2002:python/object:os.system' is not one of YAML's own");
  CHECK(yaml_error("- !foo {}") == "line 1, column 3: the tag '!foo' is not one of YAML's own");
}

TEST_CASE("'<<' and '=' are keys alone, unless they are quoted", "[yaml]") {
  CHECK(yaml_error("k: <<") == "line 1, column 4: '<<' is for keys alone");
  CHECK(yaml_error("- =") == "line 1, column 3: '=' is for keys alone");
  CHECK(show_yaml("=: '='\n'<<': '<<'\n") == "{str =: str =, str <<: str <<}");
}
