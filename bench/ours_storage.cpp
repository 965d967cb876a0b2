// The library in the storage rows: `cortex::storage::database` as its header shows it, opened with
// its defaults but for the level of durability, on a runtime of its own.
// Rerun: cortex_bench --only write_ , --only read , --only mix/ , --only pool_

#include "cortex/database.hpp"

#include "ours.hpp"
#include "rivals/record_connection.hpp"

#include <algorithm>
#include <deque>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace cortex::bench {
namespace {

constexpr auto patience = std::chrono::seconds{30};

storage::blob_view payload_bytes_view() {
  return std::as_bytes(std::span{payload().data(), payload().size()});
}

storage::database open_database(const std::filesystem::path& file, sync_level level,
                                bool exclusive = false) {
  storage::database_options options;
  options.exclusive = exclusive;
  options.level = level == sync_level::full ? storage::durability::synced
                                            : storage::durability::committed;
  auto opened = storage::database::open(file.string(), options);
  if (!opened)
    throw std::runtime_error{to_string(opened.error())};
  return *std::move(opened);
}

outcome refused(gate* shared, const error& problem) {
  return refused(shared, to_string(problem).c_str());
}

/// Copies a record's payload to `out`. False if there is none.
expected<bool> find_payload(storage::snapshot& view, std::string_view key, std::string& out) {
  auto rows = view.query(sql::select_record, key);
  if (!rows)
    return unexpected{std::move(rows).error()};
  auto found = rows->next();
  if (found && *found) {
    const auto bytes = rows->current().get<storage::blob_view>(0);
    out.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return found;
}

std::string_view text_of(question what) {
  return what == question::newest_log ? sql::newest_log : sql::count_items;
}

/// What a read gave: found, not found, or an error.
outcome settle(gate* shared, const expected<bool>& found) {
  if (!found)
    return refused(shared, found.error());
  return *found ? outcome::done : outcome::failed;
}

expected<void> insert_rows(storage::transaction& in, unsigned thread, std::uint64_t first,
                           std::uint64_t end) {
  for (auto sequence = first; sequence < end; ++sequence)
    if (auto one = in.execute(sql::insert_log, thread, sequence, payload_bytes_view()); !one)
      return unexpected{std::move(one).error()};
  return {};
}

class cortex_store : public record_store {
public:
  explicit cortex_store(const store_setting& where, bool exclusive = false)
    : shared_(where.shared), database_(open_database(where.file, where.level, exclusive)) {}
  ~cortex_store() override {
    if (const auto closed = database_.close(patience); !closed)
      shared_->explain(to_string(closed.error()));
  }

  outcome write(unsigned thread, std::uint64_t sequence) override {
    const auto done = database_.write([=](storage::transaction& in) {
      return in.execute(sql::insert_log, thread, sequence, payload_bytes_view());
    });
    return done ? outcome::done : refused(shared_, done.error());
  }

  outcome read(unsigned, const record_key& key, std::string& out) override {
    return settle(shared_, database_.read([&](storage::snapshot& view) {
      return find_payload(view, key.text(), out);
    }));
  }

  outcome query(unsigned, question what, std::int64_t& out) override {
    const auto answer = database_.read(
      [=](storage::snapshot& view) { return view.one<std::int64_t>(text_of(what)); });
    if (!answer)
      return refused(shared_, answer.error());
    out = answer->value_or(0);
    return outcome::done;
  }

  /// In slices of the bulk lane, between which others' writes commit.
  outcome load(unsigned thread, std::uint64_t first, unsigned count) override {
    constexpr std::uint64_t rows_of_a_step = 50;
    const auto end = first + count;
    const auto done = database_.write_slices(
      [=, next = first](storage::transaction& in) mutable -> expected<storage::step> {
        const auto stop = std::min(next + rows_of_a_step, end);
        if (auto some = insert_rows(in, thread, next, stop); !some)
          return unexpected{std::move(some).error()};
        next = stop;
        return next == end ? storage::step::done : storage::step::more;
      });
    return done ? outcome::done : refused(shared_, done.error());
  }

protected:
  [[nodiscard]] gate* shared() const noexcept { return shared_; }
  [[nodiscard]] storage::database& database() noexcept { return database_; }

private:
  gate* shared_;
  storage::database database_;
};

/// Loads in one transaction, as the rivals do.
class cortex_whole_load_store final : public cortex_store {
public:
  using cortex_store::cortex_store;

  outcome load(unsigned thread, std::uint64_t first, unsigned count) override {
    const auto done = database().write(
      [=](storage::transaction& in) { return insert_rows(in, thread, first, first + count); });
    return done ? outcome::done : refused(shared(), done.error());
  }
};

class cortex_queued_store final : public cortex_store {
public:
  using cortex_store::cortex_store;

  outcome read(unsigned, const record_key& key, std::string& out) override {
    auto answer = database().read_async([key](storage::snapshot& view) -> expected<std::string> {
      std::string found;
      if (auto there = find_payload(view, key.text(), found); !there)
        return unexpected{std::move(there).error()};
      return found;
    });
    auto arrived = answer.get();
    if (!arrived)
      return refused(shared(), arrived.error());
    out = *std::move(arrived);
    return outcome::done;
  }
};

class cortex_kept_snapshot final : public cortex_store {
public:
  explicit cortex_kept_snapshot(const store_setting& where)
    : cortex_store(where), lease_(database().lease({.owner = "kept snapshot"})) {
    if (!lease_)
      throw std::runtime_error{to_string(lease_.error())};
  }

  outcome read(unsigned, const record_key& key, std::string& out) override {
    return settle(shared(), find_payload(**lease_, key.text(), out));
  }

private:
  expected<storage::read_lease> lease_; // given back before the database is closed
};

class pipelined_write_subject final : public subject {
public:
  pipelined_write_subject(const store_setting& where, std::size_t depth)
    : shared_(where.shared),
      file_(where.file),
      depth_(depth),
      tallies_(where.threads),
      database_(open_database(where.file, where.level)) {}

  void run(worker& self) override {
    auto& tally = tallies_[self.index()];
    std::deque<pending> in_flight;
    while (self.running()) {
      if (in_flight.size() == depth_)
        take(self, tally, in_flight);
      const auto sequence = tally.next++;
      in_flight.push_back({write(self.index(), sequence), sequence,
                           sequence % 16 == 0 ? bench_clock::now() : bench_clock::time_point{}});
    }
    while (!in_flight.empty())
      take(self, tally, in_flight);
  }

  std::uint64_t close_and_count_lost() override {
    if (const auto closed = database_.close(patience); !closed)
      shared_->explain(to_string(closed.error()));
    return count_lost(file_, tallies_);
  }

private:
  /// A write that was not taken yet; each 16th knows when it began.
  struct pending {
    future<storage::written<storage::changes>> answer;
    std::uint64_t sequence;
    bench_clock::time_point begin;
  };

  future<storage::written<storage::changes>> write(unsigned thread, std::uint64_t sequence) {
    return database_.write_async([=](storage::transaction& in) {
      return in.execute(sql::insert_log, thread, sequence, payload_bytes_view());
    });
  }

  void take(worker& self, write_tally& tally, std::deque<pending>& in_flight) {
    auto& oldest = in_flight.front();
    if (const auto done = oldest.answer.get(); done) {
      self.count(1);
    } else {
      self.note_failure();
      self.explain(to_string(done.error()));
      tally.unacknowledged.push_back(oldest.sequence);
    }
    if (oldest.begin != bench_clock::time_point{})
      self.note_latency(bench_clock::now() - oldest.begin);
    in_flight.pop_front();
  }

  gate* shared_;
  std::filesystem::path file_;
  std::size_t depth_;
  std::vector<write_tally> tallies_;
  storage::database database_;
};

} // namespace

std::unique_ptr<record_store> open_cortex_store(const store_setting& where) {
  return std::make_unique<cortex_store>(where);
}

std::unique_ptr<record_store> open_cortex_exclusive_store(const store_setting& where) {
  return std::make_unique<cortex_store>(where, true);
}

std::unique_ptr<record_store> open_cortex_whole_load_store(const store_setting& where) {
  return std::make_unique<cortex_whole_load_store>(where);
}

std::unique_ptr<record_store> open_cortex_queued_store(const store_setting& where) {
  return std::make_unique<cortex_queued_store>(where);
}

std::unique_ptr<record_store> open_cortex_kept_snapshot(const store_setting& where) {
  return std::make_unique<cortex_kept_snapshot>(where);
}

subject_maker cortex_pipelined_writes(sync_level level, std::size_t depth,
                                      const record_files& files) {
  return [level, depth, &files](const setting& where) {
    return std::make_unique<pipelined_write_subject>(
      store_setting{files.copy_to(where.directory, false), level, where.threads, where.shared},
      depth);
  };
}

} // namespace cortex::bench
