// A cache opened in a fresh folder, with a wall clock that the test moves.
#pragma once

#include "cortex/semantic_cache.hpp"
#include "cortex/text/utc_time.hpp"

#include "support/catch_compat.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cortex::testing {

/// Not thread-safe, but for the cache itself.
struct cache_fixture {
  explicit cache_fixture(const std::string& start = "2025-12-22T10:00:00Z",
                         const runtime_options& given = {})
    : how(given) {
    set_clock(start);
    how.wall = &clock;
    rt.emplace(runtime::open(how).value());
  }

  void set_clock(const std::string& stamp) {
    clock.set(wall_time{std::chrono::seconds{text::parse_utc(stamp).value()}});
  }

  [[nodiscard]] semantic_cache::options options() const {
    semantic_cache::options wanted;
    wanted.path = file();
    return wanted;
  }
  [[nodiscard]] std::string file() const { return (folder / "cache.db").string(); }
  [[nodiscard]] semantic_cache::cache open(const semantic_cache::options& wanted) const {
    auto opened = semantic_cache::open(*rt, wanted);
    INFO((opened ? std::string{} : to_string(opened.error())));
    REQUIRE(opened);
    return *std::move(opened);
  }
  [[nodiscard]] semantic_cache::cache open() const { return open(options()); }
  /// Ends the runtime and with it every cache, then starts another one.
  void restart() {
    REQUIRE(rt->stop());
    rt.emplace(runtime::open(how).value());
  }

  temp_dir folder;
  manual_wall_clock clock;
  runtime_options how;
  std::optional<runtime> rt;
};

inline semantic_cache::key key_of(const std::string& prompt, const std::string& model = "gpt-4") {
  return {prompt, "openai", model, "You are a helper."};
}

inline std::vector<std::string> commands_of(const expected<semantic_cache::found>& answer) {
  REQUIRE(answer);
  return answer->commands == nullptr ? std::vector<std::string>{} : *answer->commands;
}

} // namespace cortex::testing
