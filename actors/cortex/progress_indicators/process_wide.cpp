// The indicator of the process. No actor: a host that knows no runtime begins here.
#include "cortex/detail/one_for_process.hpp"
#include "cortex/progress_indicators.hpp"

namespace cortex::progress_indicators {
namespace {

using of_process = cortex::detail::one_for_process<indicator>;

of_process& only_one() {
  static of_process only{"the indicator of the process",
                         [](const runtime& on) { return open(on); }};
  return only;
}

} // namespace

expected<indicator> process_wide() {
  return only_one().get();
}

expected<void> replace_process_wide(const indicator& with) {
  return only_one().replace(with);
}

expected<void> shut_down_process_wide() {
  return only_one().shut_down();
}

spinner show_spinner(std::string_view message) {
  return process_wide().value().spinner(message);
}

operation show_operation(std::string_view title, operation_type type) {
  return process_wide().value().operation(title, type);
}

} // namespace cortex::progress_indicators
