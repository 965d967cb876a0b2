/// The original's context memory under many threads, and its search over many entries.
#pragma once

#include "harness.hpp"
#include "records.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cortex::bench {

/// A context memory behind any number of threads. *Thread-safe*.
class memory_store {
public:
  memory_store() = default;
  memory_store(const memory_store&) = delete;
  memory_store& operator=(const memory_store&) = delete;
  virtual ~memory_store() = default;

  virtual outcome record(const std::string& category, const std::string& context,
                         const std::string& action)
    = 0;
  /// Gives the ids of the ten entries that fit best.
  virtual outcome similar(const std::string& context, std::vector<std::int64_t>& ids) = 0;
};

struct memory_setting {
  std::filesystem::path file; ///< Exists for searches only.
  gate* shared = nullptr;
};

using memory_maker = std::function<std::unique_ptr<memory_store>(const memory_setting&)>;

/// Files of so many entries, each made when it is first asked for. *Not thread-safe*.
class memory_files {
public:
  explicit memory_files(std::filesystem::path directory) : directory_(std::move(directory)) {}
  const std::filesystem::path& with_entries(std::size_t count);

private:
  std::filesystem::path directory_;
  std::map<std::size_t, std::filesystem::path> made_;
};

/// Each thread records entries of ten actions in four categories.
[[nodiscard]] subject_maker memory_records(memory_maker maker);
/// Searches for two or three words each in a file of so many entries.
[[nodiscard]] subject_maker memory_searches(memory_maker maker, memory_files& files,
                                            std::size_t entries);

} // namespace cortex::bench
