/// What can be done with a pool: allocate, append, fork, evict, pin, copy on write.
#pragma once

#include "cortex/kv_cache/block_list.hpp"
#include "cortex/kv_cache/sequence_table.hpp"
#include "cortex/kv_cache/tables.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cortex::kv_cache {

/// Names a pin: its record, and which of the pins that had the record it is.
struct pin_name {
  std::uint32_t at = none;
  std::uint64_t serial = 0;
};

/// What a new sequence is to be.
struct sequence_plan {
  std::int64_t id = 0;
  std::uint64_t bytes = 0;
  std::int64_t tokens = 0;
  std::span<const block_hash> prefix{};
};

/// What came of it.
struct made_sequence {
  std::uint64_t offset = 0;
  std::uint32_t shared_blocks = 0;
  std::vector<std::int64_t> evicted{};
};

/// Works on the books of a pool and knows no lock, clock or process. Every operation throws
/// `damaged` when the books make no sense. If it is cut off at any point, `rebuild` brings the
/// books back to before or after it. *Not thread-safe*: the pool's lock.
class block_pool {
public:
  using alive = std::function<bool(const process_identity&)>;

  /// `is_alive` is asked about other processes when there is no room. @pre `in` outlives this
  block_pool(const tables& in, eviction_policy policy, alive is_alive)
    : in_(in), blocks_(in), sequences_(in, policy), is_alive_(std::move(is_alive)) {}

  // Errors: as the functions of the same names of `pool`. `now` in seconds since 1970.
  [[nodiscard]] expected<made_sequence> allocate(const sequence_plan& plan, double now);
  [[nodiscard]] expected<std::vector<std::int64_t>> append(std::int64_t id, std::uint64_t bytes,
                                                           std::int64_t tokens, double now);
  [[nodiscard]] expected<void> fork(std::int64_t from, std::int64_t to, double now);
  [[nodiscard]] expected<void> release(std::int64_t id);
  [[nodiscard]] std::optional<sequence> lookup(std::int64_t id, double now);
  [[nodiscard]] std::vector<sequence> sequences() const;
  [[nodiscard]] expected<std::vector<std::uint32_t>> blocks_of(std::int64_t id) const;
  [[nodiscard]] expected<void> write(std::int64_t id, std::uint64_t offset,
                                     std::span<const std::byte> bytes, double now);
  [[nodiscard]] expected<void> read(std::int64_t id, std::uint64_t offset,
                                    std::span<std::byte> bytes) const;
  /// The block at a place of a sequence, which no other has.
  [[nodiscard]] expected<std::uint32_t> own_block(std::int64_t id, std::uint32_t position,
                                                  double now);
  [[nodiscard]] expected<void> seal(std::int64_t id, std::uint32_t first,
                                    std::span<const block_hash> hashes);

  [[nodiscard]] expected<pin_name> pin(std::int64_t id, std::uint32_t lease, double until,
                                       double now);
  /// Nothing if that pin has ended.
  void unpin(const pin_name& which);
  /// Ends pins past their time and of dead or abandoned leases, and these leases. Returns the pins.
  std::uint64_t reclaim(double now);
  /// A lease for a process. Errors: `overloaded`.
  [[nodiscard]] expected<std::uint32_t> take_lease(const process_identity& owner, double now);
  /// Ends a lease with its pins.
  void drop_lease(std::uint32_t at);

  [[nodiscard]] kv_cache::usage usage() const;
  [[nodiscard]] pool_statistics stats() const;

  /// Empty books. @pre the memory is all 0
  void format();
  /// Works out all that follows from the live records anew: for after a process died inside.
  void rebuild();
  /// What is wrong with the books, a line each; empty if nothing is.
  [[nodiscard]] std::vector<std::string> check() const;

private:
  struct need {
    std::uint64_t blocks = 0;
    std::uint64_t links = 0;
    std::uint64_t sequences = 0;
  };
  /// Counts a sequence as pinned for the length of an operation, so that it does not make room for
  /// itself. If this process dies meanwhile, the count is worked out anew.
  class hold {
  public:
    hold(block_pool& of, std::uint32_t at) : of_(of), at_(at) { of_.count_pin(at_); }
    hold(const hold&) = delete;
    hold& operator=(const hold&) = delete;
    ~hold() {
      try {
        of_.uncount_pin(at_);
      } catch (const std::exception&) { // whoever comes next will say so
      }
    }

  private:
    block_pool& of_;
    std::uint32_t at_;
  };

  [[nodiscard]] bool enough(const need& of) const;
  [[nodiscard]] bool possible(const need& of) const;
  [[nodiscard]] expected<void> make_room(const need& of, double now,
                                         std::vector<std::int64_t>& evicted);
  [[nodiscard]] expected<std::uint32_t> live_record(std::int64_t id) const;
  [[nodiscard]] std::vector<std::uint32_t> match(std::span<const block_hash> prefix);
  [[nodiscard]] std::vector<std::uint32_t> links_of(const sequence_record& of) const;
  [[nodiscard]] std::uint32_t take_link(std::uint32_t block);
  void free_link(std::uint32_t at);
  /// Links `blocks` behind each other; the last one's link comes second.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t>
  chain(std::span<const std::uint32_t> blocks);
  void insert(const sequence_plan& plan, std::span<const std::uint32_t> blocks, double now);
  void end(std::uint32_t at);
  void grow(std::uint32_t at, std::uint64_t bytes, std::int64_t tokens, std::uint64_t more,
            double now);
  void own(std::uint32_t link_at, bool pinned);
  void touch(std::uint32_t at, double now);
  void count_pin(std::uint32_t at);
  void uncount_pin(std::uint32_t at);
  void end_pin(std::uint32_t at);
  [[nodiscard]] bool lease_lives(std::uint32_t at) const;
  [[nodiscard]] expected<std::uint64_t> own_range(std::uint32_t at, std::uint64_t offset,
                                                  std::uint64_t bytes, double now);
  void forget_lists();
  [[nodiscard]] bool rebuild_sequence(std::uint32_t at, std::vector<bool>& linked);
  void rebuild_blocks();
  void rebuild_pins();

  const tables& in_;
  block_list blocks_;
  sequence_table sequences_;
  alive is_alive_;
};

} // namespace cortex::kv_cache
