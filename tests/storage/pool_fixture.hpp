/// What the tests of pools share: a pool in a folder of its own, time moved by hand, the log.
#pragma once

#include "cortex/connection_pool.hpp"

#include "storage/sql_fixture.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cortex::testing {

/// A clock that the test moves, and that knows how often it was looked at. Thread-safe.
class watched_clock final : public monotonic_clock {
public:
  [[nodiscard]] monotonic_time now() const noexcept override {
    const auto time = ticks_.load();
    ++looks_;
    return monotonic_time{std::chrono::nanoseconds{time}};
  }
  void advance(std::chrono::nanoseconds by) noexcept { ticks_ += by.count(); }
  /// Waits until somebody who came back to it has seen the present time.
  [[nodiscard]] bool seen_again() const {
    const auto before = looks_.load();
    return eventually([&] { return looks_.load() >= before + 4; });
  }

private:
  std::atomic<std::int64_t> ticks_{std::chrono::nanoseconds{std::chrono::hours{1}}.count()};
  mutable std::atomic<std::uint64_t> looks_{0};
};

/// What came to the log. Thread-safe.
class log_lines {
public:
  [[nodiscard]] log_sink sink() {
    return [this](severity, std::string_view, std::string_view text) {
      const std::lock_guard guard{mutex_};
      lines_.emplace_back(text);
    };
  }
  [[nodiscard]] bool mention(std::string_view part) {
    const std::lock_guard guard{mutex_};
    for (const auto& line : lines_)
      if (has(line, part))
        return true;
    return false;
  }

private:
  std::mutex mutex_;
  std::vector<std::string> lines_; // guarded by mutex_
};

/// A pool of `size` on a file with table `item(key, value)`.
inline storage::pool_options pool_of(std::size_t size,
                                     std::chrono::nanoseconds timeout = default_deadline) {
  storage::pool_options out;
  out.size = size;
  out.timeout = timeout;
  out.file = with_items();
  return out;
}

/// What shares the file of such a pool.
inline storage::database_options beside(storage::pool_options how) {
  how.file.readers = how.size;
  how.file.busy_timeout
    = how.busy_timeout.value_or(std::chrono::duration_cast<std::chrono::milliseconds>(how.timeout));
  return how.file;
}

inline expected<storage::changes> insert_item(storage::pooled_connection& into, std::int64_t key,
                                              const std::string& value = "v") {
  return into.execute("INSERT INTO item(key, value) VALUES(?, ?)", key, value);
}

inline std::int64_t items_seen(storage::pooled_connection& by) {
  return by.value<std::int64_t>("SELECT count(*) FROM item").value();
}

/// True if nothing in this process has the file open: other options would be refused.
inline bool is_free(const std::string& path) {
  auto other = with_items();
  other.cache_kib = 1234;
  return storage::database::open(path, other).has_value();
}

/// A pool in a folder of its own.
struct scratch_pool {
  explicit scratch_pool(const storage::pool_options& how = pool_of(5))
    : pool{storage::connection_pool::open(path, how).value()} {}

  [[nodiscard]] storage::pooled_connection borrow() { return pool.borrow().value(); }

  temp_dir dir;
  std::string path = (dir / "test.db").string();
  storage::connection_pool pool;
};

/// The same with a clock that the test moves, and the log.
struct timed_pool {
  explicit timed_pool(const storage::pool_options& how)
    : rt{start(clock, log)}, pool{storage::connection_pool::open(rt, path, how).value()} {}

  static runtime start(const monotonic_clock& clock, log_lines& log) {
    runtime_options how;
    how.monotonic = &clock;
    how.log = log.sink();
    return runtime::open(how).value();
  }
  [[nodiscard]] storage::pooled_connection borrow() { return pool.borrow().value(); }

  temp_dir dir;
  std::string path = (dir / "test.db").string();
  watched_clock clock;
  log_lines log;
  runtime rt;
  storage::connection_pool pool;
};

} // namespace cortex::testing
