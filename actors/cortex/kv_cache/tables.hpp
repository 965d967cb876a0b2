/// The books of a pool as records, with every place checked before it is used.
#pragma once

#include "cortex/kv_cache/layout.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>

namespace cortex::kv_cache {

/// The books say what cannot be. Thrown and caught inside this subsystem only: it may come from
/// every single look into them.
class damaged : public std::exception {
public:
  explicit damaged(const char* what) noexcept : what_(what) {}
  [[nodiscard]] const char* what() const noexcept override { return what_; }

private:
  const char* what_;
};

/// Stores what makes a change valid: after everything that was written before, and before all that
/// is written later. Who finds the books after a process was killed sees its stores in this order.
inline void publish(std::uint32_t& to, std::uint32_t value) noexcept {
  __atomic_signal_fence(__ATOMIC_SEQ_CST); // a kill needs no more than the compiler's order
  __atomic_store_n(&to, value, __ATOMIC_RELEASE);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/// A view of mapped memory that others write to. A place is checked as a value of our own, so what
/// another process writes meanwhile changes nothing about it. *Not thread-safe*: the pool's lock.
class tables {
public:
  /// @pre `data` has `shape.segment_bytes()` bytes, `books` has `shape.books_bytes`, both aligned
  /// to 64; they outlive this.
  tables(const geometry& shape, std::span<std::byte> data, std::span<std::byte> books) noexcept
    : shape_(shape), data_(data), books_(books) {}

  [[nodiscard]] const geometry& shape() const noexcept { return shape_; }
  [[nodiscard]] segment_header& header() const noexcept {
    return *reinterpret_cast<segment_header*>(data_.data() + shape_.header_at);
  }
  [[nodiscard]] live_header& live() const noexcept { return header().live; }

  // Errors: all throw `damaged` for a place that is not there.
  [[nodiscard]] block_record& block(std::uint32_t at) const {
    return record<block_record>(shape_.blocks_at, at, shape_.blocks);
  }
  [[nodiscard]] sequence_record& sequence(std::uint32_t at) const {
    return record<sequence_record>(shape_.sequences_at, at, shape_.sequences);
  }
  [[nodiscard]] link_record& link(std::uint32_t at) const {
    return record<link_record>(shape_.links_at, at, shape_.links);
  }
  [[nodiscard]] pin_record& pin(std::uint32_t at) const {
    return record<pin_record>(shape_.pins_at, at, shape_.pins);
  }
  [[nodiscard]] std::uint32_t& heap(std::uint32_t at) const {
    return record<std::uint32_t>(shape_.heap_at, at, shape_.sequences);
  }
  [[nodiscard]] std::uint32_t& bucket_of(std::int64_t id) const {
    // Fibonacci hashing: ids often count up.
    const auto spread = static_cast<std::uint64_t>(id) * 0x9E37'79B9'7F4A'7C15U;
    return record<std::uint32_t>(shape_.sequence_buckets_at,
                                 static_cast<std::uint32_t>(spread >> 32U)
                                   & (shape_.sequence_buckets - 1),
                                 shape_.sequence_buckets);
  }
  [[nodiscard]] std::uint32_t& bucket_of(const block_hash& hash) const {
    std::uint32_t spread = 0; // any four bytes of a digest
    std::memcpy(&spread, hash.data(), sizeof spread);
    return record<std::uint32_t>(shape_.block_buckets_at, spread & (shape_.block_buckets - 1),
                                 shape_.block_buckets);
  }
  /// Empties both indexes.
  void clear_buckets() const noexcept {
    const auto clear = [this](std::uint64_t begin, std::uint64_t count) {
      std::memset(books_.data() + begin, 0xFF, count * sizeof(std::uint32_t)); // `none`
    };
    clear(shape_.sequence_buckets_at, shape_.sequence_buckets);
    clear(shape_.block_buckets_at, shape_.block_buckets);
  }
  [[nodiscard]] lease_record& lease(std::uint32_t at) const {
    if (at >= max_leases)
      throw damaged{"a lease that is not there"};
    return live().leases[at];
  }
  [[nodiscard]] std::span<std::byte> bytes_of(std::uint32_t at) const {
    if (at >= shape_.blocks)
      throw damaged{"a block that is not there"};
    return data_.subspan(at * shape_.block_bytes, shape_.block_bytes);
  }
  [[nodiscard]] std::span<std::byte> data() const noexcept {
    return data_.first(shape_.size_bytes);
  }

private:
  template <class T>
  [[nodiscard]] T& record(std::uint64_t begin, std::uint32_t at, std::uint32_t count) const {
    if (at >= count)
      throw damaged{"a record that is not there"};
    return *reinterpret_cast<T*>(books_.data() + begin + at * sizeof(T));
  }

  geometry shape_;
  std::span<std::byte> data_;
  std::span<std::byte> books_;
};

} // namespace cortex::kv_cache
