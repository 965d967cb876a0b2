// What is measured: how N threads fare while another thread writes without a pause, one row at a
// time or thousands at once. What that one does is told beside the rate.
// Rerun: cortex_bench --only read_beside_writer/ , --only write_beside_load/

#include "records.hpp"

#include <utility>

namespace cortex::bench {
namespace {

/// The thread that keeps the others company is the last one.
bool is_last(const worker& self, const std::vector<write_tally>& tallies) {
  return self.index() + 1 == tallies.size();
}

outcome write_next(record_store& store, worker& self, write_tally& tally) {
  const auto sequence = tally.next++;
  const auto result = store.write(self.index(), sequence);
  if (result != outcome::done)
    tally.unacknowledged.push_back(sequence);
  return result;
}

class reads_beside_subject final : public subject {
public:
  reads_beside_subject(const store_maker& maker, store_setting where, unsigned repetition)
    : file_(where.file), tallies_(where.threads), store_(maker(where)), repetition_(repetition) {}

  void run(worker& self) override {
    if (is_last(self, tallies_)) {
      self.go_beside();
      self.loop([&](std::uint64_t) { return write_next(*store_, self, tallies_[self.index()]); });
      return;
    }
    random_source random{self.index() + 1 + repetition_ * 7919U};
    std::string out;
    self.loop([&](std::uint64_t) { return checked_read(*store_, self, random, out); });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return count_lost(file_, tallies_);
  }

private:
  std::filesystem::path file_;
  std::vector<write_tally> tallies_;
  std::unique_ptr<record_store> store_;
  unsigned repetition_;
};

class writes_beside_subject final : public subject {
public:
  writes_beside_subject(const store_maker& maker, store_setting where)
    : file_(where.file), tallies_(where.threads), store_(maker(where)) {}

  void run(worker& self) override {
    auto& tally = tallies_[self.index()];
    if (is_last(self, tallies_)) {
      load(self, tally);
      return;
    }
    self.loop([&](std::uint64_t) { return write_next(*store_, self, tally); });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return count_lost(file_, tallies_);
  }

private:
  static constexpr unsigned rows_at_once = 5000;

  void load(worker& self, write_tally& tally) {
    self.go_beside();
    while (self.running()) {
      const auto first = tally.next;
      tally.next += rows_at_once;
      const auto result = store_->load(self.index(), first, rows_at_once);
      if (result == outcome::done) {
        self.count(rows_at_once);
        continue;
      }
      for (auto lost = first; lost < tally.next; ++lost)
        tally.unacknowledged.push_back(lost);
      if (result == outcome::failed)
        self.note_failure();
    }
  }

  std::filesystem::path file_;
  std::vector<write_tally> tallies_;
  std::unique_ptr<record_store> store_;
};

} // namespace

subject_maker reads_beside_a_writer(store_maker maker, const record_files& files) {
  return [maker = std::move(maker), &files](const setting& where) {
    return std::make_unique<reads_beside_subject>(
      maker, prepare(where, sync_level::normal, files, true), where.repetition);
  };
}

subject_maker writes_beside_a_load(store_maker maker, const record_files& files) {
  return [maker = std::move(maker), &files](const setting& where) {
    return std::make_unique<writes_beside_subject>(
      maker, prepare(where, sync_level::normal, files, false));
  };
}

} // namespace cortex::bench
