#include "rivals/pooled_semantic_cache.hpp"

#include "rivals/connection.hpp"
#include "rivals/embedding.hpp"
#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <ctime>

namespace cortex::bench {
namespace {

constexpr unsigned pool_size = 5;
constexpr std::int64_t max_entries = 500;
constexpr std::int64_t candidate_limit = 200;
constexpr double threshold = 0.86;

constexpr const char* schema
  = "CREATE TABLE IF NOT EXISTS llm_cache_entries("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  provider TEXT NOT NULL,"
    "  model TEXT NOT NULL,"
    "  system_hash TEXT NOT NULL,"
    "  prompt TEXT NOT NULL,"
    "  prompt_hash TEXT NOT NULL,"
    "  embedding BLOB NOT NULL,"
    "  commands_json TEXT NOT NULL,"
    "  created_at TEXT NOT NULL,"
    "  last_accessed TEXT NOT NULL,"
    "  hit_count INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX IF NOT EXISTS idx_llm_cache_unique"
    "  ON llm_cache_entries(provider, model, system_hash, prompt_hash);"
    "CREATE INDEX IF NOT EXISTS idx_llm_cache_lru ON llm_cache_entries(last_accessed);"
    "CREATE TABLE IF NOT EXISTS llm_cache_stats("
    "  id INTEGER PRIMARY KEY CHECK(id = 1),"
    "  hits INTEGER NOT NULL DEFAULT 0,"
    "  misses INTEGER NOT NULL DEFAULT 0);"
    "INSERT OR IGNORE INTO llm_cache_stats(id, hits, misses) VALUES(1, 0, 0);";

/// `2025-12-22T10:00:00Z`
std::string stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

/// What identifies an entry.
struct entry_key {
  std::string system_hash = sha256_hex(scope::system_prompt);
  std::string prompt_hash;

  explicit entry_key(const std::string& prompt) : prompt_hash(sha256_hex(prompt)) {}
  void bind_scope(statement& to, int from) const {
    to.bind(from, scope::provider).bind(from + 1, scope::model).bind(from + 2, system_hash);
  }
  void bind(statement& to, int from) const {
    bind_scope(to, from);
    to.bind(from + 3, prompt_hash);
  }
};

struct match {
  std::int64_t id = 0;
  std::string commands_json;
};

/// One connection of the pool. *Not thread-safe*.
class cache_connection {
public:
  explicit cache_connection(const semantic_setting& where)
    : database_(where.file, sync_level::normal, where.shared) {}

  std::optional<match> find_exact(const entry_key& key) {
    key.bind(exact_, 1);
    std::optional<match> found;
    if (exact_.step() == SQLITE_ROW)
      found = {exact_.integer(0), std::string{exact_.bytes(1)}};
    exact_.reset();
    return found;
  }

  std::optional<match> find_near(const entry_key& key, const embedding& wanted) {
    key.bind_scope(candidates_, 1);
    candidates_.bind(4, candidate_limit);
    std::optional<match> best;
    double best_similarity = threshold;
    while (candidates_.step() == SQLITE_ROW) {
      const auto stored = from_json(candidates_.bytes(1));
      const double score = stored ? similarity(wanted, *stored) : 0.0;
      if (score > best_similarity || (!best && score >= threshold)) {
        best_similarity = score;
        best = {candidates_.integer(0), std::string{candidates_.bytes(2)}};
      }
    }
    candidates_.reset();
    return best;
  }

  bool count_hit(std::int64_t id) {
    const auto now = stamp();
    return in_transaction([&] {
      return touch_.bind(1, now).bind(2, id).run() == SQLITE_DONE && hit_.run() == SQLITE_DONE;
    });
  }
  bool count_miss() {
    return in_transaction([&] { return miss_.run() == SQLITE_DONE; });
  }

  bool put(const entry_key& key, const std::string& prompt, const std::string& vector,
           const std::string& commands) {
    const auto now = stamp();
    return in_transaction([&] {
      key.bind_scope(insert_, 1);
      insert_.bind(4, prompt).bind(5, key.prompt_hash).bind_blob(6, vector).bind(7, commands);
      insert_.bind(8, now).bind(9, now);
      key.bind(insert_, 10);
      return insert_.run() == SQLITE_DONE && evict();
    });
  }

private:
  template <class Work>
  bool in_transaction(Work work) {
    if (begin_.run() == SQLITE_DONE && work() && commit_.run() == SQLITE_DONE)
      return true;
    rollback_.run();
    return false;
  }

  bool evict() {
    std::int64_t rows = 0;
    if (count_.step() == SQLITE_ROW)
      rows = count_.integer(0);
    count_.reset();
    return rows <= max_entries || evict_.bind(1, rows - max_entries).run() == SQLITE_DONE;
  }

  connection database_;
  statement exact_ = database_.prepare(
    "SELECT id, commands_json FROM llm_cache_entries "
    "WHERE provider = ? AND model = ? AND system_hash = ? AND prompt_hash = ? LIMIT 1");
  statement candidates_ = database_.prepare(
    "SELECT id, embedding, commands_json FROM llm_cache_entries "
    "WHERE provider = ? AND model = ? AND system_hash = ? ORDER BY last_accessed DESC LIMIT ?");
  statement touch_ = database_.prepare("UPDATE llm_cache_entries SET last_accessed = ?, "
                                       "hit_count = hit_count + 1 WHERE id = ?");
  statement hit_ = database_.prepare("UPDATE llm_cache_stats SET hits = hits + 1 WHERE id = 1");
  statement miss_
    = database_.prepare("UPDATE llm_cache_stats SET misses = misses + 1 WHERE id = 1");
  statement insert_ = database_.prepare(
    "INSERT OR REPLACE INTO llm_cache_entries(provider, model, system_hash, prompt, prompt_hash, "
    "embedding, commands_json, created_at, last_accessed, hit_count) "
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, COALESCE((SELECT hit_count FROM llm_cache_entries "
    "WHERE provider = ? AND model = ? AND system_hash = ? AND prompt_hash = ?), 0))");
  statement count_ = database_.prepare("SELECT count(*) FROM llm_cache_entries");
  statement evict_
    = database_.prepare("DELETE FROM llm_cache_entries WHERE id IN "
                        "(SELECT id FROM llm_cache_entries ORDER BY last_accessed ASC LIMIT ?)");
  statement begin_ = database_.prepare("BEGIN");
  statement commit_ = database_.prepare("COMMIT");
  statement rollback_ = database_.prepare("ROLLBACK");
};

class pooled_semantic_cache final : public semantic_store {
public:
  explicit pooled_semantic_cache(const semantic_setting& where)
    : shared_(where.shared), pool_(where.shared) {
    connection{where.file, sync_level::normal}.execute(schema);
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<cache_connection>(where));
  }

  outcome put(const std::string& prompt, const std::vector<std::string>& commands) override {
    const entry_key key{prompt};
    const auto vector = to_json(embed(prompt));
    const auto encoded = nlohmann::json(commands).dump(-1, ' ', true);
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    return database->put(key, prompt, vector, encoded) ? outcome::done
                                                       : refused(shared_, "a put failed");
  }

  outcome get(const std::string& prompt, command_list& commands) override {
    const entry_key key{prompt};
    commands.reset();
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    auto found = database->find_exact(key);
    if (!found)
      found = database->find_near(key, embed(prompt));
    if (!(found ? database->count_hit(found->id) : database->count_miss()))
      return refused(shared_, "the counters could not be written");
    if (found)
      commands = std::make_shared<const std::vector<std::string>>(
        nlohmann::json::parse(found->commands_json).get<std::vector<std::string>>());
    return outcome::done;
  }

private:
  gate* shared_;
  fifo_pool<cache_connection> pool_;
};

} // namespace

std::unique_ptr<semantic_store> open_pooled_semantic_cache(const semantic_setting& where) {
  return std::make_unique<pooled_semantic_cache>(where);
}

} // namespace cortex::bench
