/// The one timer of an indicator: sends the actor a message after a while.
#pragma once

#include "cortex/executor.hpp"
#include "cortex/progress_indicators/protocol.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace cortex::progress_indicators {

/// Set again by the actor only after its message has come. *Owned by one actor*; runs on the thread
/// of continuations.
class redraw_timer final : public timer, public std::enable_shared_from_this<redraw_timer> {
public:
  explicit redraw_timer(weak_handle<own_protocol> target)
    : timer(&redraw_timer::ring), target_(std::move(target)) {}

  /// False if there are no timers (any more).
  bool set(executor& where, std::chrono::nanoseconds pause) {
    self_ = shared_from_this();
    if (where.post_after(*this, pause))
      return true;
    self_.reset();
    return false;
  }
  void recall(executor& where) {
    if (where.recall(*this))
      self_.reset();
  }

private:
  static void ring(timer& set, errc why) noexcept {
    const auto mine = std::move(static_cast<redraw_timer&>(set).self_);
    if (why != errc::timeout)
      return;
    if (const auto actor = mine->target_.lock(); actor.valid())
      actor.tell(redraw{});
  }

  weak_handle<own_protocol> target_;
  std::shared_ptr<redraw_timer> self_; // while it is set
};

} // namespace cortex::progress_indicators
