/// What an actor, its handles and the runtime share about one actor.
#pragma once

#include "cortex/handle.hpp"
#include "cortex/metrics.hpp"
#include "cortex/options.hpp"
#include "cortex/runtime/gate.hpp"
#include "cortex/runtime/mailbox.hpp"
#include "cortex/runtime/object_host.hpp"

#include <caf/actor_control_block.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace cortex::detail {

/// *Thread-safe*, member by member as noted.
struct actor_record {
  actor_record(std::string actor_name, const actor_options& actor_options)
    : name(std::move(actor_name)), where("the handler of '" + name + "'"), options(actor_options) {}

  // Constant after construction.
  const std::string name;
  const std::string where;
  const actor_options options;
  const std::string_view* request_names = nullptr; // before it has a handle

  // Requests and orders, and the right to run the object. Owned by `launch` until the actor starts:
  // what `on_start` of the first object and those it told send waits so long.
  mailbox mail;
  mailbox_node tick{nullptr, mailbox_node::kind::tick};
  mailbox_node restart{nullptr, mailbox_node::kind::restart};
  mailbox_node finish{nullptr, mailbox_node::kind::finish};
  std::unique_ptr<object_host> host; // from the start to the end; mail's owner runs it

  // The door to CAF: whoever is inside may use `address`; the last one to leave after it shut
  // clears it.
  gate door;
  caf::strong_actor_ptr address;     // constant while it has started and somebody is inside
  std::atomic<bool> ending{false};   // `finish` was pushed: later requests are refused
  std::atomic<bool> finished{false}; // the hosted object is gone
  std::atomic<bool> released{false}; // `address` is cleared: the actor system may go
  // Used on a host's system only: the right to run the object is on its way, for whoever comes
  // first.
  std::atomic<bool> right_on_its_way{false};
  std::atomic<bool> cut_off{false}; // the runtime has ended without it: it handles nothing more

  // Counted by askers.
  alignas(64) std::atomic<std::uint64_t> posted{0};
  std::atomic<std::uint64_t> overloaded{0};

  // Counted by whoever runs the actor, one at a time.
  alignas(64) std::atomic<std::uint64_t> taken{0}; // requests that left the mailbox
  std::atomic<std::uint64_t> handled{0};
  std::atomic<std::uint64_t> lent{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> expired{0};
  std::atomic<std::uint64_t> restarts{0};
  std::atomic<cortex::actor_state> phase{cortex::actor_state::running};
  // When the oldest request was sent that is in the handler or waits, in ticks of the clock; 0 =
  // none, or none that was come to yet.
  std::atomic<monotonic_time::rep> oldest{0};
  std::atomic<std::int64_t> slowest_ns{0}; // a maximum of handler times that fades
  std::atomic<std::int64_t> typical_ns{0}; // a mean of handler times that fades
  latency_histogram latency;

  std::mutex why_mutex;
  std::string why; // guarded by why_mutex
};

} // namespace cortex::detail
