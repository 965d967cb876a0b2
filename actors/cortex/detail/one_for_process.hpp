/// One thing for the whole process, opened by the first use.
#pragma once

#include "cortex/executor.hpp"
#include "cortex/expected.hpp"
#include "cortex/published.hpp"
#include "cortex/reply_slot.hpp"
#include "cortex/runtime.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace cortex::detail {

/// Holds a `Thing` that `open` makes on a runtime of its own when it is first asked for; whoever
/// asks meanwhile waits. It may be replaced, and shut down and made again. An object of static
/// storage. *Thread-safe*.
template <class Thing>
class one_for_process {
public:
  using opener = expected<Thing> (*)(const runtime& on);

  /// `name`: for errors, `"the indicator of the process"`. @pre it lives as long as this
  one_for_process(const char* name, opener open) noexcept : name_(name), open_(open) {}
  one_for_process(const one_for_process&) = delete;
  one_for_process& operator=(const one_for_process&) = delete;
  ~one_for_process() = default;

  /// Errors: `would_deadlock` in a handler, if it is not open; `closed` if it is shut down
  /// meanwhile; those of `open`.
  expected<Thing> get() {
    const auto held = current_.get()->held;
    if (const auto* there = held->there())
      return *there;
    if (auto refused = blocking_refused((std::string{"opening "} + name_).c_str()))
      return unexpected{*std::move(refused)};
    return held->get(*this);
  }
  /// Errors: those of the end of the one before.
  expected<void> replace(const Thing& with) {
    return put_in_place(std::make_shared<instance>(with));
  }
  expected<void> shut_down() { return put_in_place(std::make_shared<instance>()); }

private:
  class instance {
  public:
    instance() = default;
    explicit instance(const Thing& given) : state_(state::open), thing_(given) {}

    [[nodiscard]] const Thing* there() const noexcept {
      return state_.load() == state::open ? &*thing_ : nullptr;
    }

    expected<Thing> get(one_for_process& owner) {
      for (;;) {
        auto seen = state::none;
        if (state_.compare_exchange_strong(seen, state::opening))
          return open_one(owner);
        if (seen == state::open)
          return *thing_;
        if (seen == state::closed)
          return fail(errc::closed, std::string{owner.name_} + " was shut down meanwhile");
        state_.wait(state::opening);
      }
    }

    expected<void> shut_down() {
      for (auto seen = state_.load();;) {
        if (seen == state::opening)
          state_.wait(state::opening);
        else if (state_.compare_exchange_strong(seen, state::closed))
          return seen == state::open && runtime_ ? runtime_->stop() : expected<void>{};
        seen = state_.load();
      }
    }

  private:
    enum class state : std::uint32_t { none, opening, open, closed };

    /// Alone in the state `opening`; the rest is read in the state `open` only.
    expected<Thing> open_one(one_for_process& owner) {
      auto opened = expected<Thing>{fail(errc::unavailable)};
      if (auto rt = runtime::open(); !rt)
        opened = unexpected{std::move(rt).error()};
      else if (opened = owner.open_(*rt); opened)
        runtime_.emplace(*std::move(rt));
      if (opened) {
        thing_.emplace(*opened);
        static_cast<void>(inline_executor()); // made now if it was not yet
        static const end_of_process last{owner};
      }
      state_.store(opened ? state::open : state::none); // the next one tries again
      state_.notify_all();
      return opened;
    }

    std::atomic<state> state_{state::none};
    std::optional<runtime> runtime_; // empty if the thing was given
    std::optional<Thing> thing_;
  };
  struct slot {
    std::shared_ptr<instance> held = std::make_shared<instance>();
  };
  /// Made after the first thing was opened, so it ends before whatever the runtime keeps in objects
  /// of static storage, and ends the thing while they are there.
  struct end_of_process {
    one_for_process& of;
    ~end_of_process() { static_cast<void>(of.shut_down()); }
  };

  expected<void> put_in_place(std::shared_ptr<instance> next) {
    const auto before = current_.publish(std::make_shared<const slot>(slot{std::move(next)}));
    return before->held->shut_down();
  }

  const char* name_;
  opener open_;
  published<slot> current_;
};

} // namespace cortex::detail
