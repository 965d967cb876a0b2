#include "cortex/statement.hpp"

#include "cortex/storage/connection.hpp"
#include "cortex/storage/sqlite_error.hpp"

#include <sqlite3.h>

namespace cortex::storage {
namespace detail {
namespace {

void note(statement& to, int code) {
  if (code != SQLITE_OK && to.bind_failure == SQLITE_OK)
    to.bind_failure = code;
}

sqlite3_destructor_type ownership(bool copy) {
  // NOLINTNEXTLINE: SQLite spells these constants as casts
  return copy ? SQLITE_TRANSIENT : SQLITE_STATIC;
}

} // namespace

void bind_null(statement& to, int index) {
  note(to, sqlite3_bind_null(to.raw(), index));
}

void bind_int(statement& to, int index, std::int64_t value) {
  note(to, sqlite3_bind_int64(to.raw(), index, value));
}

void bind_real(statement& to, int index, double value) {
  note(to, sqlite3_bind_double(to.raw(), index, value));
}

void bind_text(statement& to, int index, std::string_view value, bool copy) {
  to.owner().note_bound(value.size());
  note(to, sqlite3_bind_text64(to.raw(), index, value.data() == nullptr ? "" : value.data(),
                               value.size(), ownership(copy), SQLITE_UTF8));
}

void bind_blob(statement& to, int index, blob_view value, bool copy) {
  to.owner().note_bound(value.size());
  if (value.empty())
    note(to, sqlite3_bind_zeroblob(to.raw(), index, 0));
  else
    note(to, sqlite3_bind_blob64(to.raw(), index, value.data(), value.size(), ownership(copy)));
}

bool column_is_null(const statement& of, int column) {
  return sqlite3_column_type(of.raw(), column) == SQLITE_NULL;
}

std::int64_t column_int(const statement& of, int column) {
  return sqlite3_column_int64(of.raw(), column);
}

double column_real(const statement& of, int column) {
  return sqlite3_column_double(of.raw(), column);
}

std::string_view column_text(const statement& of, int column) {
  const auto* text = sqlite3_column_text(of.raw(), column);
  if (text == nullptr)
    return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(of.raw(), column))};
}

blob_view column_blob(const statement& of, int column) {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(of.raw(), column));
  if (bytes == nullptr)
    return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(of.raw(), column))};
}

int column_count(const statement& of) {
  return sqlite3_column_count(of.raw());
}

std::optional<error> told_to_stop(const snapshot& view) {
  return view.on().why_stopped();
}

} // namespace detail

cursor::~cursor() {
  if (running_ != nullptr)
    running_->owner().reset(*running_);
}

expected<bool> cursor::next() {
  return running_->owner().step(*running_);
}

expected<detail::statement*> snapshot::prepare(std::string_view sql, std::size_t parameters) {
  return on_->prepare(sql, parameters, detail::sql_scope::read);
}

expected<detail::statement*> transaction::prepare_change(std::string_view sql,
                                                         std::size_t parameters) {
  return on().prepare(sql, parameters, detail::sql_scope::change);
}

expected<changes> transaction::run(detail::statement& prepared) {
  return on().run(prepared);
}

expected<void> transaction::execute_script(std::string_view sql) {
  return on().run_script(sql, detail::sql_scope::change);
}

expected<void> transaction::begin_savepoint() {
  return on().exec("SAVEPOINT cortex_user");
}

expected<void> transaction::end_savepoint(bool keep) {
  if (!on().in_transaction())
    return fail(errc::unavailable, "the transaction was rolled back");
  if (!keep) {
    if (auto undone = on().exec("ROLLBACK TO cortex_user"); !undone)
      return undone;
  }
  return on().exec("RELEASE cortex_user");
}

} // namespace cortex::storage
