#include "cortex/semantic_cache/similarity_index.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace cache = cortex::semantic_cache;
namespace testing = cortex::testing;

namespace {

std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

/// The value of a hexadecimal literal, which leaves no doubt about the last bit.
double exact(const nlohmann::json& hex) {
  return std::stod(hex.get<std::string>());
}

double similarity(const std::string& left, const std::string& right) {
  return cache::similarity(cache::embed(left), cache::embed(right));
}

/// As from a file that anybody wrote: any length, any density, signs and sizes mixed.
cache::embedding random_vector(std::mt19937_64& random) {
  const auto density = random() % 129;
  std::normal_distribution<double> normal;
  cache::embedding result;
  for (auto& value : result.values)
    if (random() % 128 < density)
      value = normal(random) * (random() % 8 == 0 ? 1e-300 : 1.0);
  return result;
}

} // namespace

TEST_CASE("similarities have the bits of the original", "[semantic_cache]") {
  testing::case_counter counter{"similarity"};
  for (const auto& item : testing::read_vectors("semantic_cache", "similarity")) {
    const auto left = item.at("a").get<std::string>();
    const auto right = item.at("b").get<std::string>();
    INFO(left << " | " << right);
    CHECK(bits(similarity(left, right)) == bits(exact(item.at("similarity_hex"))));
    CHECK(bits(similarity(left, right)) == bits(item.at("similarity").get<double>()));
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("all slots score like the plain dot product, to the bit", "[semantic_cache]") {
  constexpr unsigned seed = 3;
  INFO("seed " << seed);
  std::mt19937_64 random{seed};
  cache::similarity_index index;
  std::vector<cache::embedding> stored; // by slot
  std::vector<double> scores;

  std::size_t wrong = 0;
  for (int round = 0; round < 1500; ++round) {
    if (stored.empty() || random() % 5 < 3) {
      stored.push_back(random_vector(random));
      index.insert(stored.back());
    } else {
      const auto slot = random() % stored.size();
      index.erase(slot);
      stored[slot] = stored.back();
      stored.pop_back();
    }
    REQUIRE(index.size() == stored.size());

    const auto query = random_vector(random);
    const double greatest = index.score_all(cache::sparse_embedding{query}, scores);
    REQUIRE(scores.size() == stored.size());
    const auto top = std::max_element(scores.begin(), scores.end());
    wrong += bits(greatest) != bits(top != scores.end() ? *top : 0.0);
    for (std::size_t slot = 0; slot < stored.size(); ++slot)
      wrong += bits(scores[slot]) != bits(cache::similarity(stored[slot], query));

    std::vector<std::uint32_t> some;
    for (std::size_t slot = stored.size(); slot-- > 0;)
      if (random() % 3 == 0)
        some.push_back(static_cast<std::uint32_t>(slot));
    index.score_some(cache::sparse_embedding{query}, some, scores);
    REQUIRE(scores.size() == some.size());
    for (std::size_t i = 0; i < some.size(); ++i)
      wrong += bits(scores[i]) != bits(cache::similarity(stored[some[i]], query));
  }
  CHECK(wrong == 0);
}

TEST_CASE("a query without words is similar to nothing", "[semantic_cache]") {
  cache::similarity_index index;
  index.insert(cache::embed("install nginx"));
  index.insert(cache::embedding{});
  std::vector<double> scores;

  CHECK(index.score_all(cache::sparse_embedding{}, scores) == 0.0);
  CHECK(scores == std::vector<double>{0.0, 0.0});
}
