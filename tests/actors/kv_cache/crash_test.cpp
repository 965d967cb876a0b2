// A process is killed inside an operation, after a number of its instructions: the next one that
// comes finds the pool as it was before or after, and everything else untouched.
#include "cortex/kv_pool.hpp"

#include "shared_folder.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

namespace testing = cortex::testing;
namespace kv = cortex::kv_cache;

namespace {

using operation = std::function<void(const kv::pool&)>;

constexpr std::byte first_content{17};

kv::pool attach(const testing::shared_folder& folder, const std::string& name) {
  kv::attach_options how;
  how.directory = folder.path();
  return kv::pool::attach(kv::segment_name(name), how).value();
}

/// Eight blocks: 1 has three, of which 2 shares two and has one of its own; 3 has a full one; one
/// is free.
kv::pool make_pool(const testing::shared_folder& folder, const std::string& name) {
  testing::make_segment(folder, name, 8, 4);
  auto pool = attach(folder, name);
  const std::array sealed{kv::hash_block({}, std::array<std::int64_t, 1>{1}),
                          kv::hash_block({}, std::array<std::int64_t, 1>{2})};
  REQUIRE(pool.allocate({.id = 1, .bytes = 3 * 64, .tokens = 3}));
  REQUIRE(pool.write(1, 0, std::array{first_content}));
  REQUIRE(pool.seal(1, 0, sealed));
  REQUIRE(pool.allocate({.id = 2, .bytes = 150, .tokens = 9, .prefix = {sealed[0], sealed[1]}}));
  REQUIRE(pool.allocate({.id = 3, .bytes = 64, .tokens = 1}));
  return pool;
}

/// Runs `work` in a process of its own and kills it after so many instructions. Returns how many
/// there were: fewer if it had come to its end.
std::uint64_t run_for(std::uint64_t instructions, const std::function<void()>& prepare,
                      const std::function<void()>& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      ::_exit(99);
    prepare();
    ::raise(SIGSTOP);
    work();
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSTOPPED(status));
  std::uint64_t steps = 0;
  while (steps < instructions && ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0) {
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
      break; // the second stop
    ++steps;
  }
  ::kill(child, SIGKILL);
  if (WIFSTOPPED(status))
    REQUIRE(::waitpid(child, &status, 0) == child);
  return steps;
}

bool may_trace() {
  const pid_t child = ::fork();
  if (child == 0)
    ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
  int status = 1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

/// What is to be seen of a pool.
struct picture {
  std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::uint32_t>> sequences;
  std::vector<std::vector<std::byte>> contents;
  bool operator==(const picture&) const = default;
};

picture look_at(const kv::pool& pool) {
  picture out;
  const auto all = pool.sequences();
  REQUIRE(all);
  for (const auto& each : *all) {
    out.sequences.emplace_back(each.id, each.size_bytes, each.token_count, each.pins);
    out.contents.emplace_back(static_cast<std::size_t>(each.size_bytes));
    REQUIRE(pool.read(each.id, 0, out.contents.back()));
  }
  return out;
}

/// Each instruction costs some 40 us, and a sanitizer's build has many: then `points` are fewer.
void cut_everywhere(const operation& work, std::size_t points) {
  const testing::shared_folder folder;
  const auto cut = [&](const std::string& name, std::uint64_t instructions) {
    std::optional<kv::pool> inside;
    return run_for(
      instructions, [&] { inside = attach(folder, name); }, [&] { work(*inside); });
  };
  const auto whole = make_pool(folder, "whole");
  const auto before = look_at(whole);
  const auto total = cut("whole", UINT64_MAX);
  const auto after = look_at(whole);
  REQUIRE(total > 100);
  constexpr std::uint64_t affordable = 400'000; // in all
  if (points < 100)
    points = std::clamp<std::size_t>(2 * affordable / total, 2, points);

  std::uint64_t recovered = 0;
  for (std::size_t i = 0; i < points; ++i) {
    const auto name = "cut" + std::to_string(i);
    const auto pool = make_pool(folder, name);
    const auto instructions = total * (i + 1) / (points + 1);
    cut(name, instructions);
    INFO("cut after " << instructions << " of " << total << " instructions");

    const auto wrong = pool.check();
    REQUIRE(wrong);
    for (const auto& each : *wrong)
      UNSCOPED_INFO(each);
    REQUIRE(wrong->empty());
    const auto found = look_at(pool);
    CHECK((found == before || found == after));
    CHECK(pool.stats()->lost_sequences == 0);
    recovered += pool.stats()->recoveries;

    REQUIRE(pool.reclaim());                              // the pins and the lease of the dead
    REQUIRE(pool.allocate({.id = 100, .bytes = 8 * 64})); // nothing has leaked
    CHECK(pool.stats()->free_blocks == 0);
    CHECK(pool.check()->empty());
    REQUIRE(kv::remove_segments(folder.path(), kv::segment_name(name)));
  }
  CHECK(recovered > 0); // some were inside
}

} // namespace

TEST_CASE("a process killed while it allocates harms nobody", "[kv_cache][crash]") {
  if (!may_trace())
    CORTEX_SKIP("tracing a process is not allowed");
  cut_everywhere([](const kv::pool& pool) { (void)pool.allocate({.id = 9, .bytes = 128}); }, 6);
}

TEST_CASE("a process killed while it appends harms nobody", "[kv_cache][crash]") {
  if (!may_trace())
    CORTEX_SKIP("tracing a process is not allowed");
  cut_everywhere([](const kv::pool& pool) { (void)pool.append(2, 100, 5); }, 6);
}

TEST_CASE("a process killed while it forks, writes or releases harms nobody", "[kv_cache][crash]") {
  if (!may_trace())
    CORTEX_SKIP("tracing a process is not allowed");
  cut_everywhere([](const kv::pool& pool) { (void)pool.fork(1, 9); }, 4);
  cut_everywhere([](const kv::pool& pool) { (void)pool.release(1); }, 4);
  cut_everywhere(
    [](const kv::pool& pool) {
      (void)pool.write(2, 0, std::array{std::byte{99}}); // a shared block is copied
    },
    4);
}

TEST_CASE("every instruction of an operation may be the last one", "[.nightly][kv_cache][crash]") {
  if (!may_trace())
    CORTEX_SKIP("tracing a process is not allowed");
  cut_everywhere([](const kv::pool& pool) { (void)pool.allocate({.id = 9, .bytes = 300}); }, 400);
  cut_everywhere([](const kv::pool& pool) { (void)pool.append(2, 100, 5); }, 400);
  cut_everywhere([](const kv::pool& pool) { (void)pool.fork(1, 9); }, 400);
  cut_everywhere([](const kv::pool& pool) { (void)pool.release(1); }, 400);
}
