#include "cortex/config_manager/versions.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace cortex::config_manager {
namespace {

struct semantic_version {
  std::array<std::string, 3> numbers;
  std::string pre; ///< Empty = a release.
};

std::optional<semantic_version> read(std::string_view text) {
  // semver.org, version 2.0.0; what is built from the same source has no place in the order.
  static const re2::RE2 pattern{
    R"(v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*))"
    R"((?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?)"
    R"((?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?)"};
  semantic_version out;
  if (!re2::RE2::FullMatch({text.data(), text.size()}, pattern, &out.numbers[0], &out.numbers[1],
                           &out.numbers[2], &out.pre))
    return std::nullopt;
  return out;
}

bool is_number(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char each) { return each >= '0' && each <= '9'; });
}

std::string_view take_identifier(std::string_view& from) noexcept {
  const auto end = from.find('.');
  const auto out = from.substr(0, end);
  from.remove_prefix(end == from.npos ? from.size() : end + 1);
  return out;
}

// Both are not empty. Numbers come before words, a beginning before what is longer.
std::weak_ordering compare_pre(std::string_view left, std::string_view right) noexcept {
  while (!left.empty() && !right.empty()) {
    const auto of_left = take_identifier(left);
    const auto of_right = take_identifier(right);
    const bool number = is_number(of_left);
    if (number != is_number(of_right))
      return !number <=> number;
    const auto order = number ? compare_digits(of_left, of_right)
                              : std::weak_ordering{of_left.compare(of_right) <=> 0};
    if (order != 0)
      return order;
  }
  return !left.empty() <=> !right.empty();
}

} // namespace

std::optional<std::weak_ordering> compare_semantic(std::string_view left, std::string_view right) {
  const auto of_left = read(left);
  const auto of_right = read(right);
  if (!of_left || !of_right)
    return std::nullopt;
  for (std::size_t i = 0; i < of_left->numbers.size(); ++i)
    if (const auto order = compare_digits(of_left->numbers[i], of_right->numbers[i]); order != 0)
      return order;
  if (of_left->pre.empty() || of_right->pre.empty())
    return of_left->pre.empty() <=> of_right->pre.empty();
  return compare_pre(of_left->pre, of_right->pre);
}

} // namespace cortex::config_manager
