#include "cortex/context_memory/summary.hpp"

#include "cortex/context_memory.hpp"

#include <array>
#include <charconv>

namespace cortex::context_memory {

double percent(std::int64_t part, std::int64_t whole) {
  const double exact = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  std::array<char, 64> digits{}; // 100.00 at most, for a part of a whole
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), exact,
                                     std::chars_format::fixed, 2);
  double rounded = exact;
  std::from_chars(digits.data(), written.ptr, rounded);
  return rounded;
}

json summary::to_json() const {
  json categories = json::object();
  for (const auto& [name, count] : by_category)
    categories.set(name, count);
  return json::object({{"total_entries", total_entries},
                       {"by_category", std::move(categories)},
                       {"success_rate", success_rate ? json{*success_rate} : json{0}},
                       {"total_patterns", total_patterns},
                       {"active_suggestions", active_suggestions},
                       {"recent_activity", recent_activity}});
}

} // namespace cortex::context_memory
