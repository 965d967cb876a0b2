/// Typed handles: how any thread talks to an actor, checked at compile time.
///
/// A request is a plain struct that names its reply: `struct lookup { using reply = address; … };`
/// An actor is a plain class that names its `protocol` and has one call operator for each request.
#pragma once

#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/reply_slot.hpp"

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cortex {

/// A request type: a struct that names what it is answered with; `using reply = void;` is allowed.
template <class R>
concept request = std::move_constructible<R> && requires {
  typename R::reply;
};

/// The set of requests that an actor answers.
template <request... Requests>
struct protocol {
  template <class R>
  static constexpr bool has = (std::same_as<R, Requests> || ...);
  /// The request's place in the list, from 0.
  template <class R>
    requires has<R>
  static constexpr std::uint32_t index = [] {
    std::uint32_t at = 0;
    std::uint32_t i = 0;
    ((std::same_as<R, Requests> ? at = i : 0U, ++i), ...);
    return at;
  }();
};

namespace detail {

/// One request and the slot of its reply: one object, one allocation.
template <class R>
class envelope final : public reply_slot<typename R::reply> {
public:
  explicit envelope(R&& request) : content(std::move(request)) {}
  R content;
};

/// How a request is handed over.
enum class delivery : std::uint8_t {
  call, ///< The sender will block and lends its thread to an idle actor.
  park, ///< The sender will block and lends nothing.
  send, ///< The sender goes on.
};

/// The runtime's end of a handle. *Thread-safe*.
class actor_link {
public:
  actor_link() = default;
  actor_link(const actor_link&) = delete;
  actor_link& operator=(const actor_link&) = delete;
  virtual ~actor_link() = default;

  /// Takes over one reference to the envelope; answers it on every path, maybe before it returns.
  virtual void post(slot_base& envelope, delivery how) noexcept = 0;
  [[nodiscard]] virtual std::chrono::nanoseconds default_deadline() const noexcept = 0;
  [[nodiscard]] virtual monotonic_time now() const noexcept = 0;
  [[nodiscard]] virtual executor& continuations() const noexcept = 0;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

/// Calls the operator of a hosted object that answers one kind of request.
using thunk = void (*)(void* object, slot_base& envelope);

template <class T, class R>
void call_operator(void* object, slot_base& untyped) {
  using reply = typename R::reply;
  auto& self = *static_cast<T*>(object);
  auto& sealed = static_cast<envelope<R>&>(untyped);
  if constexpr (std::invocable<T&, R&, promise<reply>>) {
    handler_scope handler{sealed};
    self(sealed.content, promise<reply>{slot_ptr<reply_slot<reply>>::share(sealed)});
    handler.returned();
  } else {
    using result = std::invoke_result_t<T&, R&>;
    if constexpr (is_future<result>) {
      forward(self(sealed.content), slot_ptr<reply_slot<reply>>::share(sealed));
    } else if constexpr (std::is_void_v<result>) {
      self(sealed.content);
      sealed.complete(expected<void>{});
    } else {
      sealed.complete(expected<reply>{self(sealed.content)});
    }
  }
}

/// True if the requests of `Narrow` come first in `Wide`, in the same order.
template <class Narrow, class Wide>
inline constexpr bool is_prefix = false;
template <class... Rs>
inline constexpr bool is_prefix<protocol<>, protocol<Rs...>> = true;
template <class First, class... Ns, class... Ws>
inline constexpr bool is_prefix<protocol<First, Ns...>, protocol<First, Ws...>> = is_prefix<
  protocol<Ns...>, protocol<Ws...>>;

template <class T, class Protocol>
struct thunks;
template <class T, class... Rs>
struct thunks<T, protocol<Rs...>> {
  static constexpr std::array<thunk, sizeof...(Rs)> table{&call_operator<T, Rs>...};
};

/// The name of a type without its namespaces: what a compiler says of this very function.
template <class T>
constexpr std::string_view type_name() noexcept {
  std::string_view name = __PRETTY_FUNCTION__; // `… [T = a::b]`, `… [with T = a::b; …]`
  name.remove_prefix(name.find("T = ") + 4);
  name = name.substr(0, name.find_first_of(";]"));
  if (const auto plain = name.substr(0, name.find('<')).rfind("::"); plain != name.npos)
    name.remove_prefix(plain + 2);
  return name;
}

template <class Protocol>
struct request_names;
template <class... Rs>
struct request_names<protocol<Rs...>> {
  static constexpr std::array<std::string_view, sizeof...(Rs)> table{type_name<Rs>()...};
};

} // namespace detail

/// Names an actor for its whole life, restarts included. Copyable, *Thread-safe*.
///
/// Deadlines count from the call; without one the actor's default applies. When time runs out, the
/// error is `timeout` and says at which stage; a request that had not begun never will.
///
/// Errors of every request beside the handler's own: `timeout`, `overloaded` (the actor's bound is
/// reached), `unavailable` (dead, failed, or restarted while it held the request), `closed` (the
/// runtime stops), `internal` (the handler threw), `forked`.
template <class Protocol>
class handle {
public:
  using protocol_type = Protocol;

  /// An empty handle; only assignment, destruction and `valid` are allowed.
  handle() noexcept = default;
  explicit handle(std::shared_ptr<detail::actor_link> link) noexcept : link_(std::move(link)) {}
  /// A handle that shows the first requests of a longer protocol: what is for others, without what
  /// the actor keeps for itself.
  template <class Wide>
    requires(detail::is_prefix<Protocol, Wide> && !std::same_as<Protocol, Wide>)
  handle(const handle<Wide>& wide)
  noexcept // NOLINT(google-explicit-constructor): same actor
    : link_(wide.link_) {}

  [[nodiscard]] bool valid() const noexcept { return link_ != nullptr; }
  /// The name the actor was spawned with.
  [[nodiscard]] std::string_view name() const noexcept { return link_->name(); }

  /// Blocks for the answer. If the actor is idle, the calling thread runs it: so handlers must not
  /// take a lock that callers may hold. Errors also: `would_deadlock` inside a handler.
  template <request R>
    requires(Protocol::template has<R>)
  expected<typename R::reply> call(R request)
  const { return block(std::move(request), link_->default_deadline(), detail::delivery::call); }
  template <request R>
    requires(Protocol::template has<R>)
  expected<typename R::reply> call(R request, std::chrono::nanoseconds within)
  const { return block(std::move(request), within, detail::delivery::call); }

  /// The same without lending the thread: for callers that hold a lock.
  template <request R>
    requires(Protocol::template has<R>)
  expected<typename R::reply> call_parked(R request)
  const { return block(std::move(request), link_->default_deadline(), detail::delivery::park); }

  /// Sends a request; the answer arrives in the future.
  template <request R>
    requires(Protocol::template has<R>)
  future<typename R::reply> ask(R request)
  const { return ask(std::move(request), link_->default_deadline()); }
  template <request R>
    requires(Protocol::template has<R>)
  future<typename R::reply> ask(R request, std::chrono::nanoseconds within)
  const {
    auto* sealed = seal(std::move(request), within);
    sealed->ref(); // one for the asker, one for the message
    link_->post(*sealed, detail::delivery::send);
    using slot = detail::reply_slot<typename R::reply>;
    return detail::make_future<typename R::reply>(detail::slot_ptr<slot>{sealed});
  }

  /// Sends a request whose answer nobody wants, errors included.
  template <request R>
    requires(Protocol::template has<R>)
  void tell(R request) const {
    link_->post(*seal(std::move(request), std::chrono::nanoseconds::max()), detail::delivery::send);
  }

private:
  template <class R>
  detail::envelope<R>* seal(R&& request, std::chrono::nanoseconds within) const {
    auto* sealed = new detail::envelope<R>(std::move(request));
    sealed->index = Protocol::template index<R>;
    sealed->home = &link_->continuations();
    sealed->enqueued = link_->now();
    sealed->deadline = deadline_after(sealed->enqueued, within);
    return sealed;
  }

  template <class R>
  expected<typename R::reply> block(R&& request, std::chrono::nanoseconds within,
                                    detail::delivery how) const {
    if (auto refused = detail::blocking_refused("a call"))
      return unexpected{*std::move(refused)};
    auto sealed = detail::slot_ptr<detail::envelope<R>>{seal(std::move(request), within)};
    sealed->ref();
    link_->post(*sealed, how);
    if (auto arrived = detail::await_slot(*sealed); !arrived)
      return unexpected{std::move(arrived).error()};
    return sealed->take();
  }

  template <class Other>
  friend class handle;

  std::shared_ptr<detail::actor_link> link_;
};

/// Names an actor without keeping it alive: what an actor holds of itself, to send itself a request
/// from a continuation. Copyable, *Thread-safe*.
template <class Protocol>
class weak_handle {
public:
  weak_handle() noexcept = default;
  explicit weak_handle(std::weak_ptr<detail::actor_link> link) noexcept : link_(std::move(link)) {}
  /// A handle, or an invalid one if the last has gone.
  [[nodiscard]] handle<Protocol> lock() const noexcept { return handle<Protocol>{link_.lock()}; }

private:
  std::weak_ptr<detail::actor_link> link_;
};

} // namespace cortex
