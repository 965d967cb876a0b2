// What is measured: response-cache operations per second of 300 threads in the shape of the
// original's stress test (five operations each: three puts and two gets) and ten times as many; and
// matches of one thread against the 26 patterns. Left out: opening, compiling the patterns,
// starting the threads, counting afterwards. Rerun: cortex_bench --only response_ --only pattern_

#include "responses.hpp"
#include "rivals/connection.hpp"

#include <array>
#include <atomic>
#include <utility>

namespace cortex::bench {
namespace {

std::string response_for(unsigned thread, std::uint64_t number) {
  return "Install it with apt, then look at its status: answer " + std::to_string(thread) + '-'
         + std::to_string(number);
}

class response_subject final : public subject {
public:
  response_subject(const response_maker& maker, const response_setting& where,
                   const corpus& prompts)
    : file_(where.file), store_(maker(where)), prompts_(prompts) {}

  void run(worker& self) override {
    std::string response;
    self.loop(
      [&](std::uint64_t n) { return n % 2 == 0 ? put(self, n) : get(self, n - 1, response); });
  }

  // No more rows than the cache keeps are put, so that each is there, with each of its hits.
  std::uint64_t close_and_count_lost() override {
    store_.reset();
    const connection database{file_, sync_level::normal};
    const auto missing = [&](std::int64_t acknowledged, const char* sql) {
      const auto present = query_integer(database, sql);
      return acknowledged > present ? static_cast<std::uint64_t>(acknowledged - present) : 0;
    };
    return missing(puts_.load(), "SELECT count(*) FROM response_cache")
           + missing(gets_.load(), "SELECT COALESCE(sum(hit_count), 0) FROM response_cache");
  }

private:
  outcome put(worker& self, std::uint64_t number) {
    const auto result
      = store_->put(prompts_.unique(self.index(), number), response_for(self.index(), number));
    if (result == outcome::done)
      puts_.fetch_add(1, std::memory_order_relaxed);
    return result;
  }

  outcome get(worker& self, std::uint64_t number, std::string& response) {
    const auto result = store_->get(prompts_.unique(self.index(), number), response);
    if (result != outcome::done)
      return result;
    gets_.fetch_add(1, std::memory_order_relaxed);
    if (response == response_for(self.index(), number))
      return result;
    self.explain("an acknowledged answer was not found");
    return outcome::failed;
  }

  std::filesystem::path file_;
  std::unique_ptr<response_store> store_;
  const corpus& prompts_;
  alignas(64) std::atomic<std::int64_t> puts_{0};
  alignas(64) std::atomic<std::int64_t> gets_{0};
};

struct request {
  std::string query;
  bool matches;
};

const std::array<request, 8>& requests() {
  static const std::array<request, 8> all{{{"please install nginx for me", true},
                                           {"what is the meaning of life", false},
                                           {"I want to find and remove vim", true},
                                           {"how do I know which port my server listens on", false},
                                           {"update system", true},
                                           {"explain this error message to me, would you", false},
                                           {"setup pytorch on this machine", true},
                                           {"my disk is full and I do not know why", false}}};
  return all;
}

class pattern_subject final : public subject {
public:
  explicit pattern_subject(const finder_maker& maker) : finder_(maker()) {
    for (const auto& each : requests()) // caches of the expression's own fill
      static_cast<void>(finder_->find(each.query));
  }

  void run(worker& self) override {
    self.loop([&](std::uint64_t n) {
      const auto& [query, matches] = requests()[n % requests().size()];
      if (finder_->find(query) == matches)
        return outcome::done;
      self.explain("a pattern matched wrongly: " + query);
      return outcome::failed;
    });
  }

  std::uint64_t close_and_count_lost() override { return 0; } // nothing is stored

private:
  std::unique_ptr<command_finder> finder_;
};

} // namespace

subject_maker response_operations(response_maker maker, const corpus& prompts) {
  return [maker = std::move(maker), &prompts](const setting& where) {
    return std::make_unique<response_subject>(
      maker, response_setting{where.directory / "response_cache.db", where.shared}, prompts);
  };
}

subject_maker pattern_matching(finder_maker maker) {
  return
    [maker = std::move(maker)](const setting&) { return std::make_unique<pattern_subject>(maker); };
}

} // namespace cortex::bench
