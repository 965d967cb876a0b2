#include "rivals/pooled_limits.hpp"

#include "rivals/connection.hpp"
#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"

#include <nlohmann/json.hpp>

#include <optional>

namespace cortex::bench {
namespace {

constexpr unsigned pool_size = 5;
constexpr const char* schema
  = "CREATE TABLE IF NOT EXISTS profiles (name TEXT PRIMARY KEY, config TEXT);";

/// One connection of the pool. *Not thread-safe*.
class limit_connection {
public:
  explicit limit_connection(const limit_setting& where)
    : database_(where.file, sync_level::normal, where.shared) {}

  bool save(const std::string& name, const std::string& config) {
    if (begin_.run() == SQLITE_DONE && insert_.bind(1, name).bind(2, config).run() == SQLITE_DONE
        && commit_.run() == SQLITE_DONE)
      return true;
    rollback_.run();
    return false;
  }

  std::optional<std::string> find(const std::string& name) {
    select_.bind(1, name);
    std::optional<std::string> found;
    if (select_.step() == SQLITE_ROW)
      found = select_.bytes(0);
    select_.reset();
    return found;
  }

private:
  connection database_;
  statement insert_
    = database_.prepare("INSERT OR REPLACE INTO profiles(name, config) VALUES(?, ?)");
  statement select_ = database_.prepare("SELECT config FROM profiles WHERE name = ?");
  statement begin_ = database_.prepare("BEGIN");
  statement commit_ = database_.prepare("COMMIT");
  statement rollback_ = database_.prepare("ROLLBACK");
};

class pooled_limits final : public limit_store {
public:
  explicit pooled_limits(const limit_setting& where) : shared_(where.shared), pool_(where.shared) {
    connection{where.file, sync_level::normal}.execute(schema);
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<limit_connection>(where));
  }

  outcome save(const std::string& name, const limit_numbers& numbers) override {
    const nlohmann::ordered_json config{{"name", name},
                                        {"preset", "inference"},
                                        {"cpu_quota", numbers.cpu_quota},
                                        {"memory_max", std::int64_t{34'359'738'368}},
                                        {"gpu_ids", numbers.gpu_ids},
                                        {"oom_score_adj", 0}};
    const auto encoded = config.dump(-1, ' ', true);
    const auto database = pool_.borrow();
    if (!database)
      return refused(shared_, "no connection came free in 5 s");
    return database->save(name, encoded) ? outcome::done : refused(shared_, "a save failed");
  }

  outcome get(const std::string& name, limit_numbers& numbers) override {
    const auto found = [&]() -> std::optional<std::string> {
      const auto database = pool_.borrow();
      return database ? database->find(name) : std::nullopt;
    }();
    if (!found)
      return refused(shared_, "no such profile, or no connection came free in 5 s");
    const auto config = nlohmann::json::parse(*found);
    numbers.cpu_quota = config.at("cpu_quota").get<std::int64_t>();
    numbers.gpu_ids = config.at("gpu_ids").get<std::vector<std::int64_t>>();
    return outcome::done;
  }

private:
  gate* shared_;
  fifo_pool<limit_connection> pool_;
};

} // namespace

std::unique_ptr<limit_store> open_pooled_limits(const limit_setting& where) {
  return std::make_unique<pooled_limits>(where);
}

} // namespace cortex::bench
