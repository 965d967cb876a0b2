// What is measured: pools saved and read back per second by 100 threads, in the shape of the
// original's stress tests (ten operations each), ten times as many, and sustained; and sequences
// per second that are allocated, made longer and released in shared memory. Left out: opening,
// starting the threads, counting afterwards.
// Rerun: cortex_bench --only pools_saved --only kv_allocate

#include "kv.hpp"
#include "rivals/connection.hpp"

#include <atomic>
#include <utility>

namespace cortex::bench {
namespace {

std::string name_of(unsigned thread, std::uint64_t number) {
  return "pool-" + std::to_string(thread) + '-' + std::to_string(number);
}

class saved_pools_subject final : public subject {
public:
  saved_pools_subject(const registry_maker& maker, const registry_setting& where)
    : file_(where.file), pools_(maker(where)) {}

  void run(worker& self) override {
    self.loop([&](std::uint64_t n) {
      const auto name = name_of(self.index(), n / 2);
      const auto size = static_cast<std::int64_t>(n / 2 + 1);
      if (n % 2 == 0) {
        const auto result = pools_->save(name, size);
        if (result == outcome::done)
          saved_.fetch_add(1, std::memory_order_relaxed);
        return result;
      }
      std::int64_t found = -1;
      const auto result = pools_->get(name, found);
      if (result != outcome::done || found == size)
        return result;
      self.explain("pool '" + name + "' was not found as it was saved");
      return outcome::failed;
    });
  }

  std::uint64_t close_and_count_lost() override {
    pools_.reset();
    const connection database{file_, sync_level::normal};
    const auto present = query_integer(database, "SELECT min((SELECT count(*) FROM pools), "
                                                 "(SELECT count(*) FROM stats))");
    const auto saved = saved_.load();
    return saved > present ? static_cast<std::uint64_t>(saved - present) : 0;
  }

private:
  std::filesystem::path file_;
  std::unique_ptr<pool_registry> pools_;
  std::atomic<std::int64_t> saved_{0};
};

class allocation_subject final : public subject {
public:
  allocation_subject(const block_store_maker& maker, const setting& where)
    : blocks_(maker(where)) {}

  void run(worker& self) override {
    const auto first = static_cast<std::int64_t>(self.index()) << 40U;
    self.loop([&](std::uint64_t n) {
      const auto id = first + static_cast<std::int64_t>(n);
      bool good = blocks_->allocate(id, 8 * kv_block_bytes) && blocks_->append(id, kv_block_bytes);
      if (n > 0)
        good = blocks_->release(id - 1) && good;
      else
        kept_.fetch_add(1, std::memory_order_relaxed);
      if (!good)
        self.explain("a sequence was refused");
      return good ? outcome::done : outcome::failed;
    });
  }

  // Each thread's last sequence is still there, and no other.
  std::uint64_t close_and_count_lost() override {
    const auto there = blocks_->sequences();
    const auto kept = kept_.load();
    return there > kept ? there - kept : kept - there;
  }

private:
  std::unique_ptr<block_store> blocks_;
  std::atomic<std::uint64_t> kept_{0};
};

} // namespace

subject_maker saved_pools(registry_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<saved_pools_subject>(
      maker, registry_setting{where.directory / "kv_cache.db", where.shared});
  };
}

subject_maker allocated_sequences(block_store_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<allocation_subject>(maker, where);
  };
}

} // namespace cortex::bench
