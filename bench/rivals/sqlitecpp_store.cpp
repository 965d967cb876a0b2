#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"
#include "rivals/stores.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <exception>

namespace cortex::bench {
namespace {

constexpr unsigned pool_size = 5;

/// A database as SQLiteCpp's manual shows it, its statements kept.
struct sqlitecpp_connection {
  explicit sqlitecpp_connection(const store_setting& where)
    : database(where.file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX) {
    wait_when_busy(database.getHandle(), where.shared);
    database.exec(common_pragmas(where.level));
  }

  SQLite::Database database;
  SQLite::Statement select{database, std::string{sql::select_record}};
  SQLite::Statement insert{database, std::string{sql::insert_log}};
  SQLite::Statement newest{database, std::string{sql::newest_log}};
  SQLite::Statement count{database, std::string{sql::count_items}};
};

class sqlitecpp_store final : public record_store {
public:
  explicit sqlitecpp_store(const store_setting& where)
    : shared_(where.shared), pool_(where.shared) {
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<sqlitecpp_connection>(where));
  }

  outcome write(unsigned thread, std::uint64_t sequence) override {
    return borrowed([&](auto& database) {
      auto& insert = database->insert;
      insert.bind(1, thread);
      insert.bind(2, static_cast<std::int64_t>(sequence));
      insert.bindNoCopy(3, payload().data(), static_cast<int>(payload().size()));
      insert.exec();
      insert.reset();
      return outcome::done;
    });
  }

  outcome read(unsigned, const record_key& key, std::string& out) override {
    return borrowed([&](auto& database) {
      auto& select = database->select;
      select.bind(1, std::string{key.text()});
      const bool found = select.executeStep();
      if (found)
        out = select.getColumn(0).getString();
      select.reset();
      return found ? outcome::done : outcome::failed;
    });
  }

  outcome query(unsigned, question what, std::int64_t& out) override {
    return borrowed([&](auto& database) {
      auto& query = what == question::newest_log ? database->newest : database->count;
      const bool found = query.executeStep();
      if (found)
        out = query.getColumn(0).getInt64();
      query.reset();
      return found ? outcome::done : outcome::failed;
    });
  }

private:
  template <class Operation>
  outcome borrowed(Operation operation) {
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    try {
      return operation(database);
    } catch (const std::exception& problem) {
      database->insert.tryReset();
      database->select.tryReset();
      database->newest.tryReset();
      database->count.tryReset();
      return refused(shared_, problem.what());
    }
  }

  gate* shared_;
  fifo_pool<sqlitecpp_connection> pool_;
};

} // namespace

std::unique_ptr<record_store> open_sqlitecpp_store(const store_setting& where) {
  return std::make_unique<sqlitecpp_store>(where);
}

} // namespace cortex::bench
