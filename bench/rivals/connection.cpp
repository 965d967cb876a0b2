#include "rivals/connection.hpp"

#include "harness.hpp"

#include <array>
#include <stdexcept>

namespace cortex::bench {
namespace {

constexpr int patience_ms = 5000;

[[noreturn]] void refuse(sqlite3* database, std::string_view doing) {
  const char* why = database == nullptr ? "out of memory" : sqlite3_errmsg(database);
  throw std::runtime_error{std::string{doing} + ": " + why};
}

/// The steps of SQLite's own busy handler (main.c, sqliteDefaultBusyCallback).
constexpr std::array<int, 12> delays_ms = {1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100};

int waited_before(int attempt) noexcept {
  int total = 0;
  for (int i = 0; i < attempt; ++i)
    total += delays_ms[std::min<std::size_t>(static_cast<std::size_t>(i), delays_ms.size() - 1)];
  return total;
}

int wait_a_little(void* shared, int attempt) noexcept {
  const auto* stop = static_cast<const gate*>(shared);
  const int delay
    = delays_ms[std::min<std::size_t>(static_cast<std::size_t>(attempt), delays_ms.size() - 1)];
  if ((stop != nullptr && stop->over()) || waited_before(attempt) + delay > patience_ms)
    return 0;
  sqlite3_sleep(delay);
  return 1;
}

} // namespace

statement::statement(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &made, nullptr)
      != SQLITE_OK)
    refuse(database, sql);
  handle_.reset(made);
}

statement& statement::bind(int place, std::int64_t value) noexcept {
  sqlite3_bind_int64(handle_.get(), place, value);
  return *this;
}

statement& statement::bind(int place, std::string_view text) noexcept {
  sqlite3_bind_text(handle_.get(), place, text.data(), static_cast<int>(text.size()),
                    SQLITE_STATIC);
  return *this;
}

statement& statement::bind_blob(int place, std::string_view bytes) noexcept {
  sqlite3_bind_blob(handle_.get(), place, bytes.data(), static_cast<int>(bytes.size()),
                    SQLITE_STATIC);
  return *this;
}

std::string_view statement::bytes(int column) const noexcept {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
  return data == nullptr ? std::string_view{} : std::string_view{data, size};
}

connection::connection(const std::filesystem::path& file, sync_level level, gate* shared) {
  sqlite3* made = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(file.c_str(), &made, flags, nullptr);
  handle_.reset(made);
  if (result != SQLITE_OK)
    refuse(made, "open " + file.string());
  wait_when_busy(made, shared);
  execute(common_pragmas(level));
}

void connection::execute(const std::string& sql) const {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    refuse(handle_.get(), sql);
}

std::string common_pragmas(sync_level level) {
  return std::string{"PRAGMA journal_mode=WAL;"
                     "PRAGMA cache_size=-64000;"
                     "PRAGMA temp_store=MEMORY;"
                     "PRAGMA foreign_keys=ON;"
                     "PRAGMA synchronous="}
         + (level == sync_level::full ? "FULL" : "NORMAL");
}

void wait_when_busy(sqlite3* database, gate* shared) {
  sqlite3_busy_handler(database, &wait_a_little, shared);
}

std::int64_t query_integer(const connection& database, std::string_view sql) {
  auto query = database.prepare(sql);
  if (query.step() != SQLITE_ROW)
    refuse(database.get(), sql);
  return query.integer(0);
}

} // namespace cortex::bench
