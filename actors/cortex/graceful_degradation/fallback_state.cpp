#include "cortex/graceful_degradation/fallback_state.hpp"

#include <algorithm>

namespace cortex::graceful_degradation {
namespace {

using graceful_degradation::mode;

constexpr std::int64_t failures_until_patterns = 3;

expected<void> check_names(const std::vector<std::string>& names) {
  if (names.size() > max_providers_per_call)
    return fail(errc::invalid_argument, "more than 16 providers");
  for (const auto& name : names)
    if (name.empty() || name.size() > max_provider_name_bytes)
      return fail(errc::invalid_argument, "a provider's name has 1 to 64 bytes");
  for (auto at = names.begin(); at != names.end(); ++at)
    if (std::find(names.begin(), at, *at) != at)
      return fail(errc::invalid_argument, "two providers are named '" + *at + "'");
  return {};
}

} // namespace

expected<permit> fallback_state::admit(const std::vector<std::string>& names, monotonic_time now) {
  if (auto good = check_names(names); !good)
    return unexpected{std::move(good).error()};
  const auto unknown = std::count_if(
    names.begin(), names.end(), [this](const auto& name) { return !circuits_.contains(name); });
  if (circuits_.size() + static_cast<std::size_t>(unknown) > max_known_providers)
    return fail(errc::invalid_argument, "more than 64 providers are known");

  permit given{mode_, {}, times_forced_};
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& one = circuits_[names[i]];
    if (!admits(one, now))
      continue;
    given.ask.push_back(i);
    if (mode_ != mode::full_ai || one.failures > 0)
      one.half_open_until = deadline_after(now, interval_);
  }
  return given;
}

bool fallback_state::admits(const line& one, monotonic_time now) const noexcept {
  if (forced_)
    return mode_ == mode::full_ai;
  const bool half_open = one.half_open_until && now < *one.half_open_until;
  const auto quiet = [&](monotonic_time since) { return now - since >= interval_; };
  // The mode can be another one than `full_ai` only after failures: of checks, or of all providers.
  return !half_open && (mode_ == mode::full_ai || quiet(failed_at_))
         && (one.failures == 0 || quiet(one.failed_at));
}

void fallback_state::report(const outcome& how, bool cached, monotonic_time now) {
  for (const auto& name : how.permitted)
    if (const auto found = circuits_.find(name); found != circuits_.end())
      found->second.half_open_until.reset();
  for (const auto& [name, why] : how.failed) {
    auto& one = circuits_[name];
    ++one.failures;
    one.failed_at = now;
    one.last_error = why;
  }
  if (how.answered) {
    circuits_[*how.answered] = {};
    failures_ = 0;
    if (!forced_)
      apply_rule(cached);
    return;
  }
  if (how.failed.empty())
    return;
  ++failures_;
  failed_at_ = now;
  if (!forced_ || how.forced == times_forced_) // not by what was asked before the mode was forced
    apply_rule(cached);
}

void fallback_state::checked(const health& found, bool cached, monotonic_time now) {
  api_status_ = found.status;
  last_check_ = found.checked_at;
  if (found.status == api_status::unavailable) {
    ++failures_;
    failed_at_ = now;
  } else {
    failures_ = 0;
    for (auto& [name, one] : circuits_)
      one = {};
  }
  apply_rule(cached);
}

void fallback_state::force(graceful_degradation::mode to) noexcept {
  mode_ = to;
  forced_ = true;
  ++times_forced_;
}

void fallback_state::reset() noexcept {
  mode_ = mode::full_ai;
  forced_ = false;
  failures_ = 0;
  api_status_ = api_status::unknown;
  last_check_.reset();
  circuits_.clear();
}

void fallback_state::apply_rule(bool cached) noexcept {
  forced_ = false;
  if (failures_ == 0)
    mode_ = mode::full_ai;
  else
    mode_ = failures_ >= failures_until_patterns && !cached ? mode::pattern_matching
                                                            : mode::cached_only;
}

void fallback_state::describe(manager_status& out, monotonic_time now) const {
  out.mode = mode_;
  out.forced = forced_;
  out.api_status = api_status_;
  out.api_failures = failures_;
  out.last_check = last_check_;
  for (const auto& [name, one] : circuits_) {
    const bool half_open = one.half_open_until && now < *one.half_open_until;
    const auto state = half_open          ? circuit_state::half_open
                       : one.failures > 0 ? circuit_state::open
                                          : circuit_state::closed;
    out.circuits.push_back({name, state, one.failures, one.last_error});
  }
}

} // namespace cortex::graceful_degradation
