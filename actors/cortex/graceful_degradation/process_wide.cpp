// The manager of the process. No actor: a host that knows no runtime begins here.
#include "cortex/detail/one_for_process.hpp"
#include "cortex/graceful_degradation.hpp"

#include <utility>

namespace cortex::graceful_degradation {
namespace {

using of_process = cortex::detail::one_for_process<manager>;

of_process& only_one() {
  static of_process only{"the manager of the process", [](const runtime& on) { return open(on); }};
  return only;
}

} // namespace

expected<manager> process_wide() {
  return only_one().get();
}

expected<void> replace_process_wide(const manager& with) {
  return only_one().replace(with);
}

expected<void> shut_down_process_wide() {
  return only_one().shut_down();
}

expected<answer> process_with_fallback(const query& what, model_function ask) {
  auto shared = process_wide();
  if (!shared)
    return unexpected{std::move(shared).error()};
  return shared->process(what, std::move(ask));
}

} // namespace cortex::graceful_degradation
