#include "rivals/record_connection.hpp"

namespace cortex::bench {

outcome refused(gate* shared, const char* why) {
  if (shared != nullptr && shared->over())
    return outcome::abandoned;
  if (shared != nullptr)
    shared->explain(why);
  return outcome::failed;
}

record_connection::record_connection(const std::filesystem::path& file, sync_level level,
                                     gate* shared)
  : shared_(shared),
    database_(file, level, shared),
    select_(database_.prepare(sql::select_record)),
    insert_(database_.prepare(sql::insert_log)),
    newest_(database_.prepare(sql::newest_log)),
    count_(database_.prepare(sql::count_items)),
    begin_(database_.prepare("BEGIN")),
    commit_(database_.prepare("COMMIT")),
    rollback_(database_.prepare("ROLLBACK")) {}

outcome record_connection::write(unsigned thread, std::uint64_t sequence) {
  const int result = insert_.bind(1, std::int64_t{thread})
                       .bind(2, static_cast<std::int64_t>(sequence))
                       .bind_blob(3, payload())
                       .run();
  return result == SQLITE_DONE ? outcome::done : explain(result);
}

outcome record_connection::write_in_transaction(unsigned thread, std::uint64_t sequence) {
  begin();
  if (const auto result = write(thread, sequence); result != outcome::done) {
    rollback_.run();
    return result;
  }
  return commit() ? outcome::done : explain(sqlite3_errcode(database_.get()));
}

outcome record_connection::read(const record_key& key, std::string& out) {
  const int result = select_.bind(1, key.text()).step();
  if (result == SQLITE_ROW)
    out = select_.bytes(0);
  select_.reset();
  return result == SQLITE_ROW ? outcome::done : explain(result);
}

outcome record_connection::query(question what, std::int64_t& out) {
  auto& statement = what == question::newest_log ? newest_ : count_;
  const int result = statement.step();
  if (result == SQLITE_ROW)
    out = statement.integer(0);
  statement.reset();
  return result == SQLITE_ROW ? outcome::done : explain(result);
}

outcome record_connection::load(unsigned thread, std::uint64_t first, unsigned count) {
  begin();
  for (unsigned i = 0; i < count; ++i)
    if (const auto result = write(thread, first + i); result != outcome::done) {
      rollback_.run();
      return result;
    }
  return commit() ? outcome::done : explain(sqlite3_errcode(database_.get()));
}

bool record_connection::commit() {
  if (commit_.run() == SQLITE_DONE)
    return true;
  rollback_.run();
  return false;
}

outcome record_connection::explain(int result) {
  return refused(shared_, sqlite3_errstr(result));
}

} // namespace cortex::bench
