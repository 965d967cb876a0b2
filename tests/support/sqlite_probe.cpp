#include "support/sqlite_probe.hpp"

#include <sqlite3.h>

#include <stdexcept>

namespace cortex::testing {
namespace {

/// How long a probe waits for a lock that another connection holds for a moment.
constexpr int busy_timeout_milliseconds = 10'000;

struct finalizer {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};

using statement = std::unique_ptr<sqlite3_stmt, finalizer>;

[[noreturn]] void fail(sqlite3* db, const std::string& what) {
  throw std::runtime_error{what + ": " + sqlite3_errmsg(db) + " ("
                           + std::to_string(sqlite3_extended_errcode(db)) + ")"};
}

statement prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &raw, nullptr) != SQLITE_OK)
    fail(db, sql);
  return statement{raw};
}

/// False after the last row.
bool step(sqlite3* db, const statement& s, const std::string& sql) {
  const int code = sqlite3_step(s.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    fail(db, sql);
  return code == SQLITE_ROW;
}

std::optional<std::string> text_of(const statement& s) {
  const auto* text = sqlite3_column_text(s.get(), 0);
  if (text == nullptr)
    return std::nullopt;
  return std::string{reinterpret_cast<const char*>(text),
                     static_cast<std::size_t>(sqlite3_column_bytes(s.get(), 0))};
}

int open_flags(sqlite_probe::access mode) {
  switch (mode) {
    case sqlite_probe::access::read_only: return SQLITE_OPEN_READONLY;
    case sqlite_probe::access::read_write: return SQLITE_OPEN_READWRITE;
    case sqlite_probe::access::create: break;
  }
  return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
}

} // namespace

void sqlite_probe::closer::operator()(sqlite3* db) const noexcept {
  sqlite3_close(db);
}

sqlite_probe::sqlite_probe(const std::filesystem::path& file, access mode,
                           const std::optional<std::string>& vfs) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, open_flags(mode) | SQLITE_OPEN_FULLMUTEX,
                                   vfs ? vfs->c_str() : nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK)
    fail(raw, "cannot open " + file.string());
  sqlite3_busy_timeout(raw, busy_timeout_milliseconds);
}

void sqlite_probe::execute(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(db_.get(), sql);
}

std::int64_t sqlite_probe::count(const std::string& table) {
  const auto sql = "SELECT count(*) FROM \"" + table + "\"";
  const auto s = prepare(db_.get(), sql);
  step(db_.get(), s, sql);
  return sqlite3_column_int64(s.get(), 0);
}

std::optional<std::string> sqlite_probe::text(const std::string& sql) {
  const auto s = prepare(db_.get(), sql);
  return step(db_.get(), s, sql) ? text_of(s) : std::nullopt;
}

std::string sqlite_probe::integrity_check() {
  const std::string sql = "PRAGMA integrity_check";
  const auto s = prepare(db_.get(), sql);
  std::string lines;
  while (step(db_.get(), s, sql)) {
    if (!lines.empty())
      lines += '\n';
    lines += text_of(s).value_or("");
  }
  return lines;
}

std::string sqlite_probe::header(std::size_t size) {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK
      || file == nullptr || file->pMethods == nullptr)
    fail(db_.get(), "no open file");
  std::string bytes(size, '\0');
  if (file->pMethods->xRead(file, bytes.data(), static_cast<int>(size), 0) != SQLITE_OK)
    throw std::runtime_error{"cannot read " + std::to_string(size) + " bytes of the header"};
  return bytes;
}

} // namespace cortex::testing
