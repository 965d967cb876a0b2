// Pools as the original keeps them, but for its missing COMMIT: a pool of five connections, a
// transaction for each save, the JSON read for each get. And blocks as a program would keep them in
// its own memory.
#include "kv.hpp"
#include "rivals/connection.hpp"
#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace cortex::bench {
namespace {

constexpr unsigned pool_size = 5;
constexpr const char* schema
  = "CREATE TABLE IF NOT EXISTS pools (name TEXT PRIMARY KEY, config TEXT, shm_name TEXT);"
    "CREATE TABLE IF NOT EXISTS stats (pool TEXT PRIMARY KEY, hits INTEGER DEFAULT 0, "
    "misses INTEGER DEFAULT 0);";

/// *Not thread-safe*.
struct registry_connection {
  explicit registry_connection(const registry_setting& where) : database(open(where)) {}

  static connection open(const registry_setting& where) {
    connection made{where.file, sync_level::normal, where.shared};
    made.execute(schema);
    return made;
  }

  connection database; // with its tables, which the statements need
  statement begin = database.prepare("BEGIN IMMEDIATE");
  statement commit = database.prepare("COMMIT");
  statement rollback = database.prepare("ROLLBACK");
  statement put = database.prepare("INSERT OR REPLACE INTO pools VALUES(?, ?, ?)");
  statement count = database.prepare("INSERT OR IGNORE INTO stats VALUES(?, 0, 0)");
  statement find = database.prepare("SELECT config, shm_name FROM pools WHERE name = ?");
};

class pooled_registry final : public pool_registry {
public:
  explicit pooled_registry(const registry_setting& where)
    : shared_(where.shared), pool_(where.shared) {
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<registry_connection>(where));
  }

  outcome save(const std::string& name, std::int64_t size_bytes) override {
    nlohmann::ordered_json config;
    config["name"] = name;
    config["size_bytes"] = size_bytes;
    config["policy"] = "lru";
    config["max_sequences"] = 1000;
    const auto text = config.dump();
    const auto segment = "cortex_kv_" + name;
    const auto on = pool_.borrow();
    if (!on)
      return refused(shared_, "no connection came free");
    if (on->begin.run() != SQLITE_DONE)
      return refused(shared_, sqlite3_errmsg(on->database.get()));
    on->put.bind(1, name).bind(2, text).bind(3, segment);
    on->count.bind(1, name);
    if (on->put.run() == SQLITE_DONE && on->count.run() == SQLITE_DONE
        && on->commit.run() == SQLITE_DONE)
      return outcome::done;
    const auto result = refused(shared_, sqlite3_errmsg(on->database.get()));
    on->rollback.run();
    return result;
  }

  outcome get(const std::string& name, std::int64_t& size_bytes) override {
    const auto on = pool_.borrow();
    if (!on)
      return refused(shared_, "no connection came free");
    on->find.bind(1, name);
    const int result = on->find.step();
    size_bytes = -1;
    if (result == SQLITE_ROW)
      size_bytes = nlohmann::json::parse(on->find.bytes(0)).at("size_bytes").get<std::int64_t>();
    on->find.reset();
    return result == SQLITE_ROW || result == SQLITE_DONE
             ? outcome::done
             : refused(shared_, sqlite3_errmsg(on->database.get()));
  }

private:
  gate* shared_;
  fifo_pool<registry_connection> pool_;
};

class locked_blocks final : public block_store {
public:
  ~locked_blocks() override {
    for (auto& [id, blocks] : sequences_)
      for (void* each : blocks)
        std::free(each);
  }

  bool allocate(std::int64_t id, std::uint64_t bytes) override {
    const std::lock_guard guard{mutex_};
    const auto [at, fresh] = sequences_.try_emplace(id);
    return fresh && grow(at->second, bytes);
  }
  bool append(std::int64_t id, std::uint64_t bytes) override {
    const std::lock_guard guard{mutex_};
    const auto at = sequences_.find(id);
    return at != sequences_.end() && grow(at->second, bytes);
  }
  bool release(std::int64_t id) override {
    const std::lock_guard guard{mutex_};
    const auto at = sequences_.find(id);
    if (at == sequences_.end())
      return false;
    for (void* each : at->second)
      std::free(each);
    used_ -= at->second.size();
    sequences_.erase(at);
    return true;
  }
  std::uint64_t sequences() override {
    const std::lock_guard guard{mutex_};
    return sequences_.size();
  }

private:
  bool grow(std::vector<void*>& blocks, std::uint64_t bytes) {
    for (std::uint64_t i = 0; i < (bytes + kv_block_bytes - 1) / kv_block_bytes; ++i) {
      if (++used_ > kv_blocks)
        return false;
      blocks.push_back(std::malloc(kv_block_bytes));
    }
    return true;
  }

  std::mutex mutex_;
  std::unordered_map<std::int64_t, std::vector<void*>> sequences_; // guarded by mutex_
  std::uint64_t used_ = 0;                                         // guarded by mutex_
};

} // namespace

std::unique_ptr<pool_registry> open_pooled_registry(const registry_setting& where) {
  return std::make_unique<pooled_registry>(where);
}

std::unique_ptr<block_store> make_locked_blocks(const setting& /*where*/) {
  return std::make_unique<locked_blocks>();
}

} // namespace cortex::bench
