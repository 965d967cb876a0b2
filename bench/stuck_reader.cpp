// What is measured: writes per second beside a reader that is stuck, and the length of the log over
// the time. Left out: opening, taking the snapshot.
// Rerun: cortex_bench --only stuck_reader/ --seconds 1

#include "stuck_reader.hpp"

#include "rivals/record_connection.hpp"
#include "rivals/stores.hpp"

#include <string>
#include <system_error>

namespace cortex::bench {

void stuck_reader_subject::run(worker& self) {
  constexpr std::uint64_t writes_between_looks = 64;
  auto& tally = tallies_.front();
  look();
  self.loop([&](std::uint64_t n) {
    if (n % writes_between_looks == 0)
      look();
    const auto sequence = tally.next++;
    const auto result = store_->write(sequence);
    if (result != outcome::done)
      tally.unacknowledged.push_back(sequence);
    return result;
  });
  look();
}

void stuck_reader_subject::look() {
  std::error_code absent;
  const auto bytes = std::filesystem::file_size(log_, absent);
  seen_.emplace_back(bench_clock::now(), absent ? 0.0 : static_cast<double>(bytes) / (1 << 20));
}

std::vector<figure> stuck_reader_subject::figures() const {
  std::vector<figure> made;
  const auto begin = seen_.front().first;
  const auto whole = seen_.back().first - begin;
  for (const int quarter : {1, 2, 3, 4}) {
    auto length = 0.0;
    for (const auto& [when, mib] : seen_)
      if (when - begin <= whole * quarter / 4)
        length = mib;
    made.push_back({"log after " + std::to_string(quarter) + "/4 (MiB)", length});
  }
  return made;
}

std::uint64_t stuck_reader_subject::close_and_count_lost() {
  store_.reset();
  return count_lost(file_, tallies_);
}

namespace {

/// Two connections as SQLite's defaults leave them: the log is copied back at each commit that
/// finds it longer than 1,000 pages.
class plain_stuck_store final : public stuck_store {
public:
  explicit plain_stuck_store(const store_setting& where)
    : reader_(where.file, where.level, where.shared),
      writer_(where.file, where.level, where.shared) {
    std::int64_t rows = 0;
    reader_.begin();
    (void)reader_.query(question::count_items, rows);
  }
  outcome write(std::uint64_t sequence) override { return writer_.write(0, sequence); }

private:
  record_connection reader_;
  record_connection writer_;
};

} // namespace

subject_maker plain_writes_with_a_stuck_reader(const record_files& files) {
  return [&files](const setting& where) {
    const auto prepared = prepare(where, sync_level::normal, files, false);
    return std::make_unique<stuck_reader_subject>(prepared.file,
                                                  std::make_unique<plain_stuck_store>(prepared));
  };
}

} // namespace cortex::bench
