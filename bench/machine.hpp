/// What a table must say about where and with what it was measured.
#pragma once

#include <filesystem>
#include <string>

namespace cortex::bench {

struct machine {
  std::string processor; ///< The model, `AMD EPYC …`.
  unsigned cores = 0;
};

struct versions {
  std::string compiler;
  std::string build_type;
  std::string cortex;
  std::string sqlite;
  std::string caf;
};

[[nodiscard]] machine this_machine();
[[nodiscard]] versions these_versions();

/// A fresh directory in `parent`; without one in `$TMPDIR`, if that is on a disk, else in the
/// current directory. Throws `std::filesystem::filesystem_error`.
[[nodiscard]] std::filesystem::path make_scratch_directory(const std::string& parent);

/// Raises the limit of open files as far as it goes: 1,000 connections need 2,000.
void allow_many_files();

} // namespace cortex::bench
