#include "cortex/accelerator_limits/checks.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_set>

namespace cortex::accelerator_limits {
namespace {

constexpr std::size_t longest_name = 1024;
constexpr std::int64_t most_gpus = 1024;
constexpr double least_percent = 1;           // the kernel takes no quota below 1 ms of 100 ms
constexpr double largest_percent = 1'000'000; // 10,000 CPUs
constexpr std::int64_t largest_memory = std::int64_t{1} << 60U;

/// Collects what is wrong.
class findings {
public:
  void expect(bool good, const char* rule) {
    if (!good)
      wrong_ += (wrong_.empty() ? "" : "; ") + std::string{rule};
  }
  [[nodiscard]] expected<void> result() && {
    if (wrong_.empty())
      return {};
    return fail(errc::invalid_argument, std::move(wrong_));
  }

private:
  std::string wrong_;
};

bool good_name(const std::string& name) {
  return !name.empty() && name.size() <= longest_name && name.find('\0') == std::string::npos
         && text::valid_utf8(name);
}

bool good_ids(const std::vector<std::int64_t>& ids) {
  return std::ranges::all_of(
    ids, [](std::int64_t id) { return id >= 0 && id <= std::numeric_limits<std::int32_t>::max(); });
}

bool distinct(const std::vector<std::int64_t>& ids) {
  return std::unordered_set<std::int64_t>(ids.begin(), ids.end()).size() == ids.size();
}

template <class T>
bool within(T value, T least, T most) noexcept {
  return value >= least && value <= most; // false for NaN
}

void check_values(findings& found, const profile& what) {
  found.expect(good_name(what.name), "name: 1 to 1024 bytes of UTF-8 without U+0000");
  found.expect(within(value_of(what.cpu_quota), least_percent, largest_percent),
               "cpu_quota: 1 to 1000000 percent of one CPU");
  found.expect(within(what.memory_max, std::int64_t{1}, largest_memory),
               "memory_max: 1 to 2^60 bytes");
  found.expect(good_ids(what.gpu_ids), "gpu_ids: 0 to 2147483647");
  found.expect(distinct(what.gpu_ids), "gpu_ids: distinct");
  found.expect(what.gpu_ids.size() <= most_gpus, "gpu_ids: at most 1024");
  found.expect(within<std::int64_t>(what.oom_score_adj, -1000, 1000),
               "oom_score_adj: -1000 to 1000");
  found.expect(within<std::int64_t>(what.gpu_share.value_or(1), 1, 100),
               "gpu_share: 1 to 100 percent");
  found.expect(within<std::int64_t>(what.memory_high.value_or(1), 1,
                                    std::max<std::int64_t>(what.memory_max, 1)),
               "memory_high: 1 to memory_max bytes");
}

} // namespace

double value_of(const cpu_percent& percent) noexcept {
  if (const auto* whole = std::get_if<std::int64_t>(&percent))
    return static_cast<double>(*whole);
  return *std::get_if<double>(&percent);
}

const std::vector<preset>& presets() {
  constexpr std::int64_t gigabyte = 1'000'000'000;
  static const std::vector<preset> all{{"inference", 400, 32 * gigabyte, -500, 100},
                                       {"training", 1600, 128 * gigabyte, -800, 100},
                                       {"batch", 800, 64 * gigabyte, 0, 80},
                                       {"interactive", 200, 16 * gigabyte, -200, 50}};
  return all;
}

const preset* find_preset(std::string_view name) noexcept {
  const auto& all = presets();
  const auto found = std::ranges::find(all, name, &preset::name);
  return found == all.end() ? nullptr : &*found;
}

expected<profile> from_preset(std::string name, std::string_view preset, std::int64_t gpus) {
  const auto* numbers = find_preset(preset);
  if (numbers == nullptr)
    return fail(errc::invalid_argument,
                "no preset '" + std::string{preset}
                  + "': there are inference, training, batch and interactive");
  if (!within<std::int64_t>(gpus, 0, most_gpus))
    return fail(errc::invalid_argument, "gpus: 0 to 1024");
  profile out;
  out.name = std::move(name);
  out.preset = preset;
  out.cpu_quota = numbers->cpu_quota;
  out.memory_max = numbers->memory_max;
  out.gpu_ids.resize(static_cast<std::size_t>(gpus));
  std::iota(out.gpu_ids.begin(), out.gpu_ids.end(), std::int64_t{0});
  out.oom_score_adj = numbers->oom_score_adj;
  if (numbers->gpu_share != 100)
    out.gpu_share = numbers->gpu_share;
  if (auto good = validate(out); !good)
    return unexpected{std::move(good).error()};
  return out;
}

expected<void> validate_values(const profile& what) {
  findings found;
  check_values(found, what);
  return std::move(found).result();
}

expected<void> validate(const profile& what) {
  findings found;
  check_values(found, what);
  found.expect(find_preset(what.preset) != nullptr,
               "preset: inference, training, batch or interactive");
  return std::move(found).result();
}

} // namespace cortex::accelerator_limits
