#include "cortex/text/python_json.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <string>
#include <vector>

namespace text = cortex::text;
namespace testing = cortex::testing;
using cortex::errc;
using namespace std::string_literals;
using texts = std::vector<std::string>;
using numbers = std::vector<double>;

TEST_CASE("lists of texts are written as Python writes them, and read back", "[text]") {
  testing::case_counter counter{"commands_json"};
  for (const auto& item : testing::read_vectors("semantic_cache", "commands_json")) {
    const auto commands = item.at("commands").get<texts>();
    const auto json = item.at("json").get<std::string>();
    INFO("json: " << json);
    CHECK(text::python_json(commands) == json);
    CHECK(text::read_json_texts(json).value() == commands);
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("control characters are escaped, what is no UTF-8 is replaced", "[text]") {
  CHECK(text::python_json(texts{"\x01\x1f\x7f"}) == R"(["\u0001\u001f\u007f"])");
  CHECK(text::python_json(texts{"a\xff\xc3"}) == R"(["a\ufffd\ufffd"])");
}

TEST_CASE("any spelling of an array is read", "[text]") {
  CHECK(text::read_json_texts(" [ \"a\" ,\n\"\\u00e9\\ud83d\\ude80\" ] ").value()
        == texts{"a", "\u00e9\U0001f680"});
  CHECK(text::read_json_texts("[\"\u00e9\\/\"]").value() == texts{"\u00e9/"});
  CHECK(text::read_json_numbers("[1, -2,3.5e0 ,18446744073709551616]").value()
        == numbers{1.0, -2.0, 3.5, 18446744073709551616.0});
  CHECK(text::read_json_numbers("[]").value().empty());
}

TEST_CASE("damaged lists are refused", "[text][errors]") {
  const auto bad = GENERATE(
    ""s, " "s, "["s, "]"s, "null"s, "{}"s, "true"s, "[null]"s, "[true]"s, "[[]]"s, "[{}]"s,
    "[\"a\",1]"s, "[1,\"a\"]"s, "[1,]"s, "[1 2]"s, "[1] x"s, "[NaN]"s, "[1e999]"s, "[\"\\ud800\"]"s,
    "[\"a]"s, "[\"\xff\"]"s, "[\"\n\"]"s, "{\"a\":[1]}"s, "[01]"s, "[+1]"s, "[.5]"s, "['a']"s);

  const auto as_texts = text::read_json_texts(bad);
  const auto as_numbers = text::read_json_numbers(bad);

  CHECK((!as_texts && as_texts.error().code == errc::corrupt));
  CHECK((!as_numbers && as_numbers.error().code == errc::corrupt));
}

TEST_CASE("a list holds one kind of element", "[text][errors]") {
  CHECK_FALSE(text::read_json_texts("[1]"));
  CHECK_FALSE(text::read_json_texts("\"a\""));
  CHECK_FALSE(text::read_json_numbers("[\"1\"]"));
  CHECK_FALSE(text::read_json_numbers("1"));
}

TEST_CASE("deep and large texts are refused without much work", "[text][errors]") {
  CHECK_FALSE(text::read_json_texts(std::string(1'000'000, '[')));
  CHECK_FALSE(text::read_json_numbers(std::string(text::max_json_bytes - 1, ' ') + "[]"));
  CHECK(text::read_json_numbers(std::string(text::max_json_bytes - 2, ' ') + "[]"));
}
