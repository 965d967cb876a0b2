/// A directory for the files of one test.
#pragma once

#include <filesystem>
#include <string_view>

namespace cortex::testing {

/// A fresh directory that only its owner can enter, below `$TMPDIR` or `/tmp`; removed with all it
/// holds at the end. Immutable after construction.
class temp_dir {
public:
  /// Throws `std::system_error` if there can be none.
  temp_dir();
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  temp_dir(temp_dir&&) = delete;
  temp_dir& operator=(temp_dir&&) = delete;
  ~temp_dir();

  const std::filesystem::path& path() const noexcept { return path_; }

  /// The path of a file in it, which need not exist.
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

} // namespace cortex::testing
