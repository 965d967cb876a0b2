// Sizes, configurations and console texts as the original's, and the command line.
#include "cortex/kv_cache/codec.hpp"

#include "registry_fixture.hpp"
#include "support/vectors.hpp"

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;
using cortex::errc;

TEST_CASE("sizes are read as recorded", "[kv_cache][vectors]") {
  testing::case_counter counter{"kv_cache/size_text"};
  for (const auto& each : testing::read_vectors("kv_cache", "size_text")) {
    const auto text = each.at("text").get<std::string>();
    INFO("size '" << text << "'");
    const auto size = kv::parse_size(text);
    if (const auto defects = testing::defects_of(each); !defects.empty()) {
      CHECK_FALSE(size); // all of them are texts that should not pass
      counter.skipped(defects);
      continue;
    }
    counter.ran();
    const auto& expect = each.at("expect");
    CHECK(size.has_value() == expect.contains("bytes"));
    if (size && expect.contains("bytes"))
      CHECK(*size == expect.at("bytes").get<std::int64_t>());
    if (!size)
      CHECK(size.error() == errc::invalid_argument);
    CHECK(kv::configuration{}.policy == expect.value("policy", "lru"));
    CHECK(kv::configuration{}.max_sequences == expect.value("max_sequences", 1000));
  }
  counter.require_any();
}

TEST_CASE("a size is a number and at most one factor, and nothing else", "[kv_cache][kv5]") {
  for (const auto* text : {"5KMG",     "5GM",   "5 G",   " 5G",   "5G ",
                           "1_000",    "-2M",   "-0",    "+-4",   "++4",
                           "3\u0664K", "٣",     "1e",    "1e+",   ".",
                           ".K",       "e3",    "1.2.3", "5GG",   "5kK",
                           "infinity", "NaN",   "0x1p3", "1e400", "9223372036854775808",
                           "1e19",     "9e99G", "\n5",   "5\n",   "5G\u00a0"}) {
    INFO("size '" << text << "'");
    CHECK_FALSE(kv::parse_size(text));
  }
  CHECK_FALSE(kv::parse_size(std::string("5\0", 2)));
  CHECK_FALSE(kv::parse_size(std::string(100'000, '1')));
  CHECK(*kv::parse_size("1.E+2k") == 100'000);
  CHECK(*kv::parse_size("1e-400G") == 0);
  CHECK(*kv::parse_size("9223372036854774784") == 9'223'372'036'854'774'784);
}

TEST_CASE("configurations are written as recorded and read back", "[kv_cache][vectors]") {
  testing::case_counter counter{"kv_cache/config_json"};
  for (const auto& each : testing::read_vectors("kv_cache", "config_json")) {
    if (const auto defects = testing::defects_of(each); !defects.empty()) {
      counter.skipped(defects);
      continue;
    }
    counter.ran();
    const auto& args = each.at("args");
    kv::configuration config;
    config.name = args.at("name");
    config.size_bytes = args.at("size_bytes");
    config.policy = args.value("policy", config.policy);
    config.max_sequences = args.value("max_sequences", config.max_sequences);

    const auto text = kv::encode_configuration(config);

    CHECK(text == each.at("json").get<std::string>());
    CHECK(kv::decode_configuration(text).value() == config);
  }
  counter.require_any();
}

TEST_CASE("the command line makes, shows and removes pools", "[kv_cache][command]") {
  testing::registry_fixture t;
  const auto pools = t.open();
  const auto run = [&](std::vector<std::string> line) { return kv::run_command(pools, line); };

  CHECK(run({"create", "a", "--size", "64k"}).text == "✅ Created cache pool 'a' (0.0 GB)\n");
  CHECK(run({"create", "b", "--policy", "fifo", "--size=0.1M"}).exit_code == 0);
  CHECK(run({"list"}).text == "a 64000 lru 1000\nb 100000 fifo 1000\n");
  CHECK(run({"status"}).text
        == "\nPOOL                 SIZE         POLICY    \n"
           "--------------------------------------------------\n"
           "a                    0.0G       lru       \n"
           "b                    0.0G       fifo      \n");
  CHECK(run({"status", "b"}).text
        == "\nPOOL                 SIZE         POLICY    \n"
           "--------------------------------------------------\n"
           "b                    0.0G       fifo      \n");
  CHECK(run({"status", "none"}).text
        == "\nPOOL                 SIZE         POLICY    \n"
           "--------------------------------------------------\n");
  CHECK(run({"create", "a", "--size", "64k"}).exit_code == 1);
  CHECK(run({"create", "a", "--size", "32k", "--force"}).exit_code == 0);
  CHECK(run({"destroy", "a"}).text == "✅ Destroyed cache pool 'a'\n");
  CHECK(run({"destroy", "a"}).exit_code == 1);
  CHECK(run({"create", "c", "--size", "16GB"}).text.starts_with("invalid size '16GB'\n"));
  for (const auto& line :
       std::vector<std::vector<std::string>>{{},
                                             {"create"},
                                             {"create", "x"},
                                             {"create", "x", "--size"},
                                             {"create", "x", "y", "--size", "1"},
                                             {"create", "--size", "1"},
                                             {"create", "x", "--size", "1", "--y"},
                                             {"destroy"},
                                             {"status", "a", "b"},
                                             {"list", "a"},
                                             {"help"}})
    CHECK(run(line).exit_code == 2);
  CHECK(pools.call(kv::list{})->size() == 1);
}

TEST_CASE("sizes in tables are rounded as the original rounds", "[kv_cache]") {
  CHECK(kv::created_text({"x", 16'000'000'000}) == "✅ Created cache pool 'x' (16.0 GB)\n");
  CHECK(kv::created_text({"x", 50'000'000}) == "✅ Created cache pool 'x' (0.1 GB)\n");
  CHECK(kv::created_text({"x", 49'999'999}) == "✅ Created cache pool 'x' (0.0 GB)\n");
  CHECK(kv::created_text({"x", 250'000'000}) == "✅ Created cache pool 'x' (0.2 GB)\n"); // to even
  const std::array wide{
    kv::configuration{"caf\u00e9 with a name of more than 20", 1, "a policy", 1}};
  CHECK(kv::status_text(wide).ends_with(
    "\ncaf\u00e9 with a name of more than 20 0.0G       a policy  \n"));
}
