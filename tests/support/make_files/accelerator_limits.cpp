// Profiles of every kind.
#include "cortex/accelerator_limits.hpp"

#include "support/make_files/make_files.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace limits = cortex::accelerator_limits;
using cortex::testing::need;

namespace {

limits::profile profile_of(std::string name) {
  limits::profile what;
  what.name = std::move(name);
  return what;
}

void create_presets(const limits::limits& opened) {
  constexpr std::array presets{"inference", "training", "batch", "interactive"};
  std::int64_t number = 0;
  for (const auto* preset : presets)
    for (int i = 0; i < 8; ++i, ++number) {
      const auto name = preset + std::string{"-"} + std::to_string(i);
      need(opened.call(limits::create{need(limits::from_preset(name, preset, number % 9))}));
    }
}

void create_odd_rows(const limits::limits& opened) {
  for (const auto* name :
       {"caf\u00e9", "\u4e2d \"x\"", "\U0001f680 rocket", " ", "a'b", "tab\tnew\nline"})
    need(opened.call(limits::create{profile_of(name)}));
  auto odd = profile_of("least");
  odd.cpu_quota = std::int64_t{1};
  odd.memory_max = 1;
  odd.oom_score_adj = -1000;
  odd.gpu_share = 1;
  need(opened.call(limits::create{odd}));
  odd = profile_of("most");
  odd.cpu_quota = 1e6;
  odd.memory_max = std::int64_t{1} << 60U;
  odd.gpu_ids = {2'147'483'647, 0};
  odd.oom_score_adj = 1000;
  odd.memory_high = odd.memory_max;
  need(opened.call(limits::create{odd}));
  odd = profile_of("fraction");
  odd.cpu_quota = 33.3;
  odd.gpu_ids = {3, 1, 2};
  need(opened.call(limits::create{odd}));
}

} // namespace

void write_limits(const std::filesystem::path& dir) {
  auto rt = need(cortex::runtime::open());
  limits::options wanted;
  wanted.path = (dir / "limits.db").string();
  const auto opened = need(limits::open(rt, wanted));

  create_presets(opened);
  create_odd_rows(opened);
  // Replaced ones are last, changed ones stay, some are gone.
  need(opened.call(limits::create{need(limits::from_preset("training-1", "batch", 2))}));
  need(opened.call(limits::create{need(limits::from_preset("batch-3", "inference", 0))}));
  limits::changes some;
  some.cpu_quota = 150.5;
  some.gpu_ids = {{7, 5}};
  need(opened.call(limits::update{"inference-2", some}));
  need(opened.call(limits::remove{"interactive-7"}));
  need(rt.stop());
}
