#include "rivals/pooled_context_memory.hpp"

#include "rivals/connection.hpp"
#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <utility>

namespace cortex::bench {

const char* const context_memory_schema
  = "CREATE TABLE IF NOT EXISTS memory_entries(id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "timestamp TEXT NOT NULL, category TEXT NOT NULL, context TEXT, action TEXT NOT NULL, "
    "result TEXT, success BOOLEAN DEFAULT 1, confidence REAL DEFAULT 1.0, "
    "frequency INTEGER DEFAULT 1, metadata TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);"
    "CREATE TABLE IF NOT EXISTS patterns(pattern_id TEXT PRIMARY KEY, pattern_type TEXT NOT NULL, "
    "description TEXT, frequency INTEGER DEFAULT 1, last_seen TEXT, confidence REAL DEFAULT 0.0, "
    "actions TEXT, context TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);"
    "CREATE INDEX IF NOT EXISTS idx_memory_category ON memory_entries(category);"
    "CREATE INDEX IF NOT EXISTS idx_memory_timestamp ON memory_entries(timestamp);";

namespace {

constexpr unsigned pool_size = 5;
constexpr std::int64_t limit = 10;

/// `2025-12-22T10:00:00`
std::string local_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts)};
}

/// Words of three letters or more, but for the commonest.
std::vector<std::string> keywords(const std::string& text) {
  constexpr std::array<std::string_view, 5> common{"the", "and", "but", "for", "with"};
  std::vector<std::string> out;
  std::string word;
  const auto end_word = [&] {
    if (word.size() > 2 && std::ranges::find(common, word) == common.end())
      out.push_back(word);
    word.clear();
  };
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (std::isalnum(byte) != 0 || each == '_')
      word += static_cast<char>(std::tolower(byte));
    else
      end_word();
  }
  end_word();
  return out;
}

/// One connection of the pool. *Not thread-safe*.
class memory_connection {
public:
  explicit memory_connection(const memory_setting& where)
    : database_(where.file, sync_level::normal, where.shared) {}

  bool insert(const std::string& category, const std::string& context, const std::string& action) {
    const auto now = local_stamp();
    return in_transaction([&] {
      insert_.bind(1, now).bind(2, category).bind(3, context).bind(4, action);
      return insert_.run() == SQLITE_DONE;
    });
  }

  bool analyse(const std::string& category) {
    const auto now = local_stamp();
    return in_transaction([&] {
      std::vector<std::pair<std::string, std::int64_t>> counts;
      count_.bind(1, category);
      while (count_.step() == SQLITE_ROW)
        counts.emplace_back(std::string{count_.bytes(0)}, count_.integer(1));
      count_.reset();
      for (const auto& [action, count] : counts) {
        const auto id = category + ":" + action;
        upsert_.bind(1, id).bind(2, category).bind(3, action).bind(4, count).bind(5, now);
        if (upsert_.run() != SQLITE_DONE)
          return false;
      }
      return true;
    });
  }

  void find(const std::string& keyword, std::vector<std::int64_t>& ids) {
    const auto like = "%" + keyword + "%";
    find_.bind(1, like).bind(2, like).bind(3, limit);
    while (find_.step() == SQLITE_ROW) {
      static_cast<void>(std::string{find_.bytes(1)}); // a whole entry is made of each row
      static_cast<void>(std::string{find_.bytes(2)});
      if (const auto id = find_.integer(0); std::ranges::find(ids, id) == ids.end())
        ids.push_back(id);
    }
    find_.reset();
  }

private:
  template <class Work>
  bool in_transaction(Work work) {
    if (begin_.run() == SQLITE_DONE && work() && commit_.run() == SQLITE_DONE)
      return true;
    rollback_.run();
    return false;
  }

  connection database_;
  statement insert_ = database_.prepare(
    "INSERT INTO memory_entries(timestamp, category, context, action, result, success, confidence, "
    "frequency, metadata) VALUES(?, ?, ?, ?, '', 1, 1.0, 1, '{}')");
  statement count_ = database_.prepare(
    "SELECT action, count(*) FROM memory_entries WHERE category = ? "
    "AND timestamp > datetime('now', '-30 days') GROUP BY action HAVING count(*) >= 3");
  statement upsert_ = database_.prepare(
    "INSERT INTO patterns(pattern_id, pattern_type, description, frequency, last_seen, confidence, "
    "actions, context) VALUES(?1, ?2, ?3, ?4, ?5, min(1.0, ?4 / 10.0), '[]', '{}') "
    "ON CONFLICT(pattern_id) DO UPDATE SET frequency = excluded.frequency, "
    "last_seen = excluded.last_seen, confidence = min(1.0, confidence + 0.1)");
  statement find_ = database_.prepare("SELECT id, context, action FROM memory_entries "
                                      "WHERE context LIKE ? OR action LIKE ? "
                                      "ORDER BY timestamp DESC LIMIT ?");
  statement begin_ = database_.prepare("BEGIN IMMEDIATE");
  statement commit_ = database_.prepare("COMMIT");
  statement rollback_ = database_.prepare("ROLLBACK");
};

class pooled_context_memory final : public memory_store {
public:
  explicit pooled_context_memory(const memory_setting& where)
    : shared_(where.shared), pool_(where.shared) {
    connection{where.file, sync_level::normal}.execute(context_memory_schema);
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<memory_connection>(where));
  }

  outcome record(const std::string& category, const std::string& context,
                 const std::string& action) override {
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    return database->insert(category, context, action) && database->analyse(category)
             ? outcome::done
             : refused(shared_, "a record failed");
  }

  outcome similar(const std::string& context, std::vector<std::int64_t>& ids) override {
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    ids.clear();
    for (const auto& each : keywords(context))
      database->find(each, ids);
    ids.resize(std::min(ids.size(), static_cast<std::size_t>(limit)));
    return outcome::done;
  }

private:
  gate* shared_;
  fifo_pool<memory_connection> pool_;
};

} // namespace

std::unique_ptr<memory_store> open_pooled_context_memory(const memory_setting& where) {
  return std::make_unique<pooled_context_memory>(where);
}

} // namespace cortex::bench
