// Pools opened in a fresh folder, their memory in another one, with a wall clock that the test
// moves.
#pragma once

#include "cortex/kv_cache.hpp"

#include "shared_folder.hpp"
#include "support/catch_compat.hpp"
#include "support/sqlite_probe.hpp"
#include "support/temp_dir.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cortex::testing {

/// Not thread-safe, but for the pools themselves.
struct registry_fixture {
  registry_fixture() {
    clock.set(wall_time{std::chrono::seconds{1'766'400'000}});
    start();
  }

  void start() {
    runtime_options how;
    how.wall = &clock;
    rt.emplace(runtime::open(how).value());
  }
  [[nodiscard]] std::string file() const { return (folder / "kv_cache.db").string(); }
  [[nodiscard]] kv_cache::options options() const {
    kv_cache::options wanted;
    wanted.path = file();
    wanted.directory = memory.path();
    return wanted;
  }
  [[nodiscard]] kv_cache::registry open(const kv_cache::options& wanted) const {
    auto opened = kv_cache::open(*rt, wanted);
    INFO((opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened);
    return *std::move(opened);
  }
  [[nodiscard]] kv_cache::registry open() const { return open(options()); }
  /// Ends the runtime and with it all that is open, then starts another one.
  void restart() {
    REQUIRE(rt->stop());
    start();
  }
  /// The first column of the first row, by a connection of its own.
  [[nodiscard]] std::string text(const std::string& sql) const {
    return sqlite_probe{file()}.text(sql).value_or("none");
  }

  temp_dir folder;
  shared_folder memory;
  manual_wall_clock clock;
  std::optional<runtime> rt;
};

} // namespace cortex::testing
