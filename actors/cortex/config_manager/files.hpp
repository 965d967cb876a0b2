/// Small files and the folders they lie in.
///
/// All functions block and are *thread-safe*.
#pragma once

#include "cortex/detail/descriptor.hpp"
#include "cortex/expected.hpp"

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::config_manager {

/// A whole file. Errors: `not_found`; `corrupt` if it is longer than `max_bytes`, of which nothing
/// is read, or no regular file; `permission`; `io`.
[[nodiscard]] expected<std::string> read_whole(const std::string& path, std::size_t max_bytes);

/// Makes a folder (the last level only) that only this user may enter: owner, group, mode 0700.
/// Errors: `permission` naming owner and group if they cannot be changed; `not_found` if the folder
/// above it is missing; `invalid_argument` if it is no folder.
[[nodiscard]] expected<void> secure_folder(const std::string& path);

/// Makes a folder (the last level only) with mode 0700 unless there is something of that name.
[[nodiscard]] expected<void> ensure_folder(const std::string& path);

/// The file that a path names in the end: absolute, links resolved, whether it exists or not.
/// Errors: those of the operating system (a loop of links, a missing folder).
[[nodiscard]] expected<std::string> resolved(const std::string& path);

/// Takes away what others may do with a file. True if that was something. Nothing happens if there
/// is no such file. Errors: `permission`, `io`.
[[nodiscard]] expected<bool> make_private(const std::string& path);

/// Keeps `content` in a new file of mode 0600, `<path>.broken`, `<path>.broken.1`, …; or finds it
/// there. Its name. Errors: those of the operating system; `already_exists` if 1,000 are there.
[[nodiscard]] expected<std::string> keep_beside(const std::string& path, std::string_view content);
/// The same for a file that is too long to be read: gives it that name as well.
[[nodiscard]] expected<std::string> link_beside(const std::string& path);

/// The right to change a file, against other processes and other managers of this one, until it
/// goes. *Not thread-safe*.
class file_lock {
public:
  /// Takes it by way of `<path>.lock`, which is made and stays. Errors: `in_use` naming the process
  /// that holds it after `patience`; `closed` if `stop` says so; those of the operating system.
  [[nodiscard]] static expected<file_lock>
  acquire(const std::string& path, std::chrono::milliseconds patience, std::stop_token stop);
  file_lock(file_lock&& other) noexcept = default;
  file_lock& operator=(file_lock&&) = delete;
  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;
  ~file_lock();

private:
  explicit file_lock(cortex::detail::descriptor file) noexcept : file_(std::move(file)) {}

  cortex::detail::descriptor file_;
};

} // namespace cortex::config_manager
