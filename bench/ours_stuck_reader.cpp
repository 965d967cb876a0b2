// The library beside a stuck reader: with its governor, in times that fit into a measurement, and
// with a governor that only names the reader.
// Rerun: cortex_bench --only stuck_reader/ --seconds 1

#include "cortex/database.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"
#include "stuck_reader.hpp"

#include <span>
#include <stdexcept>

namespace cortex::bench {
namespace {

using namespace std::chrono_literals;

storage::database_options options_of(bool governed) {
  storage::database_options options;
  options.wal_budget_bytes = std::size_t{4} << 20U;
  options.governor.interrupt_after = governed ? 50ms : std::chrono::nanoseconds::max();
  options.governor.longest_delay = 0ms; // what slowing does is shown by nobody's rate
  return options;
}

class cortex_stuck_store final : public stuck_store {
public:
  cortex_stuck_store(const store_setting& where, bool governed)
    : shared_(where.shared), database_(open(where, governed)), lease_(take(database_)) {}

  outcome write(std::uint64_t sequence) override {
    const auto bytes = std::as_bytes(std::span{payload().data(), payload().size()});
    const auto done = database_.write(
      [=](storage::transaction& in) { return in.execute(sql::insert_log, 0, sequence, bytes); });
    return done ? outcome::done : refused(shared_, to_string(done.error()).c_str());
  }

private:
  static storage::database open(const store_setting& where, bool governed) {
    auto opened = storage::database::open(where.file.string(), options_of(governed));
    if (!opened)
      throw std::runtime_error{to_string(opened.error())};
    return *std::move(opened);
  }
  static storage::read_lease take(storage::database& from) {
    auto lease = from.lease({.owner = "stuck"});
    if (!lease || !(*lease)->value<std::int64_t>(sql::count_items))
      throw std::runtime_error{"no lease"};
    return *std::move(lease);
  }

  gate* shared_;
  storage::database database_;
  storage::read_lease lease_;
};

} // namespace

subject_maker cortex_writes_with_a_stuck_reader(bool governed, const record_files& files) {
  return [governed, &files](const setting& where) {
    const auto prepared = prepare(where, sync_level::normal, files, false);
    return std::make_unique<stuck_reader_subject>(
      prepared.file, std::make_unique<cortex_stuck_store>(prepared, governed));
  };
}

} // namespace cortex::bench
