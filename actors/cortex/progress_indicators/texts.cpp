#include "cortex/progress_indicators/texts.hpp"

#include <algorithm>

namespace cortex::progress_indicators {
namespace {

constexpr double bytes_per_mb = 1024.0 * 1024.0;

double per_second(double amount, double seconds) noexcept {
  return seconds > 0 ? amount / seconds : 0.0;
}

} // namespace

std::string marked(const look& how, level of, std::string_view text) {
  if (of == level::plain)
    return std::string{text};
  return tinted(how, tint_of(of), mark(how, of)).append(" ").append(text);
}

std::string bar_line(const look& how, std::string_view description, std::uint64_t done,
                     std::uint64_t total) {
  std::string out{description};
  if (total == 0)
    return out + ": " + std::to_string(done);
  constexpr std::size_t cells = 20;
  // In this order of operations, as rounding decides where a block begins.
  const double filled = static_cast<double>(done) / static_cast<double>(total) * 100 / 5;
  const auto full = filled >= static_cast<double>(cells) ? cells : static_cast<std::size_t>(filled);
  return out + ": [" + blocks(how, full, cells) + "] " + std::to_string(done) + '/'
         + std::to_string(total);
}

std::string download_line(std::string_view description, std::uint64_t bytes, std::uint64_t total,
                          double seconds) {
  const auto speed = fixed(per_second(static_cast<double>(bytes) / 1024.0, seconds), 1) + " KB/s";
  std::string out{description};
  if (total == 0)
    return out + ": " + std::to_string(bytes) + " bytes (" + speed + ')';
  const double percent
    = std::min(100.0, static_cast<double>(bytes) / static_cast<double>(total) * 100);
  return out + ": " + fixed(percent, 1) + "% (" + speed + ')';
}

std::string downloaded_text(std::uint64_t bytes, std::uint64_t total, double seconds) {
  const auto amount = static_cast<double>(total == 0 ? bytes : total);
  return "Downloaded " + fixed(amount / bytes_per_mb, 1) + " MB in " + fixed(seconds, 1) + "s ("
         + fixed(per_second(amount, seconds) / bytes_per_mb, 1) + " MB/s)";
}

std::string step_line(const look& how, const step& which, std::string_view reason,
                      monotonic_time now) {
  const auto sign = [&] {
    return which.status == step_status::running
             ? tinted(how, tint::cyan, arrow(how))
             : tinted(how, tint_of(which.status), mark(how, which.status));
  };
  const auto begin = "  " + sign() + ' ' + which.name;
  switch (which.status) {
    case step_status::running: return begin + "...";
    case step_status::completed:
      return begin + " (" + fixed(which.duration_seconds(now).value_or(0.0), 1) + "s)";
    case step_status::failed: return begin + ": " + std::string{reason};
    case step_status::skipped: return begin + " (skipped: " + std::string{reason} + ')';
    case step_status::pending: break;
  }
  return {};
}

std::string steps_text(const context& all) {
  const auto failed = std::ranges::count(all.steps, step_status::failed, &step::status);
  auto out = "Completed " + std::to_string(all.completed_steps()) + '/'
             + std::to_string(all.total_steps()) + " steps";
  if (failed > 0)
    out += " (" + std::to_string(failed) + " failed)";
  return out;
}

double fraction_of(std::uint64_t done, std::uint64_t total) noexcept {
  return total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
}

double seconds_between(monotonic_time from, monotonic_time to) noexcept {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

} // namespace cortex::progress_indicators
