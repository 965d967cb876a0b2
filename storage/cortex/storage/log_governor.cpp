#include "cortex/storage/log_governor.hpp"

#include <algorithm>

namespace cortex::storage::detail {

void log_governor::note_log(std::uint64_t pages, monotonic_time now) noexcept {
  if (pages >= budget_ && pages_ < budget_)
    over_since_ = now;
  pages_ = pages;
}

pin_step log_governor::step(std::size_t place, std::uint64_t number, monotonic_time since,
                            std::chrono::nanoseconds pin_for, monotonic_time now) noexcept {
  if (!over_budget() || number == 0)
    return pin_step::none;
  const auto pinned_for = now - std::max(since, over_since_);
  const auto allowed = pin_for.count() != 0 ? pin_for : options_.interrupt_after;
  if (allowed != std::chrono::nanoseconds::max() && pinned_for >= allowed)
    return pin_step::interrupt;
  if (pinned_for < options_.warn_after || named_[place] == number)
    return pin_step::none;
  named_[place] = number;
  return pin_step::name;
}

std::chrono::nanoseconds log_governor::delay(monotonic_time now) const noexcept {
  const bool interrupts = options_.interrupt_after != std::chrono::nanoseconds::max();
  const auto grace = interrupts ? options_.interrupt_after : options_.warn_after;
  if (!over_budget() || now - over_since_ < grace)
    return std::chrono::nanoseconds{0};
  const double excess = static_cast<double>(pages_ - budget_) / static_cast<double>(pages_);
  return std::chrono::nanoseconds{
    static_cast<std::int64_t>(static_cast<double>(options_.longest_delay.count()) * excess)};
}

} // namespace cortex::storage::detail
