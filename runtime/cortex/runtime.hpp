/// The runtime: opens, hosts actors, stops in order.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/executor.hpp"
#include "cortex/expected.hpp"
#include "cortex/handle.hpp"
#include "cortex/metrics.hpp"
#include "cortex/options.hpp"
#include "cortex/report.hpp"
#include "cortex/task.hpp"

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortex {

namespace detail {

/// What the runtime must know about a hosted class.
struct blueprint {
  std::function<std::shared_ptr<void>()> make;
  const thunk* table = nullptr;
  const std::string_view* names = nullptr; ///< Of the requests, by their place in the protocol.
  void (*on_start)(void* object, std::weak_ptr<actor_link> self) = nullptr;
  void (*on_tick)(void* object) = nullptr;
  void (*on_stop)(void* object) = nullptr;
};

class runtime_core;
class slow_request_sink;

} // namespace detail

/// Something with a life of its own (a database) that a runtime stops after its actors.
/// *Thread-safe*.
class service {
public:
  service() = default;
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  virtual ~service() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Refuses new work, finishes what it has, closes. Called once. False if time ran out.
  virtual bool stop(monotonic_time until) noexcept = 0;
  /// On a deterministic runtime: does one piece of waiting work. False if there is none.
  virtual bool run_one() noexcept { return false; }
  /// What it says of itself, on any thread, until it is detached; without a kind it has nothing to
  /// say (any more) and is left out. Must not block for long.
  [[nodiscard]] virtual service_report describe() const { return {}; }
};

/// Hosts actors and the services under them. A cheap reference to one runtime; copies share it; the
/// last one stops it. *Thread-safe*.
class runtime {
public:
  /// Starts a runtime. Threads start with the first actor.
  /// Errors: `invalid_argument` naming every bad option.
  [[nodiscard]] static expected<runtime> open(runtime_options options = {});

  /// Hosts an object of class `T`: `make()` gives a `T` or a `std::unique_ptr<T>`, again after a
  /// crash.
  ///
  /// `T` names its requests in `T::protocol` and has a call operator for each, which returns the
  /// reply, an `expected` or a `future` of it, or takes a `promise` as second parameter and hands
  /// the obligation on. Optional members: `on_start(weak_handle<protocol>)`, called with a
  /// reference to itself before the first request, for whose messages the mailbox has no bound;
  /// `on_tick()`, see `actor_options::tick`; `on_stop()`, called before the object ends in order.
  /// `make` may block; on a restart it runs where the handler threw. Handlers run one at a time, on
  /// no particular thread; they must not block: blocking operations of this library are refused
  /// with `would_deadlock`.
  ///
  /// The actor ends when the last handle is gone, or with the runtime. A new one of its name waits
  /// for that end, within `runtime_options::stop_deadline`. A thread that runs an actor does not
  /// wait, since it may be the old one: in a handler, a factory that runs again, the destructor of
  /// an object or an inline continuation, the name of an ending actor is `already_exists` at once.
  /// Errors: `invalid_argument` for the name (1 to 64 of `A-Z a-z 0-9 _ - .`) or the options;
  /// `already_exists` if an actor of that name lives; `closed`; `internal` if `make` throws.
  template <class T, class Make>
    requires(
      std::convertible_to<std::invoke_result_t<Make&>,
                          std::unique_ptr<T>> || std::same_as<std::invoke_result_t<Make&>, T>)
  [[nodiscard]] expected<handle<typename T::protocol>> spawn(std::string name, Make make,
                                                             actor_options options = {}) {
    detail::blueprint plan;
    plan.make = [make = std::move(make)]() mutable -> std::shared_ptr<void> {
      if constexpr (std::same_as<std::invoke_result_t<Make&>, T>) {
        return std::shared_ptr<T>{new T(make())};
      } else {
        std::unique_ptr<T> object = make();
        return std::shared_ptr<T>{std::move(object)};
      }
    };
    plan.table = detail::thunks<T, typename T::protocol>::table.data();
    plan.names = detail::request_names<typename T::protocol>::table.data();
    using own_handle = weak_handle<typename T::protocol>;
    if constexpr (requires(T & object, own_handle self) { object.on_start(self); })
      plan.on_start = [](void* object, std::weak_ptr<detail::actor_link> self) {
        static_cast<T*>(object)->on_start(own_handle{std::move(self)});
      };
    if constexpr (requires(T & object) { object.on_tick(); })
      plan.on_tick = [](void* object) { static_cast<T*>(object)->on_tick(); };
    if constexpr (requires(T & object) { object.on_stop(); })
      plan.on_stop = [](void* object) { static_cast<T*>(object)->on_stop(); };
    auto link = launch(std::move(name), std::move(plan), options);
    if (!link)
      return unexpected{std::move(link).error()};
    return handle<typename T::protocol>{*std::move(link)};
  }

  /// Refuses new requests, lets the actors finish what waits in their mailboxes, then stops the
  /// services, then the threads. Later calls return at once.
  /// Errors: `timeout` naming what was still alive at the deadline (it is cut off: once the handler
  /// in which it hangs returns, what waits behind it is answered `unavailable`); `would_deadlock`
  /// inside a handler.
  expected<void> stop(std::chrono::nanoseconds within);
  /// The same within `runtime_options::stop_deadline`.
  expected<void> stop();

  /// A reference that does not keep the runtime running: for what the runtime itself owns, such as
  /// factories of actors.
  [[nodiscard]] runtime unowned() const;

  /// Where continuations of this runtime's futures run.
  [[nodiscard]] executor& continuations() const noexcept;
  [[nodiscard]] const wall_clock& wall() const noexcept;
  [[nodiscard]] const monotonic_clock& monotonic() const noexcept;
  [[nodiscard]] const runtime_options& options() const noexcept;
  /// Hands a line to the log sink, if there is one.
  void log(severity level, std::string_view component, std::string_view text) const noexcept;

  /// Every actor that was not stopped, by name.
  [[nodiscard]] std::vector<actor_metrics> metrics() const;
  /// All that the runtime knows about itself now: its actors, what its services say, the slow
  /// requests. From any thread, while everything goes on; for people and monitors, not for a hot
  /// path.
  [[nodiscard]] runtime_report report() const;

  /// Starts a coroutine; see `cortex::start`.
  template <class T>
  [[nodiscard]] future<T> start(task<T> body) {
    return cortex::start(std::move(body), continuations());
  }

  /// Deterministic runtimes: runs what is due, one piece at a time, until nothing is. Returns how
  /// many pieces ran. @pre called on the thread that opened the runtime
  std::size_t run_until_idle();
  /// Deterministic runtimes: moves the runtime's timers (ticks, back-off, `future::within`) and
  /// runs what is due.
  void advance(std::chrono::nanoseconds by);

  /// For components: adds a service to stop after the actors, last added first.
  /// Errors: `closed`.
  [[nodiscard]] expected<void> attach(std::shared_ptr<service> what);
  /// For components: forgets a service that has stopped by itself.
  void detach(const service& what) noexcept;
  /// For components: where slow requests go; null if nobody asked for them.
  [[nodiscard]] const std::shared_ptr<detail::slow_request_sink>& slow_requests() const noexcept;
  /// For components: false once `stop` has begun.
  [[nodiscard]] bool accepting() const noexcept;

private:
  friend class detail::runtime_core;
  explicit runtime(std::shared_ptr<detail::runtime_core> core) noexcept : core_(std::move(core)) {}
  [[nodiscard]] expected<std::shared_ptr<detail::actor_link>>
  launch(std::string name, detail::blueprint plan, const actor_options& options);

  std::shared_ptr<detail::runtime_core> core_;
};

} // namespace cortex
