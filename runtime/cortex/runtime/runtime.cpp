#include "cortex/runtime.hpp"

#include "cortex/fork_guard.hpp"
#include "cortex/runtime/core.hpp"

namespace cortex {

expected<runtime> runtime::open(runtime_options options) {
  if (auto valid = validate(options); !valid)
    return unexpected{std::move(valid).error()};
  return detail::runtime_core::share(
    std::make_shared<detail::runtime_core>(std::move(options), nullptr));
}

runtime runtime::unowned() const {
  return runtime{core_->shared_from_this()};
}

expected<std::shared_ptr<detail::actor_link>>
runtime::launch(std::string name, detail::blueprint plan, const actor_options& options) {
  return core_->launch(std::move(name), std::move(plan), options);
}

expected<void> runtime::stop(std::chrono::nanoseconds within) {
  return core_->stop(within);
}

expected<void> runtime::stop() {
  return core_->stop(core_->options.stop_deadline);
}

executor& runtime::continuations() const noexcept {
  return core_->continuations();
}

const wall_clock& runtime::wall() const noexcept {
  return core_->wall;
}

const monotonic_clock& runtime::monotonic() const noexcept {
  return core_->monotonic;
}

const runtime_options& runtime::options() const noexcept {
  return core_->options;
}

void runtime::log(severity level, std::string_view component,
                  std::string_view text) const noexcept {
  core_->log(level, component, text);
}

std::vector<actor_metrics> runtime::metrics() const {
  return core_->metrics();
}

runtime_report runtime::report() const {
  return core_->report();
}

const std::shared_ptr<detail::slow_request_sink>& runtime::slow_requests() const noexcept {
  return core_->slow_requests();
}

std::size_t runtime::run_until_idle() {
  return core_->run_until_idle();
}

void runtime::advance(std::chrono::nanoseconds by) {
  core_->advance(by);
}

expected<void> runtime::attach(std::shared_ptr<service> what) {
  return core_->attach(std::move(what));
}

void runtime::detach(const service& what) noexcept {
  core_->detach(what);
}

bool runtime::accepting() const noexcept {
  return core_->accepting();
}

} // namespace cortex
