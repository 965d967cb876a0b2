/// Errors of the operating system as ours.
#pragma once

#include "cortex/error.hpp"

#include <cerrno>
#include <string>
#include <system_error>

namespace cortex::kv_cache {

/// What `errno` says of a thing.
[[nodiscard]] inline error system_error(int number, const std::string& of) {
  const auto kind = [number] {
    switch (number) {
      case ENOENT:
      case ENOTDIR: return errc::not_found;
      case EEXIST: return errc::already_exists;
      case EACCES:
      case EPERM:
      case ELOOP: return errc::permission; // a link where there must be none
      case ENOSPC:
      case EDQUOT:
      case EFBIG:
      case ENOMEM: return errc::no_space;
      case EROFS: return errc::read_only;
      case EOPNOTSUPP: return errc::unsupported;
      default: return errc::io;
    }
  }();
  return {kind, of + ": " + std::generic_category().message(number)};
}

} // namespace cortex::kv_cache
