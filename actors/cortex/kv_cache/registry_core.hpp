/// What the registry does with shared memory, on the thread of its caller.
#pragma once

#include "cortex/kv_cache/actor.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cortex::kv_cache::detail {

/// What `registry` objects share. *Thread-safe*.
class registry_core {
public:
  registry_core(cortex::handle<own_protocol> actor, storage::database file, const options& how,
                const wall_clock& wall, std::uint64_t id, std::vector<std::string> told)
    : actor_(std::move(actor)),
      database_(std::move(file)),
      how_(how),
      wall_(&wall),
      id_(id),
      notices_(std::move(told)) {}

  // As the functions of the same names of `registry`.
  [[nodiscard]] expected<pool_row> create(const configuration& what,
                                          const create_options& how) const;
  expected<void> destroy(const std::string& name) const;
  [[nodiscard]] expected<pool> attach(const std::string& name) const;
  expected<void> flush() const;
  [[nodiscard]] const std::vector<std::string>& notices() const noexcept { return notices_; }
  [[nodiscard]] const storage::database& database() const noexcept { return database_; }

private:
  [[nodiscard]] expected<void> check_room(std::int64_t size_bytes) const;
  [[nodiscard]] expected<void> clear_way(const std::string& segment, bool row, bool force) const;
  [[nodiscard]] expected<saved> swap_in(const std::shared_ptr<const segment>& made,
                                        const configuration& what) const;

  cortex::handle<own_protocol> actor_;
  storage::database database_;
  options how_;
  const wall_clock* wall_;
  std::uint64_t id_;
  std::vector<std::string> notices_;
};

/// A number for a file of pools, by which it knows its segments. Random for `":memory:"`.
[[nodiscard]] std::uint64_t registry_id(const std::string& path);

/// Frees the segments that this registry made and that no row names: a process was killed while it
/// made or destroyed them. Returns their names. Leaves alone what a living process makes just now.
[[nodiscard]] std::vector<std::string> sweep(const std::string& directory, std::uint64_t registry,
                                             const file_content& rows);

/// Whether a segment without a row was made by this registry, its maker is dead and nobody works
/// with it.
[[nodiscard]] bool is_leftover(const std::string& directory, const std::string& name,
                               std::uint64_t registry);

} // namespace cortex::kv_cache::detail
