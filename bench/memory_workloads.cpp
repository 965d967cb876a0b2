// What is measured: entries recorded per second by 200 threads in the shape of the original's
// stress test (600 entries) and ten times as many; searches per second of one thread in a memory of
// 1,000, 100,000 and 1,000,000 entries. Left out: making the file, opening the memory (told beside
// the searches as `open`, in seconds), starting the threads, counting afterwards. Rerun:
// cortex_bench --only memory_

#include "memory.hpp"
#include "rivals/connection.hpp"
#include "rivals/pooled_context_memory.hpp"

#include <array>
#include <atomic>
#include <stdexcept>
#include <utility>

namespace cortex::bench {
namespace {

constexpr std::array categories{"package", "command", "config", "error"};
constexpr std::array subjects{"nginx",  "postgres", "redis",  "docker", "python",
                              "kernel", "firewall", "backup", "desktop"};
constexpr std::array verbs{"install", "restart", "update", "inspect", "remove", "tune"};

template <class Texts>
std::string pick(const Texts& from, std::uint64_t number) {
  return from[number % from.size()];
}

std::string action_of(std::uint64_t number) {
  return pick(verbs, number) + " " + pick(subjects, number / 7);
}

/// Nine words in ten are shared, one names the entry.
std::string context_of(std::uint64_t number) {
  return "Please " + pick(verbs, number / 3) + " the " + pick(subjects, number)
         + " service on machine host" + std::to_string(number) + " round "
         + std::to_string(number % 1000);
}

class record_subject final : public subject {
public:
  record_subject(const memory_maker& maker, const memory_setting& where)
    : file_(where.file), store_(maker(where)) {}

  void run(worker& self) override {
    self.loop([&](std::uint64_t n) {
      const auto number = self.index() * std::uint64_t{1000} + n;
      const auto result
        = store_->record(pick(categories, number), context_of(number), action_of(number % 10));
      if (result == outcome::done)
        done_.fetch_add(1, std::memory_order_relaxed);
      return result;
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    const connection database{file_, sync_level::normal};
    const auto present = query_integer(database, "SELECT count(*) FROM memory_entries");
    const auto acknowledged = done_.load();
    return acknowledged > present ? static_cast<std::uint64_t>(acknowledged - present) : 0;
  }

private:
  std::filesystem::path file_;
  std::unique_ptr<memory_store> store_;
  std::atomic<std::int64_t> done_{0};
};

class search_subject final : public subject {
public:
  search_subject(const memory_maker& maker, const memory_setting& where, std::size_t entries)
    : entries_(entries) {
    const auto begin = bench_clock::now();
    store_ = maker(where);
    open_seconds_ = std::chrono::duration<double>(bench_clock::now() - begin).count();
  }

  void run(worker& self) override {
    std::vector<std::int64_t> ids;
    self.loop([&](std::uint64_t n) { return search(self, n, ids); });
  }

  [[nodiscard]] std::vector<figure> figures() const override {
    return {{"open, s", open_seconds_}};
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    return 0;
  }

private:
  /// Every other search names an entry of its own, which must come first.
  outcome search(worker& self, std::uint64_t n, std::vector<std::int64_t>& ids) {
    const auto number = (n * 7919) % entries_;
    const bool names_one = n % 2 == 0;
    const auto wanted = names_one ? "host" + std::to_string(number) + " " + pick(subjects, n)
                                  : pick(verbs, n) + " the " + pick(subjects, n / 2);
    const auto result = store_->similar(wanted, ids);
    if (result != outcome::done)
      return result;
    if (ids.size() == 10)
      return outcome::done;
    self.explain("not ten entries for '" + wanted + "'");
    return outcome::failed;
  }

  std::size_t entries_;
  std::unique_ptr<memory_store> store_;
  double open_seconds_ = 0;
};

} // namespace

const std::filesystem::path& memory_files::with_entries(std::size_t count) {
  auto& path = made_[count];
  if (!path.empty())
    return path;
  path = directory_ / ("memory_" + std::to_string(count) + ".db");
  const connection database{path, sync_level::normal};
  database.execute(context_memory_schema);
  auto insert = database.prepare(
    "INSERT INTO memory_entries(timestamp, category, context, action, result, success, confidence, "
    "frequency, metadata, created_at) VALUES(strftime('%Y-%m-%dT%H:%M:%S', 1735689600 + ?, "
    "'unixepoch'), ?, ?, ?, 'ok', 1, 1.0, 1, '{}', '2025-01-01 00:00:00')");
  database.execute("BEGIN");
  for (std::size_t i = 0; i < count; ++i) {
    const auto category = pick(categories, i);
    const auto context = context_of(i);
    const auto action = action_of(i);
    insert.bind(1, static_cast<std::int64_t>(i)).bind(2, category).bind(3, context);
    if (insert.bind(4, action).run() != SQLITE_DONE)
      throw std::runtime_error{"the entries of a search could not be made"};
  }
  database.execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  return path;
}

subject_maker memory_records(memory_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<record_subject>(
      maker, memory_setting{where.directory / "memory.db", where.shared});
  };
}

subject_maker memory_searches(memory_maker maker, memory_files& files, std::size_t entries) {
  return [maker = std::move(maker), &files, entries](const setting& where) {
    return std::make_unique<search_subject>(
      maker, memory_setting{files.with_entries(entries), where.shared}, entries);
  };
}

} // namespace cortex::bench
