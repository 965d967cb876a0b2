// The books of a pool in plain memory, with a clock that the test moves.
#pragma once

#include "cortex/kv_cache/block_pool.hpp"

#include "support/catch_compat.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cortex::testing {

/// Bytes aligned as a mapping is, all 0.
class aligned_memory {
public:
  explicit aligned_memory(std::size_t bytes) : lines_((bytes + sizeof(line) - 1) / sizeof(line)) {}
  [[nodiscard]] std::span<std::byte> bytes() noexcept {
    return std::as_writable_bytes(std::span{lines_});
  }

private:
  struct alignas(64) line {
    std::byte bytes[64];
  };
  std::vector<line> lines_;
};

/// Not thread-safe.
struct memory_pool {
  explicit memory_pool(std::uint64_t blocks, std::int64_t max_sequences = 100,
                       kv_cache::eviction_policy policy = kv_cache::eviction_policy::lru)
    : shape(kv_cache::plan_geometry(blocks * block_bytes, block_bytes, max_sequences).value()),
      data(shape.segment_bytes()),
      books(shape.books_bytes),
      tables(shape, data.bytes(), books.bytes()),
      pool(tables, policy, [this](const kv_cache::process_identity& who) {
        return std::ranges::find(dead, who.pid) == dead.end();
      }) {
    new (&tables.header()) kv_cache::segment_header{};
    pool.format();
  }

  /// Allocates so many blocks, one second later than what was before.
  expected<kv_cache::made_sequence> add(std::int64_t id, std::uint64_t blocks = 1,
                                        std::span<const kv_cache::block_hash> prefix = {}) {
    return pool.allocate({id, blocks * block_bytes, 0, prefix}, ++now);
  }
  [[nodiscard]] std::vector<std::int64_t> ids() const {
    std::vector<std::int64_t> out;
    for (const auto& each : pool.sequences())
      out.push_back(each.id);
    return out;
  }
  void require_sound() const {
    const auto wrong = pool.check();
    for (const auto& each : wrong)
      UNSCOPED_INFO(each);
    REQUIRE(wrong.empty());
  }

  static constexpr std::uint64_t block_bytes = 64;
  kv_cache::geometry shape;
  aligned_memory data;
  aligned_memory books;
  kv_cache::tables tables;
  std::vector<std::int64_t> dead; // processes
  kv_cache::block_pool pool;
  double now = 1000.0;
};

/// A hash that stands for some content.
inline kv_cache::block_hash hash_of(std::uint8_t content) {
  kv_cache::block_hash out{};
  out[0] = content;
  out[31] = 1;
  return out;
}

using id_list = std::vector<std::int64_t>;
using hash_list = std::vector<kv_cache::block_hash>;

} // namespace cortex::testing
