/// The two shared-memory segments of a pool: made, mapped, locked, removed.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/kv_cache/layout.hpp"
#include "cortex/kv_cache/tables.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cortex::kv_cache {

/// An open file; closed at the end. Move-only.
class descriptor {
public:
  explicit descriptor(int number = -1) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor();
  [[nodiscard]] int get() const noexcept { return number_; }

private:
  int number_;
};

/// Mapped shared memory; unmapped at the end. Move-only.
class mapping {
public:
  mapping() noexcept = default;
  mapping(mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  mapping& operator=(mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;
  ~mapping();
  /// Errors: `no_space` (address space), `io`.
  [[nodiscard]] static expected<mapping> of(const descriptor& file, std::uint64_t bytes);
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

private:
  std::span<std::byte> bytes_;
};

/// `cortex_kv_` + the pool's name.
[[nodiscard]] std::string segment_name(std::string_view pool);
/// The name of the segment with the books of that segment. Errors: `invalid_argument` unless it is
/// a name of ours: `cortex_kv_…`, no slash, no NUL, at most 255 bytes in both.
[[nodiscard]] expected<std::string> books_name(const std::string& segment);

/// What a new pool is told.
struct segment_plan {
  std::string name;
  geometry shape;
  eviction_policy policy = eviction_policy::lru;
  std::int64_t max_sequences = 1000;
  std::uint64_t registry = 0;
  std::int64_t base_hits = 0;
  std::int64_t base_misses = 0;
};

/// A pool's segments in this address space. The lock and the header live in them. *Thread-safe* but
/// for `books`, which is used under the lock.
class segment {
public:
  /// Makes both segments without names: whatever happens before `publish_as`, nothing of them is
  /// left. All their space is reserved. Errors: `no_space`; `not_found` (directory); `permission`,
  /// `unsupported`, `io`.
  [[nodiscard]] static expected<segment> make(const std::string& directory,
                                              const segment_plan& plan);
  /// Maps what is there, after checking all that is fixed. Errors: as `pool::attach`.
  [[nodiscard]] static expected<segment> open(const std::string& directory,
                                              const std::string& name);

  /// Gives a made one its names. Errors: `already_exists`, `io`, …
  [[nodiscard]] expected<void> publish_as(const std::string& directory) const;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const fixed_header& fixed() const noexcept { return fixed_; }
  [[nodiscard]] eviction_policy policy() const noexcept {
    return static_cast<eviction_policy>(fixed_.policy);
  }
  [[nodiscard]] const tables& books() const noexcept { return *books_; }
  [[nodiscard]] std::span<std::byte> data() const noexcept { return books_->data(); }

  /// Tells all who have it mapped that it is no pool any more.
  void retire() const noexcept;
  [[nodiscard]] bool retired() const noexcept;
  /// Goes up with each change; may be read without the lock.
  [[nodiscard]] std::uint64_t changes() const noexcept;
  void count_change() const noexcept;

private:
  segment() = default;
  void set_up(const segment_plan& plan);

  std::string name_;
  fixed_header fixed_; // as it was checked
  descriptor data_file_;
  descriptor books_file_;
  mapping data_;
  mapping books_bytes_;
  std::unique_ptr<tables> books_;
};

/// Removes the names of a pool's segments; who has them mapped keeps the memory. Nothing if there
/// are none. Errors: `invalid_argument` (name), `permission`, `io`.
[[nodiscard]] expected<void> remove_segments(const std::string& directory, const std::string& name);
/// Errors: `invalid_argument` (name), `permission`, `io`.
[[nodiscard]] expected<void> rename_segments(const std::string& directory, const std::string& from,
                                             const std::string& to);
/// Whether there is anything of that name.
[[nodiscard]] bool segment_exists(const std::string& directory, const std::string& name);
/// Bytes that a new segment may have: free in the file system, and free memory where that is known.
/// Errors: `not_found` (directory), `io`.
[[nodiscard]] expected<std::uint64_t> available_bytes(const std::string& directory);

/// The lock of a pool, held while this lives. *Not thread-safe*.
class segment_lock {
public:
  /// Waits for `patience` at most; zero = not at all. If the last holder died inside, the lock is
  /// taken over, and the books are marked as dirty.
  /// Errors: `timeout`; `corrupt`: it cannot be taken any more.
  [[nodiscard]] static expected<segment_lock> acquire(const segment& of,
                                                      std::chrono::nanoseconds patience);
  segment_lock(segment_lock&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
  segment_lock& operator=(segment_lock&&) = delete;
  segment_lock(const segment_lock&) = delete;
  segment_lock& operator=(const segment_lock&) = delete;
  ~segment_lock();

private:
  explicit segment_lock(pthread_mutex_t* lock) noexcept : lock_(lock) {}

  pthread_mutex_t* lock_;
};

} // namespace cortex::kv_cache
