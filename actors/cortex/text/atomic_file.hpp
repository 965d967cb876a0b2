/// A file that is there as a whole or not at all.
#pragma once

#include "cortex/expected.hpp"

#include <string>
#include <string_view>

namespace cortex::text {

/// A file that appears under its name when it is whole. Until `finish` it has another name in the
/// same folder, and is removed if `finish` is never called. *Not thread-safe*.
class atomic_file {
public:
  /// Makes the file, mode 0600. Errors: `invalid_argument` if `path` names a folder, a device or
  /// the like; those of the operating system.
  [[nodiscard]] static expected<atomic_file> create(const std::string& path);
  atomic_file(atomic_file&& other) noexcept;
  atomic_file& operator=(atomic_file&&) = delete;
  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;
  ~atomic_file();

  /// Collects pieces into larger writes. Errors: `no_space`, `io`, …
  expected<void> append(std::string_view piece);
  /// Flushes the file to the disk, gives it its name and flushes the folder. Errors: those of the
  /// operating system; `outcome_unknown` if the file is in place and its folder could not be
  /// flushed.
  [[nodiscard]] expected<void> finish();

private:
  atomic_file(std::string path, std::string temporary, int descriptor) noexcept;
  [[nodiscard]] expected<void> write_out();

  std::string path_;
  std::string temporary_; // empty: it has its name
  int descriptor_ = -1;
  std::string waiting_;
};

/// Puts on the disk that a file of this name is there, or no longer. Blocks. Thread-safe.
/// Errors: those of the operating system.
[[nodiscard]] expected<void> flush_folder_of(const std::string& path);

} // namespace cortex::text
