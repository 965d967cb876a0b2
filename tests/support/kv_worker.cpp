// Works on pools of another process: tests start it, read what it says, and kill it.
//
//   kv_worker work DATABASE DIRECTORY POOL SEED COUNT    random operations; COUNT 0 = until killed
//   kv_worker hold DATABASE DIRECTORY POOL SEQUENCE      allocates, pins and waits to be killed
//   kv_worker create DATABASE DIRECTORY POOL BYTES       makes a pool and ends
//   kv_worker read DATABASE DIRECTORY POOL SEQUENCE      says the first byte of a sequence
#include "cortex/kv_cache.hpp"
#include "cortex/runtime.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

namespace kv = cortex::kv_cache;

namespace {

int give_up(const cortex::error& why) {
  std::fprintf(stderr, "kv_worker: %s\n", to_string(why).c_str());
  return 1;
}

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

/// Whatever it does, the pool must stay sound; what is refused is refused.
int work(const kv::pool& pool, std::uint64_t seed, std::uint64_t count) {
  std::mt19937_64 random{seed};
  std::array<std::byte, 200> bytes{};
  for (std::uint64_t i = 0; count == 0 || i < count; ++i) {
    const auto id = static_cast<std::int64_t>(random() % 40);
    const auto size = 1 + random() % bytes.size();
    switch (random() % 6) {
      case 0:
      case 1: (void)pool.allocate({.id = id, .bytes = size * 4}); break;
      case 2: (void)pool.append(id, size, 1); break;
      case 3: (void)pool.lookup(id); break;
      case 4: (void)pool.write(id, 0, std::span{bytes}.first(size)); break;
      default: (void)pool.fork(id, static_cast<std::int64_t>(random() % 40));
    }
    if (i == 100)
      say("working");
    if (i % 64 == 0) {
      const auto wrong = pool.usage();
      if (!wrong)
        return give_up(wrong.error());
    }
  }
  say("done");
  return 0;
}

int hold(const kv::pool& pool, std::int64_t id) {
  auto made = pool.allocate({.id = id, .bytes = 64, .pin_for = std::chrono::hours{1}});
  if (!made)
    return give_up(made.error());
  if (auto written = pool.write(id, 0, std::array{std::byte{42}}); !written)
    return give_up(written.error());
  say("held");
  for (;;)
    ::pause();
}

int say_byte(const kv::pool& pool, std::int64_t id) {
  std::array<std::byte, 1> byte{};
  if (auto read = pool.read(id, 0, byte); !read)
    return give_up(read.error());
  say(std::to_string(std::to_integer<int>(byte[0])));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 6)
    return 2;
  const std::string verb = argv[1];
  auto rt = cortex::runtime::open();
  if (!rt)
    return give_up(rt.error());
  kv::options how;
  how.path = argv[2];
  how.directory = argv[3];
  if (verb != "create")
    how.access = cortex::storage::access::read_only;
  auto pools = kv::open(*rt, how);
  if (!pools)
    return give_up(pools.error());
  const auto number = std::strtoull(argv[5], nullptr, 10);
  if (verb == "create") {
    const auto made = pools->create({argv[4], static_cast<std::int64_t>(number)});
    return made ? 0 : give_up(made.error());
  }
  auto pool = pools->attach(argv[4]);
  if (!pool)
    return give_up(pool.error());
  if (verb == "work")
    return work(*pool, number, argc > 6 ? std::strtoull(argv[6], nullptr, 10) : 0);
  if (verb == "hold")
    return hold(*pool, static_cast<std::int64_t>(number));
  return say_byte(*pool, static_cast<std::int64_t>(number));
}
