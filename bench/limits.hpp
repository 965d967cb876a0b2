/// Limit profiles: saved and read by name.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cortex::bench {

/// What a profile of the workload says; the rest is the same for all.
struct limit_numbers {
  std::int64_t cpu_quota = 0; ///< Percent.
  std::vector<std::int64_t> gpu_ids;

  friend bool operator==(const limit_numbers& left, const limit_numbers& right) = default;
};

/// Profiles behind any number of threads. *Thread-safe*.
class limit_store {
public:
  limit_store() = default;
  limit_store(const limit_store&) = delete;
  limit_store& operator=(const limit_store&) = delete;
  virtual ~limit_store() = default;

  virtual outcome save(const std::string& name, const limit_numbers& numbers) = 0;
  /// Failed if there is none of that name.
  virtual outcome get(const std::string& name, limit_numbers& numbers) = 0;
};

struct limit_setting {
  std::filesystem::path file; ///< Does not exist yet.
  gate* shared = nullptr;
};

using limit_maker = std::function<std::unique_ptr<limit_store>(const limit_setting&)>;

/// Save a profile, get the same profile, and so on.
[[nodiscard]] subject_maker limit_operations(limit_maker maker);

} // namespace cortex::bench
