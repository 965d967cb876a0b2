#include "cortex/config_manager/spelling.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace cortex::config_manager {
namespace {

constexpr std::size_t longest = 64;
constexpr std::size_t most_steps = 2;
constexpr std::size_t most_shown = 100;

using row = std::array<std::size_t, longest + 1>;

/// Optimal string alignment, three rows of its table at a time.
std::size_t steps_between(std::string_view left, std::string_view right) noexcept {
  row before_last{};
  row last{};
  row now{};
  for (std::size_t j = 0; j <= right.size(); ++j)
    now[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    before_last = last;
    last = now;
    now[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const bool same = left[i - 1] == right[j - 1];
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        now[j] = std::min(now[j], before_last[j - 2] + 1);
    }
  }
  return now[right.size()];
}

} // namespace

std::optional<std::string> meant_word(std::string_view word,
                                      const std::vector<std::string>& known) {
  std::optional<std::string> nearest;
  auto least = most_steps + 1;
  for (const auto& each : known) {
    if (word.size() > longest || each.size() > longest)
      continue;
    const auto steps = steps_between(word, each);
    if (steps < least && steps < std::min(word.size(), each.size())) {
      least = steps;
      nearest = each;
    }
  }
  return nearest;
}

std::string unknown_key(std::string_view key, const std::vector<std::string>& known) {
  auto text = "unknown key '" + std::string{key.substr(0, most_shown)} + "'";
  if (const auto meant = meant_word(key, known))
    text += ", did you mean '" + *meant + "'?";
  return text;
}

} // namespace cortex::config_manager
