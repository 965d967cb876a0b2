// A folder of one test's own in the shared-memory file system, and segments in it.
#pragma once

#include "cortex/kv_cache/segment.hpp"

#include "support/catch_compat.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace cortex::testing {

/// Removed with all it holds at the end. Immutable after construction.
class shared_folder {
public:
  shared_folder() {
    std::string pattern = "/dev/shm/cortex_test_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::system_error{errno, std::generic_category(), pattern};
    path_ = pattern;
  }
  shared_folder(const shared_folder&) = delete;
  shared_folder& operator=(const shared_folder&) = delete;
  ~shared_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::filesystem::exists(*this / name);
  }
  /// Files in it.
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{path_},
                                                  std::filesystem::directory_iterator{}));
  }

private:
  std::string path_;
};

/// A pool `cortex_kv_<name>` of so many blocks of 64 bytes.
inline void make_segment(const shared_folder& in, const std::string& name, std::uint64_t blocks,
                         std::int64_t max_sequences = 100) {
  kv_cache::segment_plan plan;
  plan.name = kv_cache::segment_name(name);
  plan.shape = kv_cache::plan_geometry(blocks * 64, 64, max_sequences).value();
  plan.max_sequences = max_sequences;
  const auto made = kv_cache::segment::make(in.path(), plan);
  INFO((made ? std::string{} : to_string(made.error())));
  REQUIRE(made);
  REQUIRE(made->publish_as(in.path()));
}

} // namespace cortex::testing
