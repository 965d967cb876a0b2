#include "cortex/storage/interruption.hpp"

#include <sched.h>

#include <utility>

namespace cortex::storage::detail {

// Others change the reason of any phase, and the phase of one that is outside only.
void interruption::change(phase from, phase to) noexcept {
  for (auto word = word_.load(std::memory_order_acquire);;) {
    if (phase_of(word) == phase::held_off) {
      sched_yield();
      word = word_.load(std::memory_order_acquire);
    } else if (phase_of(word) != from
               || word_.compare_exchange_weak(word, with(word, to), std::memory_order_acq_rel)) {
      return;
    }
  }
}

void interruption::begin(use_limits limits) noexcept {
  limits_ = std::move(limits);
  seen_ = stop_reason::none;
  depth_ = 0;
  const auto number = number_of(word_.load(std::memory_order_relaxed)) + 1;
  word_.store(with(number << both_bits, phase::outside), std::memory_order_release);
}

void interruption::go_on(use_limits limits) noexcept {
  limits_ = std::move(limits);
  if (seen_ != stop_reason::pinned)
    seen_ = stop_reason::none;
}

void interruption::end() noexcept {
  change(phase::inside, phase::outside); // what an exception has left
  change(phase::outside, phase::unused);
  depth_ = 0;
  const auto number = number_of(word_.load(std::memory_order_relaxed));
  word_.store(number << both_bits, std::memory_order_release);
  limits_ = {};
  seen_ = stop_reason::none;
}

bool interruption::enter() noexcept {
  if (depth_ == 0)
    change(phase::outside, phase::inside);
  const bool in = !stops();
  if (in)
    ++depth_;
  else if (depth_ == 0)
    change(phase::inside, phase::outside);
  return in;
}

void interruption::leave() noexcept {
  if (--depth_ == 0)
    change(phase::inside, phase::outside);
}

bool interruption::stops() noexcept {
  if (seen_ != stop_reason::none)
    return true;
  seen_ = reason_of(word_.load(std::memory_order_relaxed));
  if (seen_ != stop_reason::none)
    return true;
  if ((limits_.slot != nullptr && limits_.slot->asked_to_stop()) || limits_.stop.stop_requested())
    seen_ = stop_reason::cancelled;
  else if (limits_.until != monotonic_time::max() && limits_.clock->now() >= limits_.until)
    seen_ = stop_reason::timeout;
  return seen_ != stop_reason::none;
}

std::optional<error> interruption::told() const {
  switch (seen_) {
    case stop_reason::none: break;
    case stop_reason::cancelled:
      return error{errc::cancelled, "its asker withdrew it while it ran"};
    case stop_reason::timeout:
      return error{errc::timeout, "its time was up while it ran", stage::execute};
    case stop_reason::pinned:
      return error{errc::timeout,
                   "it kept the log from being emptied for too long; what is read after it sees a "
                   "newer state",
                   stage::reader};
  }
  return std::nullopt;
}

std::uint64_t interruption::number() const noexcept {
  const auto word = word_.load(std::memory_order_acquire);
  return phase_of(word) == phase::unused ? 0 : number_of(word);
}

bool interruption::request(std::uint64_t number, stop_reason why) noexcept {
  auto word = word_.load(std::memory_order_acquire);
  while (number_of(word) == number && phase_of(word) != phase::unused
         && reason_of(word) == stop_reason::none)
    if (word_.compare_exchange_weak(word, word | (static_cast<std::uint64_t>(why) << phase_bits),
                                    std::memory_order_acq_rel))
      return true;
  return false;
}

} // namespace cortex::storage::detail
