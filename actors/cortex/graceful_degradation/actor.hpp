/// The actor behind a manager: owns the stored answers and the state that depends on them.
#pragma once

#include "cortex/database.hpp"
#include "cortex/detail/since_read.hpp"
#include "cortex/graceful_degradation/protocol.hpp"
#include "cortex/graceful_degradation/response_table.hpp"
#include "cortex/runtime.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cortex::graceful_degradation {

/// What an actor is made from, also after a crash.
struct actor_parts {
  storage::database file;
  runtime rt; ///< Does not keep it running.
  std::size_t max_entries = 10'000;
  std::chrono::nanoseconds interval = std::chrono::seconds{60};
  std::function<void(const mode_change&)> on_mode_change{};
  storage::durability level = storage::durability::committed;
  bool write_at_once = false;
  std::int64_t flush_hits = 1024;
};

/// One actor for both, since the mode depends on whether the cache has entries, and a fallback
/// wants mode and entry of one moment, by one message. *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  /// `foreign_changes`: of the file, that the content has.
  actor(actor_parts parts, file_content content, std::uint64_t foreign_changes);

  expected<std::optional<record>> operator()(const get& request);
  void operator()(const put& request, promise<record> reply);
  expected<std::vector<record>> operator()(const similar& request);
  void operator()(const clear_old& request, promise<cleared> reply);
  future<void> operator()(const flush& request);
  manager_status operator()(const status& request);
  void operator()(const force& request);
  void operator()(const reset& request);
  expected<permit> operator()(const admit& request);
  void operator()(const report& request);
  expected<recalled> operator()(const recall& request);
  void operator()(const note_check& request);
  statistics operator()(const count& request);
  void operator()(const write_failed& request);
  void operator()(const accesses_unwritten& request);
  void operator()(reloaded& request);
  void operator()(const told& request);

  void on_start(weak_handle<own_protocol> self);
  void on_tick();
  void on_stop();

private:
  [[nodiscard]] expected<std::optional<record>> look_up(const query& what);
  void store(const query& what, const std::string& response, promise<record> reply);
  void remember(const query& what, const std::string& response);
  future<void> write_behind();
  void reload();
  void take_in(file_content content);
  void note_mode(mode before);
  void tell_changes();
  [[nodiscard]] bool cached() const noexcept { return table_.size() != 0; }
  [[nodiscard]] storage::write_options write_level() const noexcept;
  [[nodiscard]] micros now() const noexcept;
  [[nodiscard]] std::int64_t now_seconds() const noexcept;

  actor_parts parts_;
  weak_handle<own_protocol> self_;
  response_table table_;
  fallback_state state_;
  std::vector<mode_change> untold_;
  std::uint64_t mode_changes_ = 0;
  bool telling_ = false;
  cortex::detail::since_read<response_table> since_read_;
  std::uint64_t evictions_ = 0;
  std::uint64_t damaged_ = 0;
  std::uint64_t foreign_changes_; // of the file, that memory has followed
};

} // namespace cortex::graceful_degradation
