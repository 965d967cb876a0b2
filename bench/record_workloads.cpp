// What is measured: operations per second of N threads on one table of 200-byte rows, and how long
// each call takes. Left out: opening the database, starting the threads, reading the rows back.
// Rerun: cortex_bench --only write_ , --only read/ , --only mix/ , --only pool_

#include "records.hpp"

#include <atomic>
#include <utility>

namespace cortex::bench {
namespace {

class single_write_subject final : public subject {
public:
  single_write_subject(const store_maker& maker, store_setting where)
    : file_(where.file), tallies_(where.threads), store_(maker(where)) {}

  void run(worker& self) override {
    auto& tally = tallies_[self.index()];
    self.loop([&](std::uint64_t) {
      const auto sequence = tally.next++;
      const auto result = store_->write(self.index(), sequence);
      if (result != outcome::done)
        tally.unacknowledged.push_back(sequence);
      return result;
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return count_lost(file_, tallies_);
  }

private:
  std::filesystem::path file_;
  std::vector<write_tally> tallies_;
  std::unique_ptr<record_store> store_;
};

class point_read_subject final : public subject {
public:
  point_read_subject(const store_maker& maker, const store_setting& where, unsigned repetition)
    : store_(maker(where)), repetition_(repetition) {}

  void run(worker& self) override {
    random_source random{self.index() + 1 + repetition_ * 7919U};
    std::string out;
    self.loop([&](std::uint64_t) { return checked_read(*store_, self, random, out); });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return 0;
  }

private:
  std::unique_ptr<record_store> store_;
  unsigned repetition_;
};

class mixed_subject final : public subject {
public:
  mixed_subject(const store_maker& maker, store_setting where, unsigned repetition)
    : file_(where.file), tallies_(where.threads), store_(maker(where)), repetition_(repetition) {}

  void run(worker& self) override {
    random_source random{self.index() + 1 + repetition_ * 7919U};
    std::string out;
    self.loop([&](std::uint64_t n) {
      if (random.below(10) >= 7)
        return write(self);
      return n % 64 == 0 ? read_own_writes(self) : checked_read(*store_, self, random, out);
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return count_lost(file_, tallies_);
  }

private:
  outcome write(worker& self) {
    auto& tally = tallies_[self.index()];
    const auto sequence = tally.next++;
    const auto result = store_->write(self.index(), sequence);
    if (result == outcome::done)
      acknowledged_.fetch_add(1, std::memory_order_release);
    else
      tally.unacknowledged.push_back(sequence);
    return result;
  }

  /// A read that begins now must see all that anybody was told is written.
  outcome read_own_writes(worker& self) {
    const auto at_least = acknowledged_.load(std::memory_order_acquire);
    std::int64_t seen = 0;
    const auto result = store_->query(self.index(), question::newest_log, seen);
    if (result == outcome::done && seen < at_least) {
      self.explain("a read did not see " + std::to_string(at_least - seen)
                   + " acknowledged writes");
      return outcome::failed;
    }
    return result;
  }

  std::filesystem::path file_;
  std::vector<write_tally> tallies_;
  std::unique_ptr<record_store> store_;
  unsigned repetition_;
  alignas(64) std::atomic<std::int64_t> acknowledged_{0};
};

class counting_subject final : public subject {
public:
  counting_subject(const store_maker& maker, store_setting where, unsigned writes_of_ten)
    : file_(where.file),
      tallies_(where.threads),
      store_(maker(where)),
      writes_of_ten_(writes_of_ten) {}

  void run(worker& self) override {
    auto& tally = tallies_[self.index()];
    self.loop([&](std::uint64_t n) {
      if (n % 10 >= writes_of_ten_)
        return count_items(self);
      const auto result = store_->write(self.index(), tally.next++);
      if (result != outcome::done)
        tally.unacknowledged.push_back(tally.next - 1);
      return result;
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return count_lost(file_, tallies_);
  }

private:
  outcome count_items(worker& self) {
    std::int64_t seen = 0;
    const auto result = store_->query(self.index(), question::count_items, seen);
    if (result == outcome::done && seen != item_count) {
      self.explain("a count saw " + std::to_string(seen) + " rows");
      return outcome::failed;
    }
    return result;
  }

  std::filesystem::path file_;
  std::vector<write_tally> tallies_;
  std::unique_ptr<record_store> store_;
  unsigned writes_of_ten_;
};

} // namespace

store_setting prepare(const setting& where, sync_level level, const record_files& files,
                      bool with_records) {
  return {files.copy_to(where.directory, with_records), level, where.threads, where.shared};
}

outcome checked_read(record_store& store, worker& self, random_source& random, std::string& out) {
  const record_key key{random.below(record_count)};
  const auto result = store.read(self.index(), key, out);
  if (result == outcome::done
      && (out.size() != payload_bytes || !std::string_view{out}.starts_with(key.text()))) {
    self.explain("a lookup returned another record's payload");
    return outcome::failed;
  }
  return result;
}

subject_maker single_writes(store_maker maker, sync_level level, const record_files& files) {
  return [maker = std::move(maker), level, &files](const setting& where) {
    return std::make_unique<single_write_subject>(maker, prepare(where, level, files, false));
  };
}

subject_maker point_reads(store_maker maker, const record_files& files) {
  return [maker = std::move(maker), &files](const setting& where) {
    return std::make_unique<point_read_subject>(
      maker, prepare(where, sync_level::normal, files, true), where.repetition);
  };
}

subject_maker mixed_reads_and_writes(store_maker maker, const record_files& files) {
  return [maker = std::move(maker), &files](const setting& where) {
    return std::make_unique<mixed_subject>(maker, prepare(where, sync_level::normal, files, true),
                                           where.repetition);
  };
}

subject_maker counting_reads_and_writes(store_maker maker, unsigned writes_of_ten,
                                        const record_files& files) {
  return [maker = std::move(maker), writes_of_ten, &files](const setting& where) {
    return std::make_unique<counting_subject>(
      maker, prepare(where, sync_level::normal, files, false), writes_of_ten);
  };
}

} // namespace cortex::bench
