#include "cortex/caf.hpp"

#include "cortex/runtime/core.hpp"
#include "cortex/runtime/gate.hpp"
#include "cortex/runtime/left_behind.hpp"
#include "cortex/runtime/system_watch.hpp"

#include <caf/abstract_actor.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/atom.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/sec.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace cortex {

// -- a runtime on a host's system -----------------------------------------------------------------

namespace {

// All that is wrong, in one error, as `validate` does it.
expected<void> validate_hosted(caf::actor_system& host, const runtime_options& options) {
  std::string wrong;
  auto add = [&wrong](std::string what) { wrong += (wrong.empty() ? "" : "; ") + std::move(what); };
  if (auto valid = validate(options); !valid)
    add(valid.error().detail);
  if (options.workers != 0)
    add("workers must be 0: the actor system of the host has its own");
  const bool testing = dynamic_cast<caf::scheduler::test_coordinator*>(&host.scheduler())
                       != nullptr;
  if (options.deterministic && !testing)
    add("deterministic needs the host's scheduler to be CAF's test scheduler");
  if (testing && !options.deterministic)
    add("CAF's test scheduler needs the option deterministic");
  if (!wrong.empty())
    return fail(errc::invalid_argument, std::move(wrong));
  return {};
}

} // namespace

expected<runtime> open_on(caf::actor_system& host, runtime_options options) {
  if (auto valid = validate_hosted(host, options); !valid)
    return unexpected{std::move(valid).error()};
  auto core = std::make_shared<detail::runtime_core>(std::move(options), &host);
  const auto watched = core->watch_host();
  auto opened = detail::runtime_core::share(std::move(core)); // stops it in either case
  if (!watched)
    return unexpected{watched.error()};
  return opened;
}

// -- errors ---------------------------------------------------------------------------------------

namespace {

constexpr auto error_category = caf::atom("cortex");

} // namespace

caf::error to_caf(const error& problem) {
  return caf::error{static_cast<std::uint8_t>(problem.code), error_category,
                    caf::make_message(problem.detail, static_cast<std::uint8_t>(problem.where),
                                      std::int64_t{problem.retry_after.count()})};
}

std::optional<error> from_caf(const caf::error& problem) {
  if (!problem || problem.category() != error_category)
    return std::nullopt;
  error out;
  out.code = static_cast<errc>(problem.code());
  const auto& parts = problem.context();
  if (parts.match_elements<std::string, std::uint8_t, std::int64_t>()) {
    out.detail = parts.get_as<std::string>(0);
    out.where = static_cast<stage>(parts.get_as<std::uint8_t>(1));
    out.retry_after = decltype(out.retry_after){parts.get_as<std::int64_t>(2)};
  }
  return out;
}

// -- gateways -------------------------------------------------------------------------------------

namespace detail {

/// The way back into an actor system, shut when that ends. *Thread-safe*.
class gateway_door {
public:
  /// Null if the system is ending.
  static std::shared_ptr<gateway_door> open(caf::actor_system& system) {
    auto door = std::make_shared<gateway_door>();
    door->watch_ = system_watch::begin(system, [weak = std::weak_ptr{door}] {
      if (const auto self = weak.lock())
        self->shut();
    });
    return door->watch_ != nullptr ? door : nullptr;
  }

  /// False if the system has ended; then do not call `leave`.
  [[nodiscard]] bool enter() noexcept {
    bool last = false;
    const bool inside = gate_.enter(last);
    left(last);
    return inside;
  }
  void leave() noexcept { left(gate_.leave()); }

private:
  void shut() noexcept {
    if (gate_.shut())
      return;
    while (!empty_.load(std::memory_order_acquire))
      std::this_thread::yield(); // who is inside is a few steps from the end
  }

  void left(bool last) noexcept {
    if (last)
      empty_.store(true, std::memory_order_release);
  }

  gate gate_;
  std::atomic<bool> empty_{false}; // shut, and the last one has left
  std::shared_ptr<system_watch> watch_;
};

gateway_asker::gateway_asker(caf::mailbox_element& request, std::shared_ptr<gateway_door> door)
  : id_(request.mid.response_id()), door_(std::move(door)) {
  if (!request.mid.is_request())
    return;
  to_ = std::move(request.sender);
  if (!request.stages.empty()) { // of a chain: the answer is the next one's request
    id_ = request.mid;
    next_ = std::move(request.stages);
  }
}

namespace {

// Nothing of CAF works on a living actor whose system has gone, not even its end: it stays.
void let_go(caf::strong_actor_ptr who) noexcept {
  if (!who->get()->getf(caf::abstract_actor::is_cleaned_up_flag))
    leave_behind(who.release());
}

} // namespace

void gateway_asker::deliver(caf::message answer) noexcept {
  auto asker = std::exchange(to_, nullptr);
  auto next = std::exchange(next_, {});
  if (!door_->enter()) {
    let_go(std::move(asker));
    for (auto& each : next)
      let_go(std::move(each));
    return;
  }
  if (next.empty()) {
    asker->enqueue(caf::make_mailbox_element(nullptr, id_, {}, std::move(answer)), nullptr);
  } else {
    const auto following = std::move(next.back());
    next.pop_back();
    following->enqueue(
      caf::make_mailbox_element(std::move(asker), id_, std::move(next), std::move(answer)),
      nullptr);
  }
  asker = nullptr; // inside, for it may be the last reference
  door_->leave();
}

namespace {

class gateway_actor final : public caf::monitorable_actor {
public:
  gateway_actor(caf::actor_config& config, gateway_forward forward,
                std::shared_ptr<gateway_door> door)
    : caf::monitorable_actor(config), forward_(std::move(forward)), door_(std::move(door)) {}

  using caf::monitorable_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* /*where*/) override {
    gateway_asker from{*what, door_};
    if (!forward_(what->content(), from) && from.wants_answer())
      from.deliver(caf::make_message(caf::make_error(caf::sec::unexpected_message)));
  }
  const char* name() const override { return "cortex.gateway"; }

private:
  gateway_forward forward_;
  std::shared_ptr<gateway_door> door_;
};

} // namespace

expected<caf::actor> make_gateway(caf::actor_system& system, gateway_forward forward) {
  auto door = gateway_door::open(system);
  if (door == nullptr)
    return fail(errc::closed, "the actor system is ending");
  caf::actor_config config{system.dummy_execution_unit()};
  return caf::make_actor<gateway_actor, caf::actor>(system.next_actor_id(), system.node(), &system,
                                                    config, std::move(forward), std::move(door));
}

} // namespace detail
} // namespace cortex
