#include "cortex/semantic_cache/codec.hpp"
#include "cortex/text/utc_time.hpp"

#include "row_store.hpp"
#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <string>

namespace cache = cortex::semantic_cache;
namespace testing = cortex::testing;

namespace {

cache::raw_row sample_row() {
  cache::entry facts;
  facts.id = 7;
  facts.home = {"openai", "gpt-4", cortex::text::sha256("be brief")};
  facts.prompt = "install caf\u00e9";
  facts.prompt_hash = cortex::text::sha256(facts.prompt);
  facts.commands = std::make_shared<const std::vector<std::string>>(1, "apt install caf\u00e9");
  facts.created_at = 1'000'000'000;
  facts.last_accessed = 1'000'000'060;
  facts.hit_count = 3;
  return testing::encode_row(facts, cache::embed(facts.prompt));
}

/// One row of the vector's database, whose embedding is not listed.
cache::raw_row listed_row(const nlohmann::json& columns, const nlohmann::json& values) {
  cache::raw_row row;
  const auto at = [&](const char* name) -> const nlohmann::json& {
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (columns[i] == name)
        return values[i];
    throw std::out_of_range(name);
  };
  row.id = at("id").get<std::int64_t>();
  row.provider = at("provider").get<std::string>();
  row.model = at("model").get<std::string>();
  row.system_hash = at("system_hash").get<std::string>();
  row.prompt = at("prompt").get<std::string>();
  row.prompt_hash = at("prompt_hash").get<std::string>();
  row.embedding = cache::to_blob(cache::embed(row.prompt));
  row.commands_json = at("commands_json").get<std::string>();
  row.created_at = at("created_at").get<std::string>();
  row.last_accessed = at("last_accessed").get<std::string>();
  row.hit_count = at("hit_count").get<std::int64_t>();
  return row;
}

} // namespace

TEST_CASE("rows of the original read and write byte for byte", "[semantic_cache]") {
  const auto table
    = testing::read_vectors("semantic_cache", "database").at("tables").at("llm_cache_entries");
  testing::case_counter counter{"database, rows"};
  for (const auto& values : table.at("rows")) {
    const auto row = listed_row(table.at("row_columns"), values);
    INFO("row " << row.id);
    const auto decoded = cache::decode_row(row);
    REQUIRE(decoded);
    CHECK(decoded->facts.prompt_hash == cortex::text::sha256(row.prompt));
    CHECK(testing::encode_row(decoded->facts, decoded->vector) == row);
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("a row with a damaged part is refused", "[semantic_cache][errors]") {
  auto row = sample_row();
  REQUIRE(cache::decode_row(row));

  SECTION("embedding") {
    row.embedding = "[0.0,";
  }
  SECTION("commands cut off") {
    row.commands_json = "[\"apt";
  }
  SECTION("commands of another kind") {
    row.commands_json = "[1]";
  }
  SECTION("prompt hash") {
    row.prompt_hash.pop_back();
  }
  SECTION("system hash") {
    row.system_hash[0] = 'X';
  }

  const auto decoded = cache::decode_row(row);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == cortex::errc::corrupt);
  CHECK(decoded.error().detail.find("row 7") == 0);
}

TEST_CASE("a row with a damaged stamp is the oldest of all", "[semantic_cache][errors]") {
  auto row = sample_row();
  row.last_accessed = "yesterday";
  row.created_at = "2025-02-30T00:00:00Z";

  const auto decoded = cache::decode_row(row);

  REQUIRE(decoded);
  CHECK(decoded->facts.last_accessed == cortex::text::earliest_utc);
  CHECK(decoded->facts.created_at == cortex::text::earliest_utc);
}
