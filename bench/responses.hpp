/// Response caches and command patterns: what a program asks when its model service is down.
#pragma once

#include "harness.hpp"
#include "semantic.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace cortex::bench {

/// Answers by query, behind any number of threads. *Thread-safe*.
class response_store {
public:
  response_store() = default;
  response_store(const response_store&) = delete;
  response_store& operator=(const response_store&) = delete;
  virtual ~response_store() = default;

  virtual outcome put(const std::string& query, const std::string& response) = 0;
  /// Gives the answer to a query and counts the hit; empty on a miss.
  virtual outcome get(const std::string& query, std::string& response) = 0;
};

struct response_setting {
  std::filesystem::path file; ///< Does not exist yet.
  gate* shared = nullptr;
};

using response_maker = std::function<std::unique_ptr<response_store>(const response_setting&)>;

/// Put an answer, get the same answer, and so on.
[[nodiscard]] subject_maker response_operations(response_maker maker, const corpus& prompts);

/// The original's 26 patterns. *Thread-safe*.
class command_finder {
public:
  command_finder() = default;
  command_finder(const command_finder&) = delete;
  command_finder& operator=(const command_finder&) = delete;
  virtual ~command_finder() = default;

  /// True if a pattern matches.
  virtual bool find(const std::string& query) = 0;
};

using finder_maker = std::function<std::unique_ptr<command_finder>()>;

/// Finds the commands of a few requests, half of which match nothing.
[[nodiscard]] subject_maker pattern_matching(finder_maker maker);

} // namespace cortex::bench
