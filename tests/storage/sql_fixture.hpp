/// What the tests of files, statements and reads share: a database in a folder of its own, and SQL
/// in one line.
#pragma once

#include "cortex/database.hpp"

#include "support/catch_compat.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"
#include "support/wait.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::testing {

/// What went wrong; the value 0 if nothing did.
template <class T>
errc code_of(const expected<T>& result) {
  return result ? errc{} : result.error().code;
}

inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// One statement as a write of its own.
template <class... Args>
expected<storage::written<storage::changes>> execute(storage::database db, std::string sql,
                                                     Args... args) {
  return db.write([=](storage::transaction& in) { return in.execute(sql, args...); });
}

/// Several statements as one write.
inline expected<storage::written<void>> execute_script(storage::database db, std::string sql) {
  return db.write(
    [sql = std::move(sql)](storage::transaction& in) { return in.execute_script(sql); });
}

/// The first column of the first row, in a read of its own.
template <class T, class... Args>
expected<T> value_of(storage::database db, std::string sql, Args... args) {
  return db.read([&](storage::snapshot& view) { return view.value<T>(sql, args...); });
}

inline std::int64_t count_of(const storage::database& db, const std::string& table) {
  return value_of<std::int64_t>(db, "SELECT count(*) FROM " + table).value();
}

/// The defaults with a script that is run at each open.
inline storage::database_options with_base(std::string script) {
  storage::database_options out;
  out.schema.base = std::move(script);
  return out;
}

/// Table `item(key, value)`.
inline storage::database_options with_items() {
  return with_base("CREATE TABLE IF NOT EXISTS item(key INTEGER PRIMARY KEY, value)");
}

inline storage::database_options read_only() {
  storage::database_options out;
  out.access = storage::access::read_only;
  return out;
}

inline bool exists(const std::string& path) {
  return std::filesystem::exists(path);
}

/// A file in a folder of its own, opened.
struct scratch_database {
  explicit scratch_database(const storage::database_options& how = with_items())
    : db{storage::database::open(path, how).value()} {}

  temp_dir dir;
  std::string path = (dir / "test.db").string();
  storage::database db;
};

} // namespace cortex::testing
