#include <cortex/accelerator_limits.hpp>
#include <cortex/cortex.hpp>
#include <unistd.h>

#include <iostream>

namespace limits = cortex::accelerator_limits;

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  limits::options wanted;
  wanted.path = argc > 1 ? argv[1] : "limits.db";
  auto profiles = limits::open(rt, wanted).value();

  auto job = limits::from_preset("summaries", "batch", 2).value(); // 8 CPUs, 64 GB, GPUs 0 and 1
  job.cpu_quota = 250.0;
  job.memory_high = limits::parse_bytes("48GB").value();
  if (!profiles.call(limits::create{job}))
    return 1;
  std::cout << limits::status_text(profiles.call(limits::list{}).value().profiles);
  std::cout << limits::export_text(profiles.call(limits::get_environment{"summaries"}).value());

  limits::target self; // `apply` does what `plan` tells
  self.process_id = getpid();
  const auto planned = profiles.plan("summaries", self).value();
  for (const auto& each : planned.steps)
    std::cout << to_string(each.what) << ": " << each.file << " = " << each.value
              << (each.problem ? "  (" + to_string(*each.problem) + ")" : "") << '\n';
}
