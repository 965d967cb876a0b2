#include "actors/config_manager/config_fixture.hpp"
#include "support/wait.hpp"

using namespace cortex;
using namespace cortex::testing;

namespace {

std::string where(const cm::value& what) {
  return std::string{to_string(what.origin)} + " " + what.content.source();
}

} // namespace

TEST_CASE_METHOD(config_fixture, "a value comes from the uppermost layer that has it",
                 "[config_manager]") {
  write_file(folder / "system.yaml", "b: system\nc: system\nd: system\ne: system\n");
  write_file(file(), "c: user\nd: user\ne: user\n");
  auto how = options();
  how.defaults = parsed("a: default\nb: default\nc: default\nd: default\ne: default\n");
  how.environment
    = variables{{"CORTEX_PREF_D", "environment"}, {"CORTEX_PREF_E", "environment"}, {"D", "x"}};
  how.arguments = parsed("e: argument\n");
  const auto config = open(how);

  CHECK(where(good(config.get("a"))) == "default default");
  CHECK(where(good(config.get("b"))) == "system system");
  CHECK(where(good(config.get("c"))) == "user user");
  CHECK(where(good(config.get("d"))) == "environment environment");
  CHECK(where(good(config.get("e"))) == "argument argument");
  CHECK(config.get("f").error() == errc::not_found);
  CHECK(config.get("").error() == errc::invalid_argument);
}

TEST_CASE_METHOD(config_fixture, "a value tells its file and line, or its variable",
                 "[config_manager]") {
  write_file(file(), "# mine\na: 1\nllm:\n  provider: x\n");
  auto how = options();
  how.environment = variables{{"CORTEX_PREF_LLM__KEY", "2"}};
  const auto config = open(how);

  const auto in_file = good(config.get("llm.provider"));
  CHECK(in_file.source == file());
  CHECK(in_file.mark == yaml_mark{4, 13});
  const auto in_environment = good(config.get("llm.key"));
  CHECK(in_environment.source == "CORTEX_PREF_LLM__KEY");
  CHECK(in_environment.content == yaml{2});
  CHECK(good(config.call(set_key("new", 1))).changed.size() == 1);
  CHECK(good(config.get("llm.provider")).mark.line == 3); // the file is written anew
}

TEST_CASE_METHOD(config_fixture, "mappings of several layers are merged, all else is replaced",
                 "[config_manager]") {
  write_file(folder / "system.yaml", "m: {a: 1, b: 1}\nlist: [1, 2]\nx: {deep: 1}\n");
  write_file(file(), "m: {b: 2, c: 2}\nlist: [3]\nx: plain\n");
  const auto config = open();

  CHECK(to_json(good(config.get("m")).content) == nlohmann::json::parse(R"({"a":1,"b":2,"c":2})"));
  CHECK(good(config.get("m")).origin == cm::origin::user);
  CHECK(good(config.get("m.a")).origin == cm::origin::system);
  CHECK(good(config.get("list")).content == yaml::sequence({3}));
  CHECK(config.get("x.deep").error() == errc::not_found);
  CHECK(to_json(*config.preferences())
        == nlohmann::json::parse(R"({"list":[3],"m":{"a":1,"b":2,"c":2},"x":"plain"})"));
}

TEST_CASE_METHOD(config_fixture, "values of variables are scalars by the rules of YAML",
                 "[config_manager]") {
  auto how = options();
  how.environment = variables{{"CORTEX_PREF_A", "yes"},     {"CORTEX_PREF_B", "012"},
                              {"CORTEX_PREF_C", "'1'"},     {"CORTEX_PREF_D", "[1, 2]"},
                              {"CORTEX_PREF_E", "a: b: c"}, {"CORTEX_PREF_F", ""},
                              {"CORTEX_PREF_G", "\xFF"}};
  const auto config = open(how);
  const auto get = [&config](const char* key) { return good(config.get(key)).content; };

  CHECK(get("a") == yaml{true});
  CHECK(get("b") == yaml{10});
  CHECK(get("c") == yaml{"1"});
  CHECK(get("d") == yaml{"[1, 2]"});
  CHECK(get("e") == yaml{"a: b: c"});
  CHECK(get("f") == yaml{});
  CHECK(get("g") == yaml{"\xFF"});
}

TEST_CASE_METHOD(config_fixture, "of the text of a variable nothing is lost", "[config_manager]") {
  auto how = options();
  how.environment
    = variables{{"CORTEX_PREF_COLOUR", "#ff0000"}, {"CORTEX_PREF_COMMENT", "abc #123"},
                {"CORTEX_PREF_TAG", "!!str 5"},    {"CORTEX_PREF_ANCHOR", "&a b"},
                {"CORTEX_PREF_START", "--- x"},    {"CORTEX_PREF_BLANKS", " 5 "},
                {"CORTEX_PREF_LINES", "a\nb"},     {"CORTEX_PREF_TWO", "'a' # 'b'"},
                {"CORTEX_PREF_QUOTED", "\"#1\""},  {"CORTEX_PREF_SINGLE", "'it''s # 1'"}};
  const auto config = open(how);
  const auto get = [&config](const char* key) { return good(config.get(key)).content; };

  CHECK(get("colour") == yaml{"#ff0000"});
  CHECK(get("comment") == yaml{"abc #123"});
  CHECK(get("tag") == yaml{"!!str 5"});
  CHECK(get("anchor") == yaml{"&a b"});
  CHECK(get("start") == yaml{"--- x"});
  CHECK(get("blanks") == yaml{" 5 "});
  CHECK(get("lines") == yaml{"a\nb"});
  CHECK(get("two") == yaml{"'a' # 'b'"});
  CHECK(get("quoted") == yaml{"#1"});
  CHECK(get("single") == yaml{"it's # 1"});
}

TEST_CASE_METHOD(config_fixture, "variables that say nothing are told, without their values",
                 "[config_manager][errors]") {
  auto how = options();
  how.environment = variables{{"CORTEX_PREF_", "secret"},
                              {"CORTEX_PREF_A__", "secret"},
                              {"CORTEX_PREF_B", "secret"},
                              {"CORTEX_PREF_B__C", "secret"},
                              {"CORTEX_PREF_b", "secret"}};
  const auto config = open(how);

  CHECK(config.notices().size() == 4);
  for (const auto& each : config.notices()) {
    CHECK(each.starts_with("the variable CORTEX_PREF_"));
    CHECK(each.find("secret") == std::string::npos);
  }
  CHECK(good(config.get("b")).content == yaml{"secret"});
}

TEST_CASE_METHOD(config_fixture,
                 "keys that nobody knows are told with file, line and the one meant",
                 "[config_manager]") {
  write_file(file(), "verbosity: high\nllm:\n  provder: x\n  extra: {any: 1}\nother: 1\n");
  auto how = options();
  how.known_keys = {"verbosity", "llm.provider", "llm.extra"};
  how.arguments = parsed("verbsity: 1\n");

  const auto warnings = open(how).warnings();

  CHECK(warnings
        == std::vector<std::string>{
          file() + ":3: unknown key 'llm.provder', did you mean 'llm.provider'?",
          file() + ":5: unknown key 'other'",
          "argument:1: unknown key 'verbsity', did you mean 'verbosity'?"});
}

TEST_CASE_METHOD(config_fixture,
                 "a damaged file of the system is told, and takes nothing else away",
                 "[config_manager][errors]") {
  write_file(folder / "system.yaml", "a: [");
  write_file(file(), "b: 1\n");
  const auto config = open();

  CHECK(config.problem() == errc::corrupt);
  CHECK(good(config.get("b")).content == yaml{1});
  CHECK_FALSE(read_file((folder / "system.yaml.broken")));
  good(config.call(set_key("c", 1)));
}

TEST_CASE_METHOD(config_fixture, "a reader sees a change as soon as it was answered",
                 "[config_manager][concurrency]") {
  const auto config = open();
  run_threads(8, [&config](std::size_t index) {
    const auto key = "k" + std::to_string(index);
    for (int i = 0; i < 20; ++i) {
      if (!config.call(set_key(key, i)))
        throw std::runtime_error{"a save failed"};
      const auto found = config.get(key);
      if (!found || !(found->content == yaml{i}))
        throw std::runtime_error{"an older value"};
    }
  });
}

TEST_CASE_METHOD(config_fixture, "unknown keys of an exported file are told with the one meant",
                 "[config_manager]") {
  const auto checked = good(open().call(cm::validate{
    parsed("cortex_version: 0.2.0\nos: x\npackages:\n- {name: a, verison: '1', source: apt}\n"
           "preferencse: {}\n")}));

  CHECK(checked.ok);
  CHECK(checked.warnings
        == std::vector<std::string>{
          "line 5, column 1: unknown key 'preferencse', did you mean 'preferences'?",
          "line 4, column 13: unknown key 'verison', did you mean 'version'?"});
}
