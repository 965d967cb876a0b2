// Golden vectors: where they are, how they are read, and how many cases a test ran of them.
#pragma once

#include "support/catch_compat.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>

namespace cortex::testing {

/// The folder named by the environment variable CORTEX_VECTORS, else the one in the repository.
inline std::filesystem::path vector_folder() {
  const char* chosen = std::getenv("CORTEX_VECTORS"); // NOLINT(concurrency-mt-unsafe): nobody sets
  return chosen != nullptr && *chosen != '\0' ? std::filesystem::path{chosen}
                                              : std::filesystem::path{CORTEX_TEST_DATA "/vectors"};
}

/// A vector file, `NAME.json`. Fails the test if it cannot be read.
inline nlohmann::json read_vectors(const std::string& name) {
  const auto path = vector_folder() / (name + ".json");
  std::ifstream file{path};
  INFO("vector file " << path);
  REQUIRE(file.is_open());
  return nlohmann::json::parse(file);
}

/// One group of a vector file. By value: a loop over a part of a temporary would dangle.
inline nlohmann::json read_vectors(const std::string& name, const std::string& group) {
  return read_vectors(name).at(group);
}

/// Counts the cases of one group of vectors. At its end it prints how many ran and how many were
/// skipped for which reason; `require_any` fails the test that ran none. Not thread-safe.
class case_counter {
public:
  explicit case_counter(std::string group) : group_(std::move(group)) {}
  case_counter(const case_counter&) = delete;
  case_counter& operator=(const case_counter&) = delete;
  ~case_counter() {
    std::cout << "vectors " << group_ << ": " << ran_ << " ran";
    for (const auto& [reason, count] : skipped_)
      std::cout << ", " << count << " skipped (" << reason << ")";
    std::cout << '\n';
  }

  void ran() { ++ran_; }
  void skipped(const std::string& reason) { ++skipped_[reason]; }
  void require_any() const {
    INFO("vectors " << group_);
    REQUIRE(ran_ > 0);
  }

private:
  std::string group_;
  std::size_t ran_ = 0;
  std::map<std::string, std::size_t> skipped_;
};

/// The defects of the original that a case, a step or an action rests on: empty if it counts.
/// Understands the fields `original_defects` and `defects`.
inline std::string defects_of(const nlohmann::json& item) {
  std::string all;
  for (const char* field : {"original_defects", "defects"}) {
    if (!item.is_object() || !item.contains(field))
      continue;
    for (const auto& defect : item.at(field))
      all += (all.empty() ? "" : " ")
             + (defect.is_string() ? defect.get<std::string>() : defect.dump());
  }
  return all;
}

} // namespace cortex::testing
