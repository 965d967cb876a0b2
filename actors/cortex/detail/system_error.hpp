/// What the operating system says, as an error.
#pragma once

#include "cortex/expected.hpp"

#include <cerrno>
#include <string>
#include <system_error>

namespace cortex::detail {

[[nodiscard]] inline errc code_of(int number) noexcept {
  switch (number) {
    case EACCES:
    case EPERM:
    case ELOOP: return errc::permission; // a link where there must be none
    case ENOENT:
    case ENOTDIR:
    case ESRCH: return errc::not_found;
    case EEXIST: return errc::already_exists;
    case EROFS: return errc::read_only;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM: return errc::no_space;
    case EBUSY: return errc::in_use;
    case EINVAL:
    case ERANGE: return errc::invalid_argument;
    case ENOTSUP: return errc::unsupported;
    default: return errc::io;
  }
}

/// `what: Permission denied`, for `errno` or another number.
[[nodiscard]] inline unexpected system_failure(const std::string& what, int number = errno) {
  return fail(code_of(number), what + ": " + std::generic_category().message(number));
}

} // namespace cortex::detail
