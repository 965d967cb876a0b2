#include "cortex/options.hpp"

#include <string>

namespace cortex {
namespace {

// Collects every complaint, so that one look at the error is enough.
class complaints {
public:
  void unless(bool good, std::string_view what) {
    if (good)
      return;
    if (!text_.empty())
      text_ += "; ";
    text_ += what;
  }
  [[nodiscard]] expected<void> verdict() && {
    if (text_.empty())
      return {};
    return fail(errc::invalid_argument, std::move(text_));
  }

private:
  std::string text_;
};

constexpr std::chrono::nanoseconds zero{0};

} // namespace

expected<void> validate(const runtime_options& options) {
  complaints found;
  found.unless(options.workers <= 256, "workers: at most 256");
  found.unless(options.default_deadline > zero, "default_deadline: more than 0");
  found.unless(options.stop_deadline > zero, "stop_deadline: more than 0");
  found.unless(options.slow_request >= zero, "slow_request: not negative");
  found.unless(options.slow_requests_kept >= 1 && options.slow_requests_kept <= 65'536,
               "slow_requests_kept: 1 to 65,536");
  return std::move(found).verdict();
}

expected<void> validate(const actor_options& options) {
  complaints found;
  found.unless(options.mailbox_bound >= 1, "mailbox_bound: at least 1");
  found.unless(options.default_deadline >= zero, "default_deadline: not negative");
  found.unless(options.tick >= zero, "tick: not negative");
  found.unless(options.restart.window > zero, "restart.window: more than 0");
  found.unless(options.restart.min_backoff > zero, "restart.min_backoff: more than 0");
  found.unless(options.restart.max_backoff >= options.restart.min_backoff,
               "restart.max_backoff: at least min_backoff");
  return std::move(found).verdict();
}

} // namespace cortex
