#include "cortex/detail/host_calls.hpp"

#include "cortex/doorbell.hpp"

namespace cortex::detail {
namespace {

/// What the references to attached calls share.
struct attachment {
  attachment(runtime host, std::shared_ptr<host_calls> made)
    : rt(std::move(host)), calls(std::move(made)) {}
  attachment(const attachment&) = delete;
  attachment& operator=(const attachment&) = delete;
  ~attachment() { rt.detach(*calls); }

  runtime rt; ///< Does not keep it running.
  std::shared_ptr<host_calls> calls;
};

} // namespace

expected<std::shared_ptr<host_calls>> host_calls::attach(const runtime& to, std::string name) {
  auto calls = std::make_shared<host_calls>(std::move(name), to.options().deterministic);
  auto host = to.unowned();
  if (auto attached = host.attach(calls); !attached)
    return unexpected{std::move(attached).error()};
  const auto shared = std::make_shared<attachment>(std::move(host), calls);
  return std::shared_ptr<host_calls>{shared, calls.get()};
}

expected<std::shared_ptr<void>> host_calls::begin() {
  count_->threads.fetch_add(1);
  // From here on it is counted out when the last reference goes, whatever happens.
  std::shared_ptr<void> held{nullptr, [count = count_](void*) noexcept {
                               count->threads.fetch_sub(1);
                               futex_wake_all(count->threads);
                             }};
  if (count_->closed.load())
    return fail(errc::closed, "no functions are called any more");
  return held;
}

bool host_calls::stop(monotonic_time until) noexcept {
  while (run_one()) {
  }
  count_->closed.store(true);
  stopping_.request_stop();
  auto& threads = count_->threads;
  for (auto left = threads.load(); left != 0; left = threads.load())
    if (!futex_wait(threads, left, until))
      return false;
  return true;
}

bool host_calls::run_one() noexcept {
  if (waiting_.empty())
    return false;
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next();
  return true;
}

} // namespace cortex::detail
