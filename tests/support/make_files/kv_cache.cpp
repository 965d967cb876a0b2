// Writes a file of pools of every kind, through the public interface alone.
#include "cortex/kv_cache.hpp"

#include "support/make_files/make_files.hpp"

#include <stdlib.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

namespace kv = cortex::kv_cache;

using cortex::testing::need;

/// Memory of the pools while they are made.
struct memory_folder {
  memory_folder() {
    if (::mkdtemp(path.data()) == nullptr)
      throw std::system_error{errno, std::generic_category(), path};
  }
  memory_folder(const memory_folder&) = delete;
  memory_folder& operator=(const memory_folder&) = delete;
  ~memory_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path = "/dev/shm/cortex_made_XXXXXX";
};

/// Sequences with shared blocks, with accesses, and one that made room.
void use(const kv::registry& pools, const std::string& name, cortex::manual_wall_clock& clock) {
  const auto pool = need(pools.attach(name));
  const auto block = pool.block_bytes();
  for (std::int64_t id = -2; id < 5; ++id) {
    clock.advance(std::chrono::milliseconds{1500});
    need(pool.allocate({.id = id * 1'000'003, .bytes = block + 17, .tokens = 16 * (id + 3)}));
    need(pool.lookup(1'000'003));
    need(pool.lookup(999));
  }
  need(pool.append(1'000'003, 3 * block, 40));
  need(pool.fork(1'000'003, INT64_MAX));
  static_cast<void>(pool.release(0)); // may have made room
}

} // namespace

/// Makes `kv_cache.db` in a folder: pools with and without sequences, rows alone with names and
/// numbers of every kind. The rows stay; the memory of the pools does not. Throws
/// `std::runtime_error`.
void write_kv_cache(const std::filesystem::path& dir) {
  cortex::manual_wall_clock clock{cortex::wall_time{std::chrono::seconds{1'766'397'600}}};
  cortex::runtime_options how;
  how.wall = &clock;
  auto rt = need(cortex::runtime::open(how));
  const memory_folder memory;
  kv::options wanted;
  wanted.path = (dir / "kv_cache.db").string();
  wanted.directory = memory.path;
  const auto pools = need(kv::open(rt, wanted));

  constexpr std::array policies{"lru", "lfu", "fifo"};
  for (std::int64_t i = 0; i < 12; ++i) {
    const auto name = "made-" + std::to_string(i);
    need(
      pools.create({name, 4096 * (i + 1) * 8, policies[static_cast<std::size_t>(i) % 3], 4 + i}));
    if (i % 2 == 0)
      use(pools, name, clock);
  }
  need(pools.create({"made-3", 12'345, "lru", 1}, {.force = true})); // moves to the end
  need(pools.create({std::string(200, 'x'), 77}));
  need(pools.create({"gone", 4096}));
  need(pools.flush());
  need(pools.destroy("gone"));

  for (const auto* name : {"caf\u00e9", "\u4e2d\u6587", "\U0001f680", "a \"quoted\" name", "a/b",
                           "tab\tand\nnewline", "back\\slash", ""})
    need(pools.call(kv::save{{name, 16'000'000'000}}));
  need(pools.call(kv::save{{"largest", INT64_MAX, "lfu", INT64_MAX}}));
  need(pools.call(kv::save{{"smallest", INT64_MIN, "weird", -1}}));
  need(pools.call(kv::save{{"saved twice", 1}}));
  need(pools.call(kv::save{{"saved twice", 2, "", 0}}));
}
