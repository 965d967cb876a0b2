// The library in the form of the pool rows: a connection is borrowed for each operation, a write
// commits by itself and shares no commit. Defaults but for the level of durability and the time.
// Rerun: cortex_bench --only pool_

#include "cortex/connection_pool.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

constexpr auto patience = std::chrono::seconds{30};

storage::connection_pool open_pool(const store_setting& where) {
  storage::pool_options options;
  options.timeout = patience;
  options.file.level = where.level == sync_level::full ? storage::durability::synced
                                                       : storage::durability::committed;
  auto opened = storage::connection_pool::open(where.file.string(), options);
  if (!opened)
    throw std::runtime_error{to_string(opened.error())};
  return *std::move(opened);
}

class cortex_pool_store final : public record_store {
public:
  explicit cortex_pool_store(const store_setting& where)
    : shared_(where.shared), pool_(open_pool(where)) {}
  ~cortex_pool_store() override {
    if (const auto closed = pool_.close(patience); !closed)
      shared_->explain(to_string(closed.error()));
  }

  outcome write(unsigned thread, std::uint64_t sequence) override {
    auto held = pool_.borrow();
    if (!held)
      return refused_for(held.error());
    const auto bytes = std::as_bytes(std::span{payload().data(), payload().size()});
    if (auto done = held->execute(sql::insert_log, thread, sequence, bytes); !done)
      return refused_for(done.error());
    const auto done = held->commit();
    return done ? outcome::done : refused_for(done.error());
  }

  outcome read(unsigned, const record_key& key, std::string& out) override {
    auto held = pool_.borrow();
    if (!held)
      return refused_for(held.error());
    auto found = held->one<std::string>(sql::select_record, key.text());
    if (!found)
      return refused_for(found.error());
    if (!*found)
      return outcome::failed;
    out = **std::move(found);
    return outcome::done;
  }

  outcome query(unsigned, question what, std::int64_t& out) override {
    auto held = pool_.borrow();
    if (!held)
      return refused_for(held.error());
    const auto answer
      = held->one<std::int64_t>(what == question::newest_log ? sql::newest_log : sql::count_items);
    if (!answer)
      return refused_for(answer.error());
    out = answer->value_or(0);
    return outcome::done;
  }

private:
  outcome refused_for(const error& problem) { return refused(shared_, to_string(problem).c_str()); }

  gate* shared_;
  storage::connection_pool pool_;
};

} // namespace

std::unique_ptr<record_store> open_cortex_pool_store(const store_setting& where) {
  return std::make_unique<cortex_pool_store>(where);
}

} // namespace cortex::bench
