#include "cortex/semantic_cache/settings.hpp"

#include "cortex/text/python_float.hpp"
#include "cortex/text/python_number.hpp"

#include <cmath>

namespace cortex::semantic_cache {
namespace {

constexpr const char* max_entries_variable = "CORTEX_CACHE_MAX_ENTRIES";
constexpr const char* threshold_variable = "CORTEX_CACHE_SIMILARITY_THRESHOLD";

std::optional<std::int64_t> read_max_entries(const std::string& value) {
  const auto parsed = text::parse_python_integer(value);
  if (parsed.form != text::number_form::number || parsed.value < 0)
    return std::nullopt;
  return parsed.value;
}

std::optional<double> read_threshold(const std::string& value) {
  const auto parsed = text::parse_python_real(value);
  return parsed && std::isfinite(*parsed) ? parsed : std::nullopt;
}

std::string notice(const char* name, const std::string& value, const char* wanted,
                   const std::string& used) {
  return std::string{name} + "='" + value + "' is not " + wanted + ": using " + used;
}

} // namespace

expected<resolved_settings> resolve_settings(const requested_settings& requested,
                                             const environment& lookup) {
  if (requested.max_entries.value_or(0) < 0)
    return fail(errc::invalid_argument,
                "max_entries is negative: " + std::to_string(*requested.max_entries));
  if (!std::isfinite(requested.threshold.value_or(0.0)))
    return fail(errc::invalid_argument,
                "threshold is not finite: " + text::python_float(*requested.threshold));

  resolved_settings result;
  settings& values = result.values;
  if (requested.max_entries) {
    values.max_entries = *requested.max_entries;
  } else if (const auto variable = lookup(max_entries_variable)) {
    if (const auto usable = read_max_entries(*variable))
      values.max_entries = *usable;
    else
      result.notices.push_back(notice(max_entries_variable, *variable, "an integer from 0 on",
                                      std::to_string(values.max_entries)));
  }
  if (requested.threshold) {
    values.threshold = *requested.threshold;
  } else if (const auto variable = lookup(threshold_variable)) {
    if (const auto usable = read_threshold(*variable))
      values.threshold = *usable;
    else
      result.notices.push_back(notice(threshold_variable, *variable, "a finite number",
                                      text::python_float(values.threshold)));
  }
  return result;
}

} // namespace cortex::semantic_cache
