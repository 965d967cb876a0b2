#include "rivals/pooled_response_cache.hpp"

#include "rivals/connection.hpp"
#include "rivals/embedding.hpp"
#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>
#include <vector>

namespace cortex::bench {
namespace {

constexpr unsigned pool_size = 5;

constexpr const char* schema
  = "CREATE TABLE IF NOT EXISTS response_cache("
    "  query_hash TEXT PRIMARY KEY,"
    "  query TEXT NOT NULL,"
    "  response TEXT NOT NULL,"
    "  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,"
    "  hit_count INTEGER DEFAULT 0,"
    "  last_used TIMESTAMP);"
    "CREATE INDEX IF NOT EXISTS idx_last_used ON response_cache(last_used);";

/// Lower-cases ASCII only, which favours this rival.
std::string hash_of(std::string query) {
  std::transform(query.begin(), query.end(), query.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return sha256_hex(query).substr(0, 16);
}

/// One connection of the pool. *Not thread-safe*.
class cache_connection {
public:
  explicit cache_connection(const response_setting& where)
    : database_(where.file, sync_level::normal, where.shared) {}

  std::optional<std::string> find(const std::string& hash) {
    select_.bind(1, hash);
    std::optional<std::string> found;
    if (select_.step() == SQLITE_ROW)
      found = select_.bytes(0);
    select_.reset();
    return found;
  }
  bool count_hit(const std::string& hash) {
    return in_transaction([&] { return touch_.bind(1, hash).run() == SQLITE_DONE; });
  }
  bool put(const std::string& hash, const std::string& query, const std::string& response) {
    return in_transaction(
      [&] { return insert_.bind(1, hash).bind(2, query).bind(3, response).run() == SQLITE_DONE; });
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
  statement select_ = database_.prepare("SELECT response FROM response_cache WHERE query_hash = ?");
  statement touch_ = database_.prepare("UPDATE response_cache SET hit_count = hit_count + 1, "
                                       "last_used = CURRENT_TIMESTAMP WHERE query_hash = ?");
  statement insert_ = database_.prepare(
    "INSERT OR REPLACE INTO response_cache(query_hash, query, response) VALUES(?, ?, ?)");
  statement begin_ = database_.prepare("BEGIN");
  statement commit_ = database_.prepare("COMMIT");
  statement rollback_ = database_.prepare("ROLLBACK");
};

class pooled_response_cache final : public response_store {
public:
  explicit pooled_response_cache(const response_setting& where)
    : shared_(where.shared), pool_(where.shared) {
    connection{where.file, sync_level::normal}.execute(schema);
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<cache_connection>(where));
  }

  outcome put(const std::string& query, const std::string& response) override {
    const auto hash = hash_of(query);
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    return database->put(hash, query, response) ? outcome::done : refused(shared_, "a put failed");
  }

  outcome get(const std::string& query, std::string& response) override {
    const auto hash = hash_of(query);
    response.clear();
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    auto found = database->find(hash);
    if (!found)
      return outcome::done;
    if (!database->count_hit(hash))
      return refused(shared_, "a hit could not be counted");
    response = *std::move(found);
    return outcome::done;
  }

private:
  gate* shared_;
  fifo_pool<cache_connection> pool_;
};

class regex_patterns final : public command_finder {
public:
  bool find(const std::string& query) override {
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [&](const auto& each) { return std::regex_search(query, each); });
  }

private:
  static std::vector<std::regex> compile() {
    std::vector<std::regex> made;
    const auto add = [&made](const std::string& text) {
      made.emplace_back(text, std::regex::icase | std::regex::optimize);
    };
    for (const char* targets : {"node|nodejs",
                                "python|python3",
                                "docker",
                                "nginx",
                                "postgresql|postgres",
                                "mysql|mariadb",
                                "redis",
                                "mongodb",
                                "git",
                                "vim|neovim",
                                "curl",
                                "wget",
                                "htop",
                                "tmux",
                                "rust|rustc|cargo",
                                "go|golang",
                                "java|openjdk",
                                "cuda|nvidia.?driver",
                                "tensorflow",
                                "pytorch|torch"})
      add("\\b(?:install|setup|add)\\s+(?:" + std::string{targets} + ")");
    add("\\b(?:update|upgrade)\\s+(?:system|all|packages)");
    add("\\b(?:clean|cleanup)\\s+(?:system|apt|packages)");
    add("\\b(?:search|find)\\s+(?:package\\s+)?(.+)");
    add("\\b(?:remove|uninstall|delete)\\s+(.+)");
    add("\\b(?:info|details|about)\\s+(.+)");
    add("\\blist\\s+installed");
    return made;
  }

  std::vector<std::regex> patterns_ = compile();
};

} // namespace

std::unique_ptr<response_store> open_pooled_response_cache(const response_setting& where) {
  return std::make_unique<pooled_response_cache>(where);
}

std::unique_ptr<command_finder> make_regex_patterns() {
  return std::make_unique<regex_patterns>();
}

} // namespace cortex::bench
