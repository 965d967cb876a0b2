// What is displayed: names, icons, steps, contexts.
#include "cortex/progress_indicators.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace cortex::progress_indicators {
namespace {

struct type_row {
  std::string_view name;
  std::string_view icon;
};

constexpr std::array<type_row, 11> types{{{"install", "📦"},
                                          {"remove", "🗑️"},
                                          {"update", "🔄"},
                                          {"download", "⬇️"},
                                          {"configure", "⚙️"},
                                          {"verify", "✅"},
                                          {"analyze", "🔍"},
                                          {"llm_query", "🧠"},
                                          {"dependency_resolve", "🔗"},
                                          {"rollback", "⏪"},
                                          {"generic", "▶️"}}};

const type_row& row_of(operation_type value) noexcept {
  return types[std::min(static_cast<std::size_t>(value), types.size() - 1)];
}

std::string variable(const char* name) {
  const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value != nullptr ? value : "";
}

} // namespace

std::string_view to_string(operation_type value) noexcept {
  return row_of(value).name;
}

std::string_view icon(operation_type value) noexcept {
  return row_of(value).icon;
}

operation_type operation_type_of(std::string_view name) noexcept {
  const auto at = std::ranges::find(types, name, &type_row::name);
  return at == types.end() ? operation_type::generic
                           : static_cast<operation_type>(at - types.begin());
}

std::string_view to_string(step_status value) noexcept {
  switch (value) {
    case step_status::pending: return "pending";
    case step_status::running: return "running";
    case step_status::completed: return "completed";
    case step_status::failed: return "failed";
    case step_status::skipped: break;
  }
  return "skipped";
}

std::string_view color(step_status value) noexcept {
  switch (value) {
    case step_status::pending: return "dim";
    case step_status::running: return "yellow";
    case step_status::completed: return "green";
    case step_status::failed: return "red";
    case step_status::skipped: break;
  }
  return "dim cyan";
}

std::string_view to_string(status value) noexcept {
  switch (value) {
    case status::idle: return "idle";
    case status::running: return "running";
    case status::completed: return "completed";
    case status::failed: return "failed";
    case status::cancelled: break;
  }
  return "cancelled";
}

std::string_view to_string(display_kind value) noexcept {
  switch (value) {
    case display_kind::spinner: return "spinner";
    case display_kind::operation: return "operation";
    case display_kind::bar: return "bar";
    case display_kind::download: return "download";
    case display_kind::steps: break;
  }
  return "steps";
}

std::optional<double> step::duration_seconds(monotonic_time now) const noexcept {
  if (!start_time)
    return std::nullopt;
  return std::chrono::duration<double>(end_time.value_or(now) - *start_time).count();
}

std::size_t context::completed_steps() const noexcept {
  return static_cast<std::size_t>(std::ranges::count(steps, step_status::completed, &step::status));
}

double context::overall_progress() const noexcept {
  return steps.empty()
           ? 0.0
           : static_cast<double>(completed_steps()) / static_cast<double>(total_steps());
}

environment environment::of_process() {
  return {variable("NO_COLOR"), variable("TERM"),     variable("CI"),
          variable("LC_ALL"),   variable("LC_CTYPE"), variable("LANG")};
}

} // namespace cortex::progress_indicators
