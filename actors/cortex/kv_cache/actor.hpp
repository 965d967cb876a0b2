/// The actor behind pools: owns their rows, answers from memory, writes through its database.
#pragma once

#include "cortex/kv_cache.hpp"
#include "cortex/kv_cache/locked.hpp"
#include "cortex/kv_cache/pool_table.hpp"
#include "cortex/kv_cache/segment.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cortex::kv_cache {

/// A pool that is about to be made or destroyed.
struct reservation {
  std::shared_ptr<const void> claim; ///< Nobody else changes the pool while it exists.
  bool has_row = false;
  std::optional<std::string> segment{}; ///< As the row says.
  std::int64_t hits = 0;                ///< Counted so far.
  std::int64_t misses = 0;
};
/// Errors: `in_use` if somebody has reserved it.
struct reserve {
  using reply = reservation;
  std::string name;
};
/// Stores the row of a pool with a segment, whose sequences are written from now on.
struct record {
  using reply = saved;
  configuration config;
  std::shared_ptr<const segment> memory;
};
/// Removes all rows of a pool. The reply comes after COMMIT.
struct forget {
  using reply = void;
  std::string name;
};
/// A pool with a segment.
struct tracked_pool {
  std::string name;
  std::shared_ptr<const segment> memory;
};
struct tracked {
  using reply = std::vector<tracked_pool>;
};
/// Writes what a pool holds. The reply comes after COMMIT.
struct write_snapshot {
  using reply = void;
  tracked_pool which;
  pool_snapshot content;
};
/// To itself: rows could not be written, so memory knows what the file does not. It goes back, and
/// only then is whoever asked for them told.
struct write_failed {
  using reply = void;
  std::function<void()> answer{};
};
/// To itself: what the file says now.
struct reloaded {
  using reply = void;
  std::uint64_t reading = 0; ///< See `unique_number`.
  expected<file_content> content;
};

using own_protocol = cortex::protocol<get, list, save, reserve, record, forget, tracked,
                                      write_snapshot, write_failed, reloaded>;

/// What an actor is made from, also after a crash.
struct actor_parts {
  storage::database file;
  runtime rt; ///< Does not keep it running.
  std::string directory;
  storage::durability level = storage::durability::committed;
  bool read_only = false; ///< Then it owns nothing and answers from the file.
};

/// *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  /// `foreign_changes`: of the file, that the content has.
  actor(actor_parts parts, file_content content, std::uint64_t foreign_changes);

  void operator()(const get& request, promise<std::optional<pool_row>> reply);
  void operator()(const list& request, promise<std::vector<configuration>> reply);
  void operator()(const save& request, promise<saved> reply);
  expected<reservation> operator()(const reserve& request);
  void operator()(const record& request, promise<saved> reply);
  void operator()(const forget& request, promise<void> reply);
  std::vector<tracked_pool> operator()(const tracked& request);
  future<void> operator()(const write_snapshot& request);
  void operator()(write_failed& request);
  void operator()(reloaded& request);

  void on_start(weak_handle<own_protocol> self);
  void on_tick();
  void on_stop();

private:
  struct tracking {
    std::shared_ptr<const segment> memory;
    entry_mirror mirror;
    std::uint64_t changes = 0; ///< Of the segment, that are written.
    bool written = false;      ///< Ever.
  };

  void store(const configuration& config, const std::string& segment, bool fresh,
             promise<saved> reply);
  void write_behind();
  future<void> write(const std::string& name, tracking& of, pool_snapshot content);
  void track_all();
  void reload();
  [[nodiscard]] storage::write_options write_level() const noexcept;

  actor_parts parts_;
  weak_handle<own_protocol> self_;
  pool_table table_;
  std::unordered_map<std::string, tracking> tracked_;
  std::unordered_map<std::string, std::weak_ptr<const void>> reserved_;
  std::uint64_t reading_ = 0;      // that is under way; 0 = none
  std::uint64_t changes_read_ = 0; // those that it will have
  bool stale_ = false;             // the file could not be read again; the next tick tries
  std::vector<std::function<void()>> refusals_; // that wait for memory to be as the file
  std::uint64_t changes_ = 0;                   // of rows, whether written or not
  std::uint64_t foreign_changes_;               // of the file, that memory has followed
};

} // namespace cortex::kv_cache
