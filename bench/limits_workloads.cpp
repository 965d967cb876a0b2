// What is measured: profiles of limits saved and read per second by 100 threads, five saves and
// five gets each, and ten times as many. A save answers after COMMIT at NORMAL. Left out: opening,
// starting the threads, counting afterwards.
// Rerun: cortex_bench --only limits_

#include "limits.hpp"
#include "rivals/connection.hpp"

#include <atomic>
#include <utility>

namespace cortex::bench {
namespace {

std::string name_of(unsigned thread, std::uint64_t number) {
  return "job-" + std::to_string(thread) + '-' + std::to_string(number);
}

limit_numbers numbers_of(unsigned thread, std::uint64_t number) {
  return {static_cast<std::int64_t>(100 + number), {static_cast<std::int64_t>(thread), 1000}};
}

class limit_subject final : public subject {
public:
  limit_subject(const limit_maker& maker, const limit_setting& where)
    : file_(where.file), store_(maker(where)) {}

  void run(worker& self) override {
    limit_numbers found;
    self.loop([&](std::uint64_t n) {
      const auto number = n - n % 2;
      const auto name = name_of(self.index(), number);
      const auto wanted = numbers_of(self.index(), number);
      if (n % 2 == 0) {
        const auto result = store_->save(name, wanted);
        if (result == outcome::done)
          saves_.fetch_add(1, std::memory_order_relaxed);
        return result;
      }
      const auto result = store_->get(name, found);
      if (result != outcome::done || found == wanted)
        return result;
      self.explain("a profile has other numbers: " + name);
      return outcome::failed;
    });
  }

  std::uint64_t close_and_count_lost() override {
    store_.reset();
    const connection database{file_, sync_level::normal};
    const auto present = query_integer(
      database, "SELECT count(*) FROM profiles WHERE json_extract(config, '$.name') = name");
    const auto saved = saves_.load();
    return saved > present ? static_cast<std::uint64_t>(saved - present) : 0;
  }

private:
  std::filesystem::path file_;
  std::unique_ptr<limit_store> store_;
  alignas(64) std::atomic<std::int64_t> saves_{0};
};

} // namespace

subject_maker limit_operations(limit_maker maker) {
  return [maker = std::move(maker)](const setting& where) {
    return std::make_unique<limit_subject>(
      maker, limit_setting{where.directory / "limits.db", where.shared});
  };
}

} // namespace cortex::bench
