#include "cortex/graceful_degradation/host_calls.hpp"

namespace cortex::graceful_degradation {

expected<std::shared_ptr<void>> host_calls::begin() {
  count_->threads.fetch_add(1);
  // From here on it is counted out when the last reference goes, whatever happens.
  std::shared_ptr<void> held{nullptr, [count = count_](void*) noexcept {
                               count->threads.fetch_sub(1);
                               cortex::detail::futex_wake_all(count->threads);
                             }};
  if (count_->closed.load())
    return fail(errc::closed, "no functions are called any more");
  return held;
}

bool host_calls::stop(monotonic_time until) noexcept {
  count_->closed.store(true);
  auto& threads = count_->threads;
  for (auto left = threads.load(); left != 0; left = threads.load())
    if (!cortex::detail::futex_wait(threads, left, until))
      return false;
  return true;
}

} // namespace cortex::graceful_degradation
