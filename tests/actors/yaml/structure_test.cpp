#include "actors/yaml/yaml_texts.hpp"

#include <string>

using namespace cortex;
using namespace cortex::testing;

TEST_CASE("a text without a document is null", "[yaml]") {
  for (const char* text :
       {"", "\n", "# only\n", "---\n", "--- # c\n...\n", "%YAML 1.1\n---\n", "\xef\xbb\xbf"})
    CHECK(read_yaml(text).is_null());
}

TEST_CASE("collections are read in blocks and in brackets", "[yaml]") {
  CHECK(
    show_yaml("a:\n- 1\n- b: 2\n  c: [3, {d: 4}, e: 5]\n- - 6\n")
    == "{str a: [int 1, {str b: int 2, str c: [int 3, {str d: int 4}, {str e: int 5}]}, [int 6]]}");
  CHECK(show_yaml("? a\n: b\n? c\n") == "{str a: str b, str c: null}");
  CHECK(show_yaml("{a, b: , 'c':1}") == "{str a: null, str b: null, str c: int 1}");
  CHECK(show_yaml("\xef\xbb\xbf"
                  "a: 1\r\nb: 2\r\n")
        == "{str a: int 1, str b: int 2}");
}

TEST_CASE("comments need a blank before them", "[yaml]") {
  CHECK(show_yaml("a: b # c\nd: e#f\n#\t tab\n") == "{str a: str b, str d: str e#f}");
}

TEST_CASE("keys are scalars of any kind", "[yaml]") {
  CHECK(show_yaml("{1: a, 1.5: b, ~: c, 2025-12-22: d, !!binary YQ==: e}")
        == "{int 1: str a, float 1.5: str b, null: str c, time 2025-12-22: str d, bytes a: str e}");
  CHECK(yaml_error("? [a]\n: b\n")
        == "line 1, column 3: a key must be a scalar, and this is a sequence");
  CHECK(yaml_error("{{a: b}: c}")
        == "line 1, column 2: a key must be a scalar, and this is a mapping");
  CHECK(yaml_error("a: &x []\n*x : 1\n").find("a key must be a scalar") != std::string::npos);
}

TEST_CASE("a key 1 and a key true are two, whereas 1 and 1.0 are one", "[yaml]") {
  CHECK(show_yaml("{1: a, true: b, 1.0: c}") == "{int 1: str c, true: str b}");
}

TEST_CASE("a key that is not a number comes once, as PyYAML has one NaN alone", "[yaml]") {
  CHECK(show_yaml("{.nan: 1, a: 2, .NaN: 3}") == "{float .nan: int 3, str a: int 2}");
  CHECK(yaml_error("{.nan: 1, .NaN: 2}", {.strict = true})
        == "line 1, column 11: the key '.NaN' stands in line 1 already");
}

TEST_CASE("an alias is the value of its anchor", "[yaml]") {
  CHECK(
    show_yaml("a: &x {p: 1}\nb: *x\nc: [*x, *x]\n")
    == "{str a: {str p: int 1}, str b: {str p: int 1}, str c: [{str p: int 1}, {str p: int 1}]}");
  CHECK(show_yaml("&k a: &v 1\n*v : *k\n") == "{str a: int 1, int 1: str a}");
  CHECK(yaml_error("k: *x\n") == "line 1, column 4: no anchor 'x' before its alias");
  CHECK(yaml_error("- &x 1\n- &x 2\n") == "line 2, column 3: a second anchor 'x'");
  CHECK(yaml_error("&x [1, *x]") == "line 1, column 8: 'x' holds itself through this alias");
  CHECK(yaml_error("a: &x\n  b: {c: *x}\n")
        == "line 2, column 10: 'x' holds itself through this alias");
}

TEST_CASE("merge keys bring what the mapping itself does not have", "[yaml]") {
  const std::string anchors = "- &a {x: 1, y: 2}\n- &b {y: 3, z: 4}\n- ";
  const auto merged
    = [&](const std::string& text) { return show((*read_yaml(anchors + text).elements())[2]); };
  CHECK(merged("{<<: *a, y: 5}") == "{str x: int 1, str y: int 5}");
  CHECK(merged("{y: 5, <<: *a}") == "{str x: int 1, str y: int 5}");
  CHECK(merged("{<<: [*a, *b]}") == "{str y: int 2, str z: int 4, str x: int 1}");
  CHECK(merged("{<<: *a, <<: *b}") == "{str x: int 1, str y: int 3, str z: int 4}");
  CHECK(merged("{<<: {<<: *a, q: 0}}") == "{str x: int 1, str y: int 2, str q: int 0}");
  CHECK(merged("{<<: []}") == "{}");
  CHECK(merged("{'<<': 1}") == "{str <<: int 1}");
  CHECK(yaml_error("<<: 1").find("only mappings can be merged") != std::string::npos);
  CHECK(yaml_error("<<: [{a: 1}, 2]") == "line 1, column 14: only mappings can be merged");
}

TEST_CASE("of a key that comes twice the last value counts, in the first place, with a warning",
          "[yaml]") {
  const auto document = yaml::parse("a: 1\nb: 2\nc:\n  d: 1\n  d: 2\na: 3\na: 4\n");

  REQUIRE(document);
  CHECK(show(document->root) == "{str a: int 4, str b: int 2, str c: {str d: int 2}}");
  REQUIRE(document->warnings.size() == 3);
  CHECK(document->warnings[0].mark == yaml_mark{5, 3});
  CHECK(document->warnings[0].text
        == "line 5, column 3: the key 'd' stands in line 4 already; the last value counts");
  CHECK(document->warnings[1].text
        == "line 6, column 1: the key 'a' stands in line 1 already; the last value counts");
  CHECK(document->warnings[2].mark == yaml_mark{7, 1});
}

TEST_CASE("in strict mode a key that comes twice is an error", "[yaml][errors]") {
  CHECK(yaml_error("a: 1\nb: {c: 1, 'c': 2}\n", {.strict = true})
        == "line 2, column 11: the key 'c' stands in line 2 already");
  CHECK(yaml::parse("a: &x {k: 1}\nb: {<<: *x, <<: {k: 2}, k: 3}\n", {.strict = true}));
}

TEST_CASE("keys that come twice in a shared mapping are told once", "[yaml]") {
  const auto document = yaml::parse("a: &x {k: 1, k: 2}\nb: [*x, *x, {<<: *x}]\n");

  REQUIRE(document);
  CHECK(document->warnings.size() == 1);
}

TEST_CASE("no key that comes many times costs more than its place in the order", "[yaml]") {
  std::string text;
  for (int i = 0; i < 40'000; ++i)
    text += "k" + std::to_string(i % 20'000) + ": " + std::to_string(i) + "\n";
  const auto document = yaml::parse(text);

  REQUIRE(document);
  CHECK(document->root.size() == 20'000);
  CHECK(document->warnings.size() == 20'000);
  CHECK(document->root.find("k7")->as_int64() == 20'007);
}

TEST_CASE("a second document is an error", "[yaml][errors]") {
  CHECK(yaml_error("k: 1\n---\nk: 2\n") == "line 2, column 1: a second document");
  CHECK(yaml_error("a\n...\n---\nb\n").find("a second document") != std::string::npos);
  CHECK(read_yaml("a: 1\n...\n") == yaml::mapping({{"a", 1}}));
}

TEST_CASE("a value knows where it was read and how it was spelled", "[yaml]") {
  const auto root
    = read_yaml("# c\nv: 1.0\n\"\u00e9\": [012, 'x', ~, ]\nn:\nt: 2025-12-22T10:00:00\n");

  CHECK(root.mark() == yaml_mark{2, 1});
  CHECK(root.find("v")->mark() == yaml_mark{2, 4});
  const auto& list = *root.find("\u00e9")->elements();
  CHECK(list[1].mark() == yaml_mark{3, 12});
  CHECK(list[0].source() == "012");
  CHECK(list[1].source() == "x");
  CHECK(list[2].source() == "~");
  CHECK(root.find("v")->source() == "1.0");
  CHECK(root.find("n")->source().empty());
  CHECK(root.find("t")->source() == "2025-12-22T10:00:00");
  CHECK(root.source().empty());
  CHECK(root.members()->front().key.mark() == yaml_mark{2, 1});
}

TEST_CASE("CM-4 a version that is a number keeps the digits of its text", "[yaml]") {
  const auto root = read_yaml(
    "- version: 1.10\n- version: 1.1\n- version: 010\n- version: 1:30\n- version: 1_0\n");

  std::string sources;
  for (const auto& each : *root.elements())
    sources += each.find("version")->source() + " ";
  CHECK(sources == "1.10 1.1 010 1:30 1_0 ");
  CHECK((*root.elements())[0] == (*root.elements())[1]);
}
