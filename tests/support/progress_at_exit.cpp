// Uses the indicator of the process, ends nothing and simply ends: what still runs is cancelled,
// and what was said is written before.
#include "cortex/progress_indicators.hpp"

#include <optional>

namespace progress = cortex::progress_indicators;

int main() {
  static std::optional<progress::operation> forgotten;
  forgotten.emplace(progress::show_operation("Forgotten"));
  progress::process_wide().value().info("said");
}
