#include "cortex/json.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace testing = cortex::testing;
using cortex::errc;
using cortex::json;
using cortex::json_kind;
using namespace std::string_literals;

namespace {

std::string again(std::string_view text) {
  const auto read = json::parse(text);
  return read ? read->dump() : cortex::to_string(read.error());
}

std::size_t offset_of_error(std::string_view text) {
  const auto detail = json::parse(text).error().detail;
  constexpr std::string_view before = "no valid JSON at byte ";
  REQUIRE(detail.substr(0, before.size()) == before);
  return std::stoul(detail.substr(before.size()));
}

} // namespace

TEST_CASE("numbers are written as Python writes them, whatever their spelling", "[json]") {
  using pair = std::pair<const char*, const char*>;
  for (const auto& [read, written] : {pair{"-0", "0"},
                                      {"-0.0", "-0.0"},
                                      {"1E5", "100000.0"},
                                      {"1e15", "1000000000000000.0"},
                                      {"1e16", "1e+16"},
                                      {"1.50", "1.5"},
                                      {"1e-5", "1e-05"},
                                      {"0.1", "0.1"},
                                      {"5e-324", "5e-324"},
                                      {"1e-999", "0.0"},
                                      {"-1e-999", "-0.0"},
                                      {"1e999", "Infinity"},
                                      {"-1e999", "-Infinity"},
                                      {"1.7976931348623157e308", "1.7976931348623157e+308"},
                                      {"NaN", "NaN"},
                                      {"Infinity", "Infinity"},
                                      {"-Infinity", "-Infinity"},
                                      {"9223372036854775807", "9223372036854775807"},
                                      {"-9223372036854775808", "-9223372036854775808"},
                                      {"9223372036854775808", "9223372036854775808"}})
    CHECK(again(read) == written);
  const auto large = "-" + std::string(4300, '7');
  CHECK(again(large) == large);
}

TEST_CASE("the escapes of a JSON text are read and written", "[json]") {
  CHECK(*json::parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude80")").value().text()
        == "\"\\/\b\f\n\r\tA\u00e9\U0001f680");
  CHECK(json{"\"\\/\b\f\n\r\t\x01\x7f\u00e9\u2028\U0001f680"}.dump()
        == R"("\"\\/\b\f\n\r\t\u0001\u007f\u00e9\u2028\ud83d\ude80")");
  CHECK(json{std::string{"a\0b", 3}}.dump() == R"("a\u0000b")");
  CHECK(json::object({{"\u00e9\n", 1}}).dump() == "{\"\\u00e9\\n\": 1}");
}

TEST_CASE("beyond ASCII texts stay as they are if that is asked for", "[json]") {
  const json value{"\x01\x7f\u00e9\U0001f680\n"};
  CHECK(value.dump({.ensure_ascii = false}) == "\"\\u0001\x7f\u00e9\U0001f680\\n\"");
}

TEST_CASE("a lone surrogate survives as its escape", "[json]") {
  for (const auto* text : {R"("\ud800")", R"("a\udfffb")", R"("\udc00\ud800")", R"("\ud83dx")",
                           R"("\ud83d\ud83d\ude80")", R"({"\udbff": 1})"}) {
    CHECK(json::parse(text).value().dump({.ensure_ascii = false}).find("\\ud")
          != std::string::npos);
    // the pair at the end of one of them is a character beyond U+FFFF
    CHECK(again(text) == text);
  }
  CHECK(*json::parse(R"("\ud800")").value().text() == "\xed\xa0\x80");
}

TEST_CASE("bytes of the program that are no UTF-8 are replaced when they are written", "[json]") {
  CHECK(json{"a\xff\xc3"}.dump() == R"("a\ufffd\ufffd")");
  CHECK(json{"\xed\xa0"}.dump() == R"("\ufffd\ufffd")");
  CHECK(json{"\xff"}.dump({.ensure_ascii = false}) == R"("\ufffd")");
}

TEST_CASE("what is no JSON is refused at the byte where it goes wrong", "[json][errors]") {
  using place = std::pair<std::string, std::size_t>;
  for (const auto& [text, at] : {place{"", 0},
                                 {"  ", 2},
                                 {"nul", 0},
                                 {"nulll", 4},
                                 {"True", 0},
                                 {"nan", 0},
                                 {"-", 0},
                                 {"-Inf", 0},
                                 {"+1", 0},
                                 {"01", 1},
                                 {"1.", 1},
                                 {".5", 0},
                                 {"1e", 1},
                                 {"0x10", 1},
                                 {"1 2", 2},
                                 {"[", 1},
                                 {"]", 0},
                                 {"[1", 2},
                                 {"[1,", 3},
                                 {"[1,]", 3},
                                 {"[,1]", 1},
                                 {"[1 2]", 3},
                                 {"{", 1},
                                 {"{\"a\"", 4},
                                 {"{\"a\" 1}", 5},
                                 {"{\"a\":}", 5},
                                 {"{\"a\":1,}", 7},
                                 {"{a:1}", 1},
                                 {"{1:1}", 1},
                                 {"{\"a\":1 \"b\":2}", 7},
                                 {"[1}", 2},
                                 {"\"", 1},
                                 {"\"a\nb\"", 2},
                                 {"\"\x1f\"", 1},
                                 {"\"\0\""s, 1},
                                 {"\"\\x\"", 1},
                                 {"\"\\", 1},
                                 {"\"\\u12g4\"", 1},
                                 {"\"\\u-123\"", 1},
                                 {"\"\\u12", 1},
                                 {"\"\xff\"", 1},
                                 {"\"\xc0\x80\"", 1},
                                 {"\"\xed\xa0\x80\"", 1},
                                 {"\"\xf5\x80\x80\x80\"", 1},
                                 {"\xef\xbb\xbf{}", 0},
                                 {"// x\n1", 0},
                                 {"'a'", 0},
                                 {"1\v", 1},
                                 {"1\0"s, 1}}) {
    INFO("text: " << text);
    const auto read = json::parse(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == errc::corrupt);
    CHECK(offset_of_error(text) == at);
  }
}

TEST_CASE("white space is skipped between all parts of a JSON text", "[json]") {
  CHECK(again(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n") == R"({"a": [1, 2], "b": {}})");
}

TEST_CASE("a JSON text is nested no deeper than its bound", "[json][errors]") {
  const auto nested
    = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(again(nested(500)) == nested(500));
  CHECK(json::parse(nested(501)).error() == errc::corrupt);
  CHECK(offset_of_error(nested(501)) == 501);
  CHECK(json::parse(nested(1000), {.max_depth = 1'000'000}));
  CHECK_FALSE(json::parse(nested(1001), {.max_depth = 1'000'000}));
  CHECK(json::parse("[1]", {.max_depth = 1}));
  CHECK_FALSE(json::parse("[]", {.max_depth = 0}));
  CHECK(json::parse("1", {.max_depth = 0}));

  CHECK_FALSE(json::parse(std::string(10'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i)
    objects += "{\"\":";
  CHECK_FALSE(json::parse(objects));
  CHECK(
    json::parse("[" + nested(499) + ", " + nested(499) + "]")); // beside one another is no depth
}

TEST_CASE("the size of a JSON text and the number of its values are bounded", "[json][errors]") {
  CHECK(json::parse("[1, 2]", {.max_bytes = 6}));
  CHECK(json::parse("[1, 2]", {.max_bytes = 5}).error() == errc::corrupt);
  CHECK(json::parse("[1, {\"a\": 2}]", {.max_values = 4}));
  CHECK(json::parse("[1, {\"a\": 2}]", {.max_values = 3}).error() == errc::corrupt);
  CHECK(json::parse("-123", {.max_digits = 3}));
  CHECK(json::parse("1234", {.max_digits = 3}).error() == errc::corrupt);
  CHECK(json::parse("1234.0", {.max_digits = 3}));

  std::string many = "[0";
  for (int i = 0; i < 2'000'000; ++i)
    many += ",0";
  CHECK_FALSE(json::parse(many + "]"));
  CHECK_FALSE(json::parse(std::string(std::size_t{17} << 20U, ' ')));
}

TEST_CASE("many equal and many different keys are read in little time", "[json]") {
  std::string equal = "{\"a\":0";
  std::string different = "{\"a\":0";
  for (int i = 1; i < 200'000; ++i) {
    equal += ",\"a\":" + std::to_string(i);
    different += ",\"" + std::to_string(i) + "\":1";
  }
  CHECK(again(equal + "}") == R"({"a": 199999})");
  CHECK(json::parse(different + "}").value().size() == 200'000);
}

TEST_CASE("the texts of the original are written as they were read", "[json]") {
  // every text in the vectors that looks like an object or array of Python's default writer
  testing::case_counter counter{"accelerator_limits rows"};
  const auto vectors = testing::read_vectors("accelerator_limits");
  const auto visit = [&counter](const auto& self, const nlohmann::json& item) -> void {
    if (item.is_string()) {
      const auto text = item.template get<std::string>();
      if (text.size() > 1 && text.front() == '{' && text.back() == '}') {
        INFO(text);
        CHECK(again(text) == text);
        counter.ran();
      }
    }
    if (item.is_structured())
      for (const auto& each : item)
        self(self, each);
  };

  visit(visit, vectors);

  counter.require_any();
}
