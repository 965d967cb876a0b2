/// The actor behind the profiles: answers from memory, writes through its database.
#pragma once

#include "cortex/accelerator_limits.hpp"
#include "cortex/accelerator_limits/profile_table.hpp"
#include "cortex/accelerator_limits/rows.hpp"
#include "cortex/detail/since_read.hpp"
#include "cortex/runtime.hpp"

#include <cstdint>
#include <string>

namespace cortex::accelerator_limits {

/// To itself: a change could not be written, so memory knows what the file does not.
struct write_failed {
  using reply = void;
};
/// To itself: what the file says now.
struct reloaded {
  using reply = void;
  std::uint64_t reading = 0; ///< See `since_read::begin`.
  expected<file_content> content;
};

using own_protocol
  = cortex::protocol<create, get, list, update, remove, get_environment, write_failed, reloaded>;

/// What an actor is made from, also after a crash.
struct actor_parts {
  storage::database file;
  runtime rt; ///< Does not keep it running.
  storage::durability level = storage::durability::synced;
};

/// *Owned by one actor*.
class actor {
public:
  using protocol = own_protocol;

  /// `foreign_changes`: of the file, that the content has.
  actor(actor_parts parts, file_content content, std::uint64_t foreign_changes);

  void operator()(const create& request, promise<saved> reply);
  expected<profile> operator()(const get& request);
  listing operator()(const list& request);
  void operator()(const update& request, promise<saved> reply);
  void operator()(const remove& request, promise<saved> reply);
  expected<environment> operator()(const get_environment& request);
  void operator()(const write_failed& request);
  void operator()(reloaded& request);

  void on_start(weak_handle<own_protocol> self);
  void on_tick();

private:
  template <class Write>
  void write(Write what, bool replaced, promise<saved> reply);
  void reload();

  actor_parts parts_;
  weak_handle<own_protocol> self_;
  profile_table profiles_;
  detail::since_read<profile_table> since_read_;
  std::uint64_t foreign_changes_; // of the file, that memory has followed
};

} // namespace cortex::accelerator_limits
