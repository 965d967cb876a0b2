/// The sequences of a pool: found by their id, and in the order in which they make room.
#pragma once

#include "cortex/kv_cache/tables.hpp"

#include <cstdint>

namespace cortex::kv_cache {

/// Records, an index by id, and a binary heap of those that may be evicted. All throw `damaged`.
/// *Not thread-safe*: the pool's lock.
class sequence_table {
public:
  sequence_table(const tables& in, eviction_policy policy) noexcept : in_(in), policy_(policy) {}

  /// The record of a sequence; `none` if there is none.
  [[nodiscard]] std::uint32_t find(std::int64_t id) const;
  /// A record that is not live yet. @pre there is one
  [[nodiscard]] std::uint32_t take();
  /// Enters a record that has its id, and makes it live.
  void insert(std::uint32_t at);
  /// Ends a live record; it is free then.
  void erase(std::uint32_t at);
  /// Puts a record that is not live into the list of free ones.
  void free(std::uint32_t at);
  /// Enters a live record into the index: for whoever builds it anew.
  void enter(std::uint32_t at);

  /// The sequence that makes room first; `none` if there is none.
  [[nodiscard]] std::uint32_t first_victim() const;
  void push(std::uint32_t at);
  void remove(std::uint32_t at);
  /// Its stamps or its count have changed. Nothing if it is not in the heap.
  void moved(std::uint32_t at);
  /// Whether `left` makes room before `right`.
  [[nodiscard]] bool before(const sequence_record& left,
                            const sequence_record& right) const noexcept;

private:
  void place(std::uint32_t heap_at, std::uint32_t at);
  void sift_up(std::uint32_t heap_at);
  void sift_down(std::uint32_t heap_at);
  [[nodiscard]] bool before_at(std::uint32_t left, std::uint32_t right) const;

  const tables& in_;
  eviction_policy policy_;
};

} // namespace cortex::kv_cache
