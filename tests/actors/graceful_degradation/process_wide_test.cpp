// The manager of the process: made by the first use, replaced, shut down, made again.
#include "manager_fixture.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <cstdlib>

namespace testing = cortex::testing;
namespace degraded = cortex::graceful_degradation;
using cortex::errc;
using degraded::source;

namespace {

/// A home folder for the length of a test.
class home {
public:
  home() {
    if (const char* set = std::getenv("HOME"); set != nullptr) // NOLINT(concurrency-mt-unsafe)
      before_ = set;
    ::setenv("HOME", folder_.path().c_str(), 1); // NOLINT(concurrency-mt-unsafe)
  }
  home(const home&) = delete;
  home& operator=(const home&) = delete;
  ~home() {
    static_cast<void>(degraded::shut_down_process_wide());
    ::setenv("HOME", before_.c_str(), 1); // NOLINT(concurrency-mt-unsafe)
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path(); }

private:
  testing::temp_dir folder_;
  std::string before_;
};

} // namespace

TEST_CASE("GD-14: the manager of the process is made once, shut down, and made again",
          "[graceful_degradation][concurrency]") {
  const home own;

  std::atomic<int> answered{0};
  testing::run_threads(8, [&](std::size_t index) {
    const auto got = degraded::process_with_fallback("question " + std::to_string(index),
                                                     testing::answering("yes"));
    answered += got.value().source == source::llm ? 1 : 0;
  });
  CHECK(answered == 8);
  const auto first = degraded::process_wide().value();
  CHECK(first.call(degraded::status{})->cache_entries == 8);
  CHECK(std::filesystem::exists(own.path() / ".cortex" / "response_cache.db"));

  REQUIRE(degraded::shut_down_process_wide());

  CHECK(first.process("question 1").error() == errc::closed);
  const auto again = degraded::process_with_fallback("QUESTION 1");
  REQUIRE(again);
  CHECK(again->source == source::cache);
}

TEST_CASE("GD-14: another manager takes the place of the one of the process",
          "[graceful_degradation]") {
  const home own;
  testing::manager_fixture t;
  const auto opened = t.open();
  REQUIRE(opened.call(degraded::put{"whose", "the host's"}));

  REQUIRE(degraded::replace_process_wide(opened));

  CHECK(degraded::process_with_fallback("whose")->response == "the host's");
  REQUIRE(degraded::shut_down_process_wide());
  CHECK(opened.process("whose")->response == "the host's"); // the host's own goes on
  CHECK(degraded::process_with_fallback("whose")->source == source::manual_mode);
}

TEST_CASE("GD-14: a manager of the process that cannot be opened is tried again",
          "[graceful_degradation][errors]") {
  const home own;
  std::filesystem::create_directories(own.path() / ".cortex" / "response_cache.db");
  CHECK_FALSE(degraded::process_wide());
  std::filesystem::remove(own.path() / ".cortex" / "response_cache.db");

  CHECK(degraded::process_with_fallback("install htop")->source == source::pattern_matching);
}
