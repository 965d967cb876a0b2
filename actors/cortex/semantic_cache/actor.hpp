/// The actor behind a cache: owns the entries, answers from memory, writes through its database.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/database.hpp"
#include "cortex/detail/since_read.hpp"
#include "cortex/runtime.hpp"
#include "cortex/semantic_cache.hpp"
#include "cortex/semantic_cache/entry_table.hpp"
#include "cortex/semantic_cache/rows.hpp"
#include "cortex/semantic_cache/single_flight.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace cortex::semantic_cache {

/// To itself: a put could not be written, so memory knows rows that the file does not.
struct write_failed {
  using reply = void;
};
/// To itself: accesses could not be written; they are kept for the next time.
struct accesses_unwritten {
  using reply = void;
  access_log log;
  cortex::detail::since_read<entry_table>::ticket noted;
};
/// To itself: what the file says now.
struct reloaded {
  using reply = void;
  std::uint64_t reading = 0; ///< See `since_read::begin`.
  expected<file_content> content;
};

using own_protocol = cortex::protocol<get, put, stats, flush, claim, settle, explain, invalidate,
                                      list, write_failed, accesses_unwritten, reloaded>;

/// What an actor is made from, also after a crash.
struct actor_parts {
  storage::database file;
  runtime rt; ///< Does not keep it running.
  put_rule bounds{};
  double threshold = 0.86;
  bool guard = false;
  storage::durability level = storage::durability::committed;
  bool write_at_once = false;
  std::int64_t flush_lookups = 1024;
  std::chrono::nanoseconds lead_limit = std::chrono::minutes{5};
};

/// *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  /// `foreign_changes`: of the file, that the content has.
  actor(actor_parts parts, file_content content, std::uint64_t foreign_changes);

  expected<found> operator()(const get& request);
  void operator()(const put& request, promise<stored> reply);
  statistics operator()(const stats& request);
  future<void> operator()(const flush& request);
  void operator()(const claim& request, promise<claimed> reply);
  void operator()(settle& request, promise<stored> reply);
  expected<explanation> operator()(const explain& request);
  void operator()(const invalidate& request, promise<invalidated> reply);
  expected<page> operator()(const list& request);
  void operator()(const write_failed& request);
  void operator()(const accesses_unwritten& request);
  void operator()(reloaded& request);

  void on_start(weak_handle<own_protocol> self);
  void on_tick();
  void on_stop();

private:
  [[nodiscard]] expected<found> look_up(const key& what, std::int64_t candidate_limit);
  void store(const put& request, promise<stored> reply);
  [[nodiscard]] near_rule near(std::int64_t candidate_limit) const noexcept {
    return {candidate_limit, parts_.threshold, parts_.guard};
  }
  future<void> write_behind();
  void write_behind_if_due();
  void reload();
  void take_in(file_content content);
  void take_in_lives(const file_content& content);
  [[nodiscard]] storage::write_options write_level() const noexcept;
  [[nodiscard]] std::int64_t now() const noexcept;

  actor_parts parts_;
  weak_handle<own_protocol> self_;
  entry_table table_;
  single_flight flights_;
  cortex::detail::since_read<entry_table> since_read_;
  own_tables tables_ = own_tables::none;
  std::uint64_t evictions_ = 0;
  std::uint64_t damaged_ = 0;
  std::uint64_t foreign_changes_; // of the file, that memory has followed
};

} // namespace cortex::semantic_cache
