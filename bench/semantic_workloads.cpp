// What is measured: semantic-cache operations per second of 300 threads, in the shape of the
// original's stress test (five operations each), ten times as many, and sustained. Left out:
// opening the cache, storing the first entries, starting the threads (waking them is counted where
// the number of operations is fixed, as it was there), counting afterwards.
// Rerun: cortex_bench --only semantic_

#include "rivals/connection.hpp"
#include "semantic.hpp"

#include <atomic>
#include <utility>

namespace cortex::bench {
namespace {

constexpr unsigned preloaded = 200;
constexpr std::int64_t max_entries = 500;
constexpr const char* newest_entry
  = "SELECT COALESCE(max(seq), 0) FROM sqlite_sequence WHERE name = 'llm_cache_entries'";
/// An entry can be gone only after 500 younger operations; 300 may have been on their way before.
constexpr std::uint64_t eviction_distance = 200;

std::vector<std::string> commands_for(unsigned thread, std::uint64_t number) {
  return {"sudo apt-get update", "sudo apt-get install -y package-" + std::to_string(thread) + '-'
                                   + std::to_string(number)};
}

class semantic_subject final : public subject {
public:
  semantic_subject(const semantic_maker& maker, const semantic_setting& where, semantic_work work,
                   const corpus& prompts)
    : file_(where.file), store_(maker(where)), work_(work), prompts_(prompts) {
    if (work == semantic_work::exact || work == semantic_work::near)
      preload(work == semantic_work::near ? " now" : "");
  }

  void run(worker& self) override {
    command_list commands;
    std::uint64_t before = 0; // operations begun by all threads when this one's put began
    self.loop([&](std::uint64_t n) {
      switch (work_) {
        case semantic_work::puts: return put(self, n);
        case semantic_work::exact:
        case semantic_work::near: return get_preloaded(self, n, commands);
        case semantic_work::mixed: break;
      }
      if (n % 2 != 0)
        return get_own(self, n - 1, before, commands);
      before = begun_.load(std::memory_order_relaxed);
      return put(self, n);
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    const connection database{file_, sync_level::normal};
    const auto missing = [&](std::int64_t acknowledged, const char* sql) {
      const auto present = query_integer(database, sql);
      return acknowledged > present ? static_cast<std::uint64_t>(acknowledged - present) : 0;
    };
    // Entries make room for younger ones, but their numbers are never given twice.
    const auto puts = puts_.load();
    return missing(puts, newest_entry)
           + missing(std::min(puts, max_entries), "SELECT count(*) FROM llm_cache_entries")
           + missing(gets_.load(), "SELECT hits + misses FROM llm_cache_stats");
  }

private:
  struct lookup {
    std::string prompt;
    std::vector<std::string> answer;
  };

  /// @param more what lookups add to the prompts
  void preload(const char* more) {
    for (unsigned i = 0; i < preloaded; ++i) {
      const auto& prompt = prompts_.prompts()[i];
      lookups_.push_back({prompt + more, commands_for(0, i)});
      if (store_->put(prompt, lookups_.back().answer) == outcome::done)
        ++puts_;
    }
  }

  outcome put(worker& self, std::uint64_t number) {
    begun_.fetch_add(1, std::memory_order_relaxed);
    const auto result
      = store_->put(prompts_.unique(self.index(), number), commands_for(self.index(), number));
    if (result == outcome::done)
      puts_.fetch_add(1, std::memory_order_relaxed);
    return result;
  }

  outcome get(const std::string& prompt, command_list& commands) {
    begun_.fetch_add(1, std::memory_order_relaxed);
    const auto result = store_->get(prompt, commands);
    if (result == outcome::done)
      gets_.fetch_add(1, std::memory_order_relaxed);
    return result;
  }

  outcome get_own(worker& self, std::uint64_t number, std::uint64_t before,
                  command_list& commands) {
    const auto result = get(prompts_.unique(self.index(), number), commands);
    if (result != outcome::done || (commands && *commands == commands_for(self.index(), number)))
      return result;
    const bool evicted = begun_.load(std::memory_order_relaxed) - before > eviction_distance;
    if (evicted)
      return outcome::done;
    self.explain("an acknowledged entry was not found");
    return outcome::failed;
  }

  outcome get_preloaded(worker& self, std::uint64_t number, command_list& commands) {
    const auto& [prompt, answer]
      = lookups_[(self.index() * std::uint64_t{5} + number) % lookups_.size()];
    const auto result = get(prompt, commands);
    // Of two prompts with nearly the same words, either may be the nearest.
    const bool right = commands && (work_ == semantic_work::near || *commands == answer);
    if (result != outcome::done || right)
      return result;
    self.explain("no entry for '" + prompt + "'");
    return outcome::failed;
  }

  std::filesystem::path file_;
  std::unique_ptr<semantic_store> store_;
  semantic_work work_;
  const corpus& prompts_;
  std::vector<lookup> lookups_;
  alignas(64) std::atomic<std::uint64_t> begun_{0};
  alignas(64) std::atomic<std::int64_t> puts_{0};
  alignas(64) std::atomic<std::int64_t> gets_{0};
};

} // namespace

subject_maker semantic_operations(semantic_maker maker, semantic_work work, const corpus& prompts) {
  return [maker = std::move(maker), work, &prompts](const setting& where) {
    return std::make_unique<semantic_subject>(
      maker, semantic_setting{where.directory / "cache.db", where.shared}, work, prompts);
  };
}

} // namespace cortex::bench
