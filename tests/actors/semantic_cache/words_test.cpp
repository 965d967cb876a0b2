#include "cortex/semantic_cache/words.hpp"
#include "cortex/text/unicode.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <string>
#include <vector>

namespace cache = cortex::semantic_cache;
namespace testing = cortex::testing;

namespace {

std::vector<std::string> split(cache::word_splitter& splitter, std::string_view prompt) {
  const auto words = splitter.split(prompt);
  return {words.begin(), words.end()};
}

} // namespace

TEST_CASE("prompts are lower-cased and split into words", "[semantic_cache]") {
  cache::word_splitter splitter; // one for all: nothing of a prompt may stay for the next
  testing::case_counter counter{"tokenize"};
  for (const auto& item : testing::read_vectors("semantic_cache", "tokenize")) {
    const auto prompt = item.at("text").get<std::string>();
    INFO("text: " << prompt);
    CHECK(cortex::text::to_lower(prompt) == item.at("lower").get<std::string>());
    CHECK(split(splitter, prompt) == item.at("tokens").get<std::vector<std::string>>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("bytes that are no UTF-8 separate words", "[semantic_cache][errors]") {
  cache::word_splitter splitter;
  using words = std::vector<std::string>;

  CHECK(split(splitter, "a\xff"
                        "b")
        == words{"a", "b"});
  CHECK(split(splitter, "\xe4\xb8"
                        "c\xc3")
        == words{"c"});
  CHECK(split(splitter, "\xff\xfe").empty());
}
