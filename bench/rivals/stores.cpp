#include "rivals/stores.hpp"

#include "rivals/fifo_pool.hpp"
#include "rivals/record_connection.hpp"

#include <mutex>
#include <vector>

namespace cortex::bench {
namespace {

constexpr unsigned pool_size = 5;

class mutex_store final : public record_store {
public:
  explicit mutex_store(const store_setting& where)
    : shared_(where.shared), database_(where.file, where.level, where.shared) {}

  outcome write(unsigned thread, std::uint64_t sequence) override {
    return locked([&] { return database_.write(thread, sequence); });
  }
  outcome read(unsigned, const record_key& key, std::string& out) override {
    return locked([&] { return database_.read(key, out); });
  }
  outcome query(unsigned, question what, std::int64_t& out) override {
    return locked([&] { return database_.query(what, out); });
  }
  outcome load(unsigned thread, std::uint64_t first, unsigned count) override {
    return locked([&] { return database_.load(thread, first, count); });
  }

private:
  template <class Operation>
  outcome locked(Operation operation) {
    const std::lock_guard lock{mutex_};
    return shared_ != nullptr && shared_->over() ? outcome::abandoned : operation();
  }

  gate* shared_;
  std::mutex mutex_;
  record_connection database_; // guarded by mutex_
};

class per_thread_store final : public record_store {
public:
  explicit per_thread_store(const store_setting& where) {
    for (unsigned i = 0; i < where.threads; ++i)
      databases_.push_back(
        std::make_unique<record_connection>(where.file, where.level, where.shared));
  }

  outcome write(unsigned thread, std::uint64_t sequence) override {
    return databases_[thread]->write(thread, sequence);
  }
  outcome read(unsigned thread, const record_key& key, std::string& out) override {
    return databases_[thread]->read(key, out);
  }
  outcome query(unsigned thread, question what, std::int64_t& out) override {
    return databases_[thread]->query(what, out);
  }
  outcome load(unsigned thread, std::uint64_t first, unsigned count) override {
    return databases_[thread]->load(thread, first, count);
  }

private:
  std::vector<std::unique_ptr<record_connection>> databases_;
};

class pool_store final : public record_store {
public:
  explicit pool_store(const store_setting& where) : shared_(where.shared), pool_(where.shared) {
    for (unsigned i = 0; i < pool_size; ++i)
      pool_.add(std::make_unique<record_connection>(where.file, where.level, where.shared));
  }

  outcome write(unsigned thread, std::uint64_t sequence) override {
    return borrowed(
      [&](auto& database) { return database->write_in_transaction(thread, sequence); });
  }
  outcome read(unsigned, const record_key& key, std::string& out) override {
    return borrowed([&](auto& database) { return database->read(key, out); });
  }
  outcome query(unsigned, question what, std::int64_t& out) override {
    return borrowed([&](auto& database) { return database->query(what, out); });
  }
  outcome load(unsigned thread, std::uint64_t first, unsigned count) override {
    return borrowed([&](auto& database) { return database->load(thread, first, count); });
  }

private:
  template <class Operation>
  outcome borrowed(Operation operation) {
    const auto database = pool_.borrow();
    return database ? operation(database) : refused(shared_, "no connection came free in 5 s");
  }

  gate* shared_;
  fifo_pool<record_connection> pool_;
};

class raw_write_subject final : public subject {
public:
  explicit raw_write_subject(const store_setting& where)
    : file_(where.file), tallies_(1), database_(where.file, where.level, where.shared) {}

  void run(worker& self) override {
    auto& tally = tallies_.front();
    while (self.index() == 0 && self.running()) {
      const auto begin = bench_clock::now();
      database_.begin();
      for (unsigned i = 0; i < rows_per_transaction; ++i) {
        if (database_.write(0, tally.next++) != outcome::done) {
          tally.unacknowledged.push_back(tally.next - 1);
          self.note_failure();
        }
      }
      if (!database_.commit()) {
        self.note_failure();
        return;
      }
      self.count(rows_per_transaction);
      self.note_latency(bench_clock::now() - begin);
    }
  }

  std::uint64_t close_and_count_lost() override { return count_lost(file_, tallies_); }

private:
  static constexpr unsigned rows_per_transaction = 1024;

  std::filesystem::path file_;
  std::vector<write_tally> tallies_;
  record_connection database_;
};

/// A reader whose transaction stays open: all its lookups share one snapshot.
class raw_reader final : public record_store {
public:
  explicit raw_reader(const store_setting& where)
    : database_(where.file, where.level, where.shared) {
    database_.begin();
  }

  outcome write(unsigned, std::uint64_t) override { return outcome::failed; }
  outcome read(unsigned, const record_key& key, std::string& out) override {
    return database_.read(key, out);
  }
  outcome query(unsigned, question what, std::int64_t& out) override {
    return database_.query(what, out);
  }

private:
  record_connection database_;
};

} // namespace

std::unique_ptr<record_store> open_mutex_store(const store_setting& where) {
  return std::make_unique<mutex_store>(where);
}

std::unique_ptr<record_store> open_per_thread_store(const store_setting& where) {
  return std::make_unique<per_thread_store>(where);
}

std::unique_ptr<record_store> open_pool_store(const store_setting& where) {
  return std::make_unique<pool_store>(where);
}

subject_maker raw_writes(sync_level level, const record_files& files) {
  return [level, &files](const setting& where) {
    return std::make_unique<raw_write_subject>(
      store_setting{files.copy_to(where.directory, false), level, where.threads, where.shared});
  };
}

subject_maker raw_reads(const record_files& files) {
  return point_reads([](const store_setting& where) { return std::make_unique<raw_reader>(where); },
                     files);
}

} // namespace cortex::bench
