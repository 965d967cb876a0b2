#include "cortex/progress_indicators/estimator.hpp"

#include <algorithm>
#include <cmath>

namespace cortex::progress_indicators {
namespace {

constexpr double smoothing_seconds = 10;
constexpr double known_after_seconds = 0.25; // less than that is one sample's chance
constexpr double correction = 0.25;          // a second, of what is shown
constexpr double least_base_seconds = 4;

} // namespace

void estimator::sample(monotonic_time now, std::uint64_t done, std::uint64_t total) noexcept {
  const double passed = std::chrono::duration<double>(now - last_).count();
  if (done < done_) { // begun anew
    *this = estimator{now};
    done_ = done;
    return;
  }
  if (passed > 0) {
    const double keep = std::exp(-passed / smoothing_seconds);
    const double rate = static_cast<double>(done - done_) / passed;
    weighted_ = weighted_ * keep + rate * (1 - keep);
    weight_ = weight_ * keep + (1 - keep);
    last_ = now;
    done_ = done;
  }
  if (total == 0) {
    shown_.reset();
    return;
  }
  if (done >= total) {
    shown_ = 0;
    return;
  }
  const double now_rate = this->rate();
  if (now_rate <= 0)
    return;
  const double estimate = static_cast<double>(total - done) / now_rate;
  if (!shown_) {
    if (weight_ >= 1 - std::exp(-known_after_seconds / smoothing_seconds))
      shown_ = estimate;
    return;
  }
  const double counted = std::max(0.0, *shown_ - std::max(0.0, passed));
  const double step = std::max(0.0, passed) * correction * std::max(counted, least_base_seconds);
  shown_ = std::max(0.0, counted + std::clamp(estimate - counted, -step, step));
}

double estimator::rate() const noexcept {
  return weight_ > 0 ? weighted_ / weight_ : 0.0;
}

} // namespace cortex::progress_indicators
