/// The actor behind a memory: owns what is known of the entries, reads and writes through its
/// database.
#pragma once

#include "cortex/context_memory.hpp"
#include "cortex/context_memory/document.hpp"
#include "cortex/context_memory/entry_table.hpp"
#include "cortex/context_memory/rows.hpp"
#include "cortex/context_memory/suggestions.hpp"
#include "cortex/database.hpp"
#include "cortex/runtime.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cortex::context_memory {

/// Names a record or a removal between its start and its end, see `unique_number`.
using ticket = std::uint64_t;

/// To itself: an entry is in the file.
struct stored {
  using reply = void;
  ticket of = 0;
  std::int64_t id = 0;
  std::shared_ptr<const new_entry> row;
};
/// To itself: an entry could not be written.
struct not_stored {
  using reply = void;
  ticket of = 0;
};
/// To itself: a document is in the file.
struct merged_in {
  using reply = void;
  std::shared_ptr<const document> from;
  std::vector<std::pair<std::int64_t, std::size_t>> entries;
};
/// To itself: what suggestions are drawn from.
struct gathered {
  using reply = void;
  expected<material> found;
  std::string context;
  promise<std::vector<suggestion>> answer;
};
/// To itself: a removal has come to its end; if it failed, the entries are still in the file.
struct removal_ended {
  using reply = void;
  ticket of = 0;
  bool done = false;
};
/// To itself: what the file says now.
struct reloaded {
  using reply = void;
  std::uint64_t reading = 0; ///< See `unique_number`.
  expected<std::shared_ptr<entry_table>> content;
};

using own_protocol
  = cortex::protocol<record, similar, patterns, suggest, active_suggestions, dismiss,
                     set_preference, get_preference, statistics, forget, context_block, merge,
                     stored, not_stored, merged_in, gathered, removal_ended, reloaded>;

/// Counts texts that cannot be read and logs where they are. *Thread-safe*.
class damage_counter {
public:
  explicit damage_counter(runtime rt) : rt_(std::move(rt)) {}

  void note(std::string_view where) const {
    count_.fetch_add(1, std::memory_order_relaxed);
    rt_.log(severity::warning, "context_memory", "no JSON in " + std::string{where});
  }
  [[nodiscard]] std::uint64_t count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }

private:
  runtime rt_;
  mutable std::atomic<std::uint64_t> count_{0};
};

/// What an actor is made from, also after a crash.
struct actor_parts {
  storage::database file;
  runtime rt; ///< Does not keep it running.
  std::shared_ptr<const damage_counter> damage;
  bool redact = true;
  std::optional<std::chrono::seconds> max_age{};
  std::optional<std::int64_t> max_entries{};
  storage::durability level = storage::durability::committed;
};

/// *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  /// `foreign_changes`: of the file, that the content has.
  actor(actor_parts parts, std::shared_ptr<entry_table> entries, std::uint64_t foreign_changes);

  void operator()(record& request, promise<recorded> reply);
  future<std::vector<entry>> operator()(const similar& request);
  future<std::vector<pattern>> operator()(const patterns& request);
  void operator()(suggest& request, promise<std::vector<suggestion>> reply);
  future<std::vector<suggestion>> operator()(const active_suggestions& request);
  future<void> operator()(const dismiss& request);
  future<void> operator()(const set_preference& request);
  future<std::optional<json>> operator()(const get_preference& request);
  future<summary> operator()(const statistics& request);
  void operator()(const forget& request, promise<forgotten> reply);
  future<block> operator()(const context_block& request);
  void operator()(const merge& request, promise<imported> reply);
  void operator()(const stored& request);
  void operator()(const not_stored& request);
  void operator()(const merged_in& request);
  void operator()(gathered& request);
  void operator()(const removal_ended& request);
  void operator()(reloaded& request);

  void on_start(weak_handle<own_protocol> self);
  void on_tick();

private:
  /// An entry on its way into the file.
  struct under_way {
    std::shared_ptr<const new_entry> row;
    group_number group = 0;
  };
  /// What changed in memory while the file was read again.
  struct change {
    std::optional<facts> added{};
    std::shared_ptr<const std::vector<std::int64_t>> removed{};
  };

  [[nodiscard]] pattern_change count(const new_entry& row, group_number group) const;
  void add(facts what, bool announced);
  /// What is taken out of memory ahead of the file.
  struct removal {
    ticket of = 0;
    std::shared_ptr<const std::vector<std::int64_t>> ids{};
    std::vector<std::pair<std::string, std::string>> vanished{}; ///< See `entry_table::erase`.
  };
  removal remove(std::vector<std::int64_t> ids);
  [[nodiscard]] std::vector<std::int64_t> ids_of(const std::vector<slot>& entries) const;
  void apply_retention();
  void reload();
  [[nodiscard]] damage_sink damaged() const;
  [[nodiscard]] storage::write_options write_level() const noexcept;
  [[nodiscard]] wall_time now() const noexcept { return parts_.rt.wall().now(); }

  actor_parts parts_;
  weak_handle<own_protocol> self_;
  std::shared_ptr<entry_table> entries_; // not null
  std::unordered_map<ticket, under_way> under_way_;
  std::unordered_map<ticket, std::shared_ptr<const std::vector<std::int64_t>>> removals_;
  std::vector<change> changes_; // since it began
  std::uint64_t reading_ = 0;   // that is under way; 0 = none
  bool reload_again_ = false;
  std::uint64_t foreign_changes_; // of the file, that memory has followed
  wall_time retention_due_{};
};

} // namespace cortex::context_memory
