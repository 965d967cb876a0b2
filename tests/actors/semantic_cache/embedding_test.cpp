#include "cortex/semantic_cache/embedding.hpp"
#include "cortex/text/python_float.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <cmath>
#include <random>
#include <string>

namespace cache = cortex::semantic_cache;
namespace testing = cortex::testing;

namespace {

std::string repeated(const std::string& unit, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i)
    result += unit;
  return result;
}

std::size_t count_nonzero(const cache::embedding& vector) {
  return cache::sparse_embedding{vector}.size();
}

} // namespace

TEST_CASE("a word has a dimension and a sign", "[semantic_cache]") {
  testing::case_counter counter{"token_hash, place"};
  for (const auto& item : testing::read_vectors("semantic_cache", "token_hash")) {
    const auto token = item.at("token").get<std::string>();
    INFO("token: " << token);
    const auto place = cache::place(token);
    CHECK(place.dimension == item.at("index").get<std::size_t>());
    CHECK(place.sign == item.at("sign").get<int>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("embeddings have the bytes of the file format, and read back", "[semantic_cache]") {
  testing::case_counter counter{"embedding"};
  for (const auto& item : testing::read_vectors("semantic_cache", "embedding")) {
    const auto prompt = item.at("text").get<std::string>();
    INFO("text: " << prompt);
    const auto vector = cache::embed(prompt);
    CHECK(cache::to_blob(vector) == item.at("blob").get<std::string>());
    CHECK(cache::from_blob(cache::to_blob(vector)).value() == vector);
    if (item.contains("nonzero"))
      CHECK(count_nonzero(vector) == item.at("nonzero").get<std::size_t>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("numbers that are equal but for their sign are spelled alike", "[semantic_cache]") {
  constexpr unsigned seed = 7;
  INFO("seed " << seed);
  std::mt19937 random{seed};

  std::size_t wrong = 0;
  for (int round = 0; round < 300; ++round) {
    // From one size to more sizes than are remembered, from no zeros to zeros alone.
    const auto sizes = 1 + random() % 20;
    const auto zeros = random() % 5;
    cache::embedding vector;
    std::string plain;
    for (auto& value : vector.values) {
      if (random() % 4 >= zeros)
        value = (random() % 2 == 0 ? 1.0 : -1.0) * std::sqrt(1.0 / double(1 + random() % sizes));
      plain += (plain.empty() ? "[" : ",") + cortex::text::python_float(value);
    }
    wrong += cache::to_blob(vector) != plain + "]";
  }
  CHECK(wrong == 0);
}

TEST_CASE("embeddings of long prompts", "[semantic_cache]") {
  testing::case_counter counter{"embedding_long"};
  for (const auto& item : testing::read_vectors("semantic_cache", "embedding_long")) {
    const auto prompt
      = repeated(item.at("unit").get<std::string>(), item.at("repeat").get<std::size_t>());
    CHECK(cache::to_blob(cache::embed(prompt)) == item.at("blob").get<std::string>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("a sparse embedding is the dense one without its zeros", "[semantic_cache]") {
  const auto dense = cache::embed("install nginx on port 80");
  const cache::sparse_embedding sparse{dense};

  CHECK(sparse.size() <= 5);
  CHECK(sparse.dense() == dense);
  CHECK(cache::sparse_embedding{cache::embedding{}}.size() == 0);
}

TEST_CASE("an embedder gives the same as a single embedding, however often", "[semantic_cache]") {
  constexpr unsigned seed = 5;
  INFO("seed " << seed);
  std::mt19937 random{seed};
  cache::embedder embedder;

  std::size_t wrong = 0;
  for (int round = 0; round < 5000; ++round) {
    // More words than are kept, short ones and long ones.
    std::string prompt;
    for (auto words = random() % 8; words > 0; --words)
      prompt += std::string(random() % 24, 'x') + std::to_string(random() % 2000) + " ";
    wrong += embedder.embed(prompt).dense() != cache::embed(prompt);
  }

  CHECK(wrong == 0);
}

TEST_CASE("any JSON array of numbers is an embedding", "[semantic_cache]") {
  const auto spaced = cache::from_blob("[ 1, " + repeated("0 ,", 126) + " -2.5e-1 ]").value();
  CHECK(spaced.values.front() == 1.0);
  CHECK(spaced.values.back() == -0.25);

  // Another length is similar to nothing, as the zero vector is.
  for (const auto& other_length :
       {std::string{"[]"}, "[" + repeated("1,", 126) + "1]", "[" + repeated("1,", 128) + "1]"})
    CHECK(cache::from_blob(other_length).value() == cache::embedding{});
}

TEST_CASE("a damaged embedding is an error", "[semantic_cache][errors]") {
  for (const auto& damaged :
       {std::string{}, std::string{"null"}, std::string{"[1,"}, std::string{"[\"1\"]"},
        std::string{"[NaN]"}, std::string{"\x00\x01", 2}}) {
    const auto vector = cache::from_blob(damaged);
    REQUIRE_FALSE(vector);
    CHECK(vector.error().code == cortex::errc::corrupt);
  }
}
