// A memory opened in a fresh folder, with a wall clock that the test moves.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/intake.hpp"
#include "cortex/text/local_time.hpp"

#include "support/catch_compat.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cortex::testing {

/// Not thread-safe, but for the memory itself.
struct memory_fixture {
  explicit memory_fixture(const std::string& start = "2025-12-22T10:00:00Z",
                          const runtime_options& given = {})
    : how(given) {
    set_clock(start);
    how.wall = &clock;
    rt.emplace(runtime::open(how).value());
  }

  void set_clock(const std::string& stamp) {
    clock.set(wall_time{std::chrono::microseconds{text::parse_local(stamp).value()}});
  }

  [[nodiscard]] context_memory::options options() const {
    context_memory::options wanted;
    wanted.path = file();
    return wanted;
  }
  [[nodiscard]] std::string file() const { return (folder / "memory.db").string(); }
  [[nodiscard]] context_memory::memory open(const context_memory::options& wanted) const {
    auto opened = context_memory::open(*rt, wanted);
    INFO((opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened);
    return *std::move(opened);
  }
  [[nodiscard]] context_memory::memory open() const { return open(options()); }
  /// Ends the runtime and with it every memory, then starts another one.
  void restart() {
    REQUIRE(rt->stop());
    rt.emplace(runtime::open(how).value());
  }

  temp_dir folder;
  manual_wall_clock clock;
  runtime_options how;
  std::optional<runtime> rt;
};

inline context_memory::entry entry_of(const std::string& category, const std::string& context,
                                      const std::string& action, bool success = true) {
  context_memory::entry out;
  out.category = category;
  out.context = context;
  out.action = action;
  out.success = success;
  return out;
}

/// Records it and gives its id.
inline std::int64_t record_in(const context_memory::memory& opened, context_memory::entry what) {
  auto done = opened.call(context_memory::record{std::move(what)});
  INFO((done ? std::string{} : to_string(done.error())));
  REQUIRE(done);
  return done->id;
}
inline std::int64_t record_in(const context_memory::memory& opened, const std::string& category,
                              const std::string& context, const std::string& action,
                              bool success = true) {
  return record_in(opened, entry_of(category, context, action, success));
}

inline std::vector<std::int64_t> similar_ids(const context_memory::memory& opened,
                                             const std::string& context, std::int64_t limit = 10) {
  const auto found = opened.call(context_memory::similar{context, limit});
  REQUIRE(found);
  std::vector<std::int64_t> ids;
  for (const auto& each : *found)
    ids.push_back(each.id);
  return ids;
}

inline std::vector<context_memory::pattern> all_patterns(const context_memory::memory& opened) {
  auto found = opened.call(context_memory::patterns{.min_confidence = 0.0});
  REQUIRE(found);
  return *std::move(found);
}

/// The first column of a query's first row, by the memory's own database.
template <class T, class... Bound>
T value_in(const context_memory::memory& opened, const std::string& sql, const Bound&... bound) {
  auto file = opened.database();
  auto found = file.read([&](storage::snapshot& view) { return view.value<T>(sql, bound...); });
  INFO(sql);
  REQUIRE(found);
  return *std::move(found);
}

inline void change_file(const context_memory::memory& opened, const std::string& sql) {
  auto file = opened.database();
  REQUIRE(file.write([&](storage::transaction& in) { return in.execute_script(sql); }));
}

} // namespace cortex::testing
