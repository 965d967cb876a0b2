// Uses the manager of the process and ends without shutting it down: what it stored is there the
// next time, and nothing fails on the way out.
#include "cortex/graceful_degradation.hpp"

#include <iostream>

namespace degraded = cortex::graceful_degradation;

int main() {
  const auto got = degraded::process_with_fallback(
    "install htop", [](const degraded::model_call& call) { return call.query; });
  if (!got)
    std::cerr << got.error() << '\n';
  return got && got->source == degraded::source::llm ? 0 : 1;
}
