#include <cortex/cortex.hpp>
#include <cortex/kv_cache.hpp>
#include <unistd.h>

#include <array>
#include <iostream>

namespace kv = cortex::kv_cache;

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  kv::options wanted;
  wanted.path = argc > 1 ? argv[1] : "kv_cache.db";
  const auto pools = kv::open(rt, wanted).value();

  // Each block has the keys and values of 16 tokens.
  const auto name = "example-" + std::to_string(::getpid());
  const auto size = kv::parse_size("1.048576M").value();
  std::cout << kv::created_text(pools.create({name, size, "lru", 100}).value().config);
  {
    const auto pool = pools.attach(name).value(); // any process of this user can
    const auto block = pool.block_bytes();

    // The system prompt fills two blocks; whoever begins with it shares them.
    std::array<std::int64_t, 16> tokens{};
    const auto first = kv::hash_block({}, tokens);
    const auto second = kv::hash_block(first, tokens);
    if (!pool.allocate({.id = 1, .bytes = 3 * block, .tokens = 40})
        || !pool.write(1, 0, std::array{std::byte{42}})
        || !pool.seal(1, 0, std::array<kv::block_hash, 2>{first, second}))
      return 1;
    const auto other
      = pool.allocate({.id = 2, .bytes = 4 * block, .tokens = 60, .prefix = {first, second}});
    const auto now = pool.stats().value();
    std::cout << other->shared_blocks << " blocks shared, " << now.blocks - now.free_blocks
              << " of " << now.blocks << " in use\n";

    // A running sequence is pinned; the others make room.
    const auto running = pool.pin(1, std::chrono::minutes{5}).value();
    for (std::int64_t id = 3; id <= 5; ++id)
      static_cast<void>(pool.allocate({.id = id, .bytes = 80 * block}).value());
    const auto large = pool.allocate({.id = 6, .bytes = 250 * block}).value();
    std::cout << "then " << large.evicted.size() << " evicted\n";
  }
  return pools.destroy(name) ? 0 : 1;
}
