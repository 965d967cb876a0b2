/// Preferences: keys set and read in one file.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace cortex::bench {

/// Preferences behind any number of threads. *Thread-safe*.
class preference_store {
public:
  preference_store() = default;
  preference_store(const preference_store&) = delete;
  preference_store& operator=(const preference_store&) = delete;
  virtual ~preference_store() = default;

  /// `done` means that the file has the key.
  virtual outcome set(const std::string& key, std::int64_t value) = 0;
  /// Reads the file. Failed if it has no such key.
  virtual outcome load(const std::string& key, std::int64_t& value) = 0;
  /// From memory, as late as the design allows.
  virtual outcome get(const std::string& key, std::int64_t& value) = 0;
};

struct preference_setting {
  std::filesystem::path file; ///< Does not exist yet.
  gate* shared = nullptr;
};

using preference_maker
  = std::function<std::unique_ptr<preference_store>(const preference_setting&)>;

[[nodiscard]] std::unique_ptr<preference_store>
open_cortex_preferences(const preference_setting& where);

/// Set a key, read the file, set another key, and so on.
[[nodiscard]] subject_maker preference_operations(preference_maker maker);
/// Get one of 100 keys, without reading the file.
[[nodiscard]] subject_maker preference_reads(preference_maker maker);

} // namespace cortex::bench
