/// The blocks of a pool: which are free, who has the others, and which content is known by a hash.
#pragma once

#include "cortex/kv_cache/tables.hpp"

#include <cstdint>

namespace cortex::kv_cache {

/// Free blocks whose content is sealed are taken last, the one freed first before the others: until
/// then a prefix may find them. All throw `damaged`. *Not thread-safe*: the pool's lock.
class block_list {
public:
  explicit block_list(const tables& in) noexcept : in_(in) {}

  /// A free block, with one reference and nothing in it. @pre there is one
  [[nodiscard]] std::uint32_t take();
  void reference(std::uint32_t at);
  /// The last reference frees it.
  void dereference(std::uint32_t at);
  /// Counts a pinned sequence that has it. @pre it has a reference
  void pin(std::uint32_t at);
  void unpin(std::uint32_t at);
  /// Bytes of it that belong to a sequence; never fewer than before while it has references.
  void fill(std::uint32_t at, std::uint64_t bytes);

  /// The block of that content; `none` if there is none.
  [[nodiscard]] std::uint32_t find(const block_hash& hash) const;
  /// Makes it known by its hash, unless another block is.
  void seal(std::uint32_t at, const block_hash& hash);
  /// Its content is about to change.
  void unseal(std::uint32_t at);

  /// Puts a block without references into the list, and without a place in it.
  void free(std::uint32_t at);
  /// Enters a sealed block into the index: for whoever builds it anew.
  void enter(std::uint32_t at);

private:
  void unlink(std::uint32_t at);

  const tables& in_;
};

} // namespace cortex::kv_cache
