#include "cortex/config_manager/versions.hpp"

#include <algorithm>

namespace cortex::config_manager {
namespace {

bool is_digit(char character) noexcept {
  return character >= '0' && character <= '9';
}

std::vector<std::string_view> runs_of_digits(std::string_view text) {
  std::vector<std::string_view> runs;
  for (auto at = text.begin(); at != text.end();) {
    at = std::find_if(at, text.end(), is_digit);
    const auto end = std::find_if_not(at, text.end(), is_digit);
    if (at != end)
      runs.emplace_back(&*at, static_cast<std::size_t>(end - at));
    at = end;
  }
  return runs;
}

} // namespace

std::weak_ordering compare_digits(std::string_view left, std::string_view right) noexcept {
  left.remove_prefix(std::min(left.find_first_not_of('0'), left.size()));
  right.remove_prefix(std::min(right.find_first_not_of('0'), right.size()));
  if (left.size() != right.size())
    return left.size() <=> right.size();
  return left.compare(right) <=> 0;
}

std::weak_ordering compare_numeric(std::string_view left, std::string_view right) {
  const auto of_left = runs_of_digits(left);
  const auto of_right = runs_of_digits(right);
  if (of_left.empty() || of_right.empty())
    return !of_left.empty() <=> !of_right.empty();
  for (std::size_t i = 0; i < std::max(of_left.size(), of_right.size()); ++i) {
    const auto order = compare_digits(i < of_left.size() ? of_left[i] : std::string_view{},
                                      i < of_right.size() ? of_right[i] : std::string_view{});
    if (order != 0)
      return order;
  }
  return std::weak_ordering::equivalent;
}

std::weak_ordering compare_in(std::string_view source, std::string_view left,
                              std::string_view right) {
  if (source == "apt" && is_debian_version(left) && is_debian_version(right))
    return compare_debian(left, right);
  std::optional<std::weak_ordering> order;
  if (source == "pip")
    order = compare_python(left, right);
  else if (source == "npm")
    order = compare_semantic(left, right);
  return order ? *order : compare_numeric(left, right);
}

} // namespace cortex::config_manager
