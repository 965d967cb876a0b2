// The library's pools: rows through the registry, which answers a save after COMMIT; sequences in a
// pool in shared memory, each call under the pool's lock, which other processes take as well.
// Rerun: cortex_bench --only pools_saved --only kv_allocate

#include "cortex/kv_cache.hpp"

#include "kv.hpp"
#include "rivals/record_connection.hpp"

#include <unistd.h>

#include <optional>
#include <stdexcept>
#include <utility>

namespace cortex::bench {
namespace {

template <class T>
T opened(expected<T> result) {
  if (!result)
    throw std::runtime_error{to_string(result.error())};
  return *std::move(result);
}

class cortex_registry final : public pool_registry {
public:
  explicit cortex_registry(const registry_setting& where)
    : shared_(where.shared), runtime_(opened(runtime::open())) {
    kv_cache::options options;
    options.path = where.file.string();
    pools_.emplace(opened(kv_cache::open(runtime_, std::move(options))));
  }
  ~cortex_registry() override {
    pools_.reset();
    if (const auto stopped = runtime_.stop(); !stopped)
      shared_->explain(to_string(stopped.error()));
  }

  outcome save(const std::string& name, std::int64_t size_bytes) override {
    return settle(pools_->call(kv_cache::save{{name, size_bytes}}));
  }

  outcome get(const std::string& name, std::int64_t& size_bytes) override {
    const auto found = pools_->call(kv_cache::get{name});
    if (found)
      size_bytes = *found ? (*found)->config.size_bytes : -1;
    return settle(found);
  }

private:
  template <class T>
  outcome settle(const expected<T>& answer) {
    return answer ? outcome::done : refused(shared_, to_string(answer.error()).c_str());
  }

  gate* shared_;
  runtime runtime_;
  std::optional<kv_cache::registry> pools_;
};

class cortex_blocks final : public block_store {
public:
  explicit cortex_blocks(const setting& where)
    : runtime_(opened(runtime::open())), name_("bench-" + std::to_string(::getpid())) {
    kv_cache::options options;
    options.path = (where.directory / "kv_cache.db").string();
    pools_.emplace(opened(kv_cache::open(runtime_, std::move(options))));
    kv_cache::configuration wanted{name_, kv_blocks * kv_block_bytes};
    opened(pools_->create(wanted, {.force = true, .block_bytes = kv_block_bytes}));
    pool_ = opened(pools_->attach(name_));
  }
  ~cortex_blocks() override {
    pool_ = {};
    static_cast<void>(pools_->destroy(name_));
  }

  bool allocate(std::int64_t id, std::uint64_t bytes) override {
    return pool_.allocate({.id = id, .bytes = bytes}).has_value();
  }
  bool append(std::int64_t id, std::uint64_t bytes) override {
    return pool_.append(id, bytes).has_value();
  }
  bool release(std::int64_t id) override { return pool_.release(id).has_value(); }
  std::uint64_t sequences() override { return opened(pool_.usage()).sequences; }

private:
  runtime runtime_;
  std::string name_;
  std::optional<kv_cache::registry> pools_;
  kv_cache::pool pool_;
};

} // namespace

std::unique_ptr<pool_registry> open_cortex_registry(const registry_setting& where) {
  return std::make_unique<cortex_registry>(where);
}

std::unique_ptr<block_store> make_cortex_blocks(const setting& where) {
  return std::make_unique<cortex_blocks>(where);
}

} // namespace cortex::bench
