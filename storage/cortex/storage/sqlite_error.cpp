#include "cortex/storage/sqlite_error.hpp"

#include <sqlite3.h>

namespace cortex::storage::detail {
namespace {

errc kind_of(int extended_code) noexcept {
  switch (extended_code & 0xff) {
    case SQLITE_CONSTRAINT: return errc::constraint;
    case SQLITE_FULL: return errc::no_space;
    case SQLITE_IOERR: return extended_code == SQLITE_IOERR_NOMEM ? errc::internal : errc::io;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return errc::corrupt;
    case SQLITE_READONLY: return errc::read_only;
    case SQLITE_PERM: return errc::permission;
    case SQLITE_CANTOPEN: return errc::io;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return errc::in_use;
    case SQLITE_INTERRUPT: return errc::cancelled;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
    case SQLITE_AUTH:
    case SQLITE_ERROR: return errc::invalid_argument;
    default: return errc::internal;
  }
}

} // namespace

error translate(int extended_code, const std::string& what, sqlite3* on) {
  std::string detail = what;
  detail += detail.empty() ? "" : ": ";
  // The connection's text is the better one, if it is about this very code.
  const bool told = on != nullptr
                    && (sqlite3_extended_errcode(on) & 0xff) == (extended_code & 0xff);
  detail += told ? sqlite3_errmsg(on) : sqlite3_errstr(extended_code);
  return error{kind_of(extended_code), std::move(detail)};
}

bool is_sync_failure(int extended_code) noexcept {
  return extended_code == SQLITE_IOERR_FSYNC || extended_code == SQLITE_IOERR_DIR_FSYNC;
}

} // namespace cortex::storage::detail
