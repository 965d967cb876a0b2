/// For hosts with a CAF actor system of their own: a runtime on its threads, and addresses under
/// which its actors reach ours. The only header that names CAF; link `cortex::caf` to use it.
#pragma once

#include "cortex/handle.hpp"
#include "cortex/runtime.hpp"

#include <caf/actor.hpp>
#include <caf/error.hpp>
#include <caf/fwd.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace cortex {

/// Starts a runtime whose actors run on the workers and timers of `host`. Its configuration, its
/// scheduler and its logger stay as they are. `runtime_options::workers` must be 0: how many there
/// are is the host's business. `runtime_options::deterministic` goes with CAF's test scheduler.
///
/// Stop the runtime before the system ends, or let its last copy go; the handles may outlive both.
/// A system that ends first takes the actors along: its destructor waits until they have finished
/// what waits in their mailboxes, for at most `runtime_options::stop_deadline`, and until no lent
/// thread is inside of the system; from then on every request is `closed`. It does not wait for
/// `stop`: databases and continuations go on until that is called.
///
/// `stop` runs what is left on the calling thread, so it may be called by an actor of the host too.
/// Errors: `invalid_argument` naming every bad option; `closed` if the system is ending.
[[nodiscard]] expected<runtime> open_on(caf::actor_system& host, runtime_options options = {});

/// An error as CAF actors get it: category `cortex`, the code of the `errc`. It keeps all its
/// parts.
[[nodiscard]] caf::error to_caf(const error& problem);
/// The error that `to_caf` was given; empty for any other.
[[nodiscard]] std::optional<error> from_caf(const caf::error& problem);

namespace detail {

class gateway_door;

/// Whoever has asked through a gateway. *Not thread-safe*; may be moved to any thread.
class gateway_asker {
public:
  gateway_asker(caf::mailbox_element& request, std::shared_ptr<gateway_door> door);
  gateway_asker(gateway_asker&&) noexcept = default;
  gateway_asker& operator=(gateway_asker&&) = delete;
  ~gateway_asker() = default;

  [[nodiscard]] bool wants_answer() const noexcept { return to_ != nullptr; }
  /// Sends the answer as a message, unless the actor system has ended.
  void deliver(caf::message answer) noexcept;

private:
  caf::strong_actor_ptr to_; // null: nobody wants an answer
  caf::message_id id_;
  caf::mailbox_element::forwarding_stack next_;
  std::shared_ptr<gateway_door> door_;
};

/// Forwards a request that it knows. False if it does not; then the asker is still the caller's.
using gateway_forward = std::function<bool(caf::type_erased_tuple& content, gateway_asker& from)>;

[[nodiscard]] expected<caf::actor> make_gateway(caf::actor_system& system, gateway_forward forward);

template <class R, class Protocol>
bool forward_as(const handle<Protocol>& to, caf::type_erased_tuple& content, gateway_asker& from) {
  if (!content.match_elements<R>())
    return false;
  auto request = content.move_if_unshared<R>(0);
  if (!from.wants_answer()) {
    to.tell(std::move(request));
    return true;
  }
  using reply = typename R::reply;
  static_cast<void>(
    to.ask(std::move(request))
      .then(inline_executor(), [from = std::move(from)](expected<reply> answer) mutable {
        if (!answer)
          from.deliver(caf::make_message(to_caf(answer.error())));
        else if constexpr (std::is_void_v<reply>)
          from.deliver(caf::message{});
        else
          from.deliver(caf::make_message(*std::move(answer)));
      }));
  return true;
}

} // namespace detail

/// A CAF address for an actor of ours. A CAF actor sends it the requests of the protocol as it
/// sends messages to any other: `self->request(gateway, timeout, lookup{…}).then(…)`. The answer
/// comes as the response: the value, nothing for `void`, or the error of `to_caf`. Nothing blocks,
/// and no thread but the asker's own touches the asker. What is sent without a wish for a response
/// is a `tell`. `delegate` works, too.
///
/// Requests and replies have to be message types of CAF that can be copied; at namespace scope,
/// `CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)` makes one of any type; a handle of the first requests of a
/// protocol needs it for those alone. The actor's default deadline
/// applies beside the asker's timeout. The gateway is no scheduled actor: a message to it is a
/// request in the actor's own mailbox. It ignores exit messages, holds the handle for as long as
/// somebody holds its address, and monitoring it tells nothing about the actor. `system` need not
/// be the one that the runtime is on; once it ends, answers to actors of it are dropped.
///
/// Errors: `closed` if the system is ending. Of a message: CAF's `unexpected_message` for what is
/// not in the protocol.
template <request... Requests>
[[nodiscard]] expected<caf::actor> gateway(caf::actor_system& system,
                                           handle<protocol<Requests...>> to) {
  return detail::make_gateway(
    system, [to = std::move(to)](caf::type_erased_tuple& content, detail::gateway_asker& from) {
      return (detail::forward_as<Requests>(to, content, from) || ...);
    });
}

} // namespace cortex
