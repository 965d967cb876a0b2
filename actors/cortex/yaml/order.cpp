#include "cortex/yaml/order.hpp"

#include "cortex/yaml/numbers.hpp"
#include "cortex/yaml/timestamp.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace cortex {
namespace yaml_detail {
namespace {

template <class T>
int compare(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

/// Of decimal digits behind an optional `-`.
int compare_digits(const std::string& left, const std::string& right) {
  const bool negative = left.front() == '-';
  if (negative != (right.front() == '-'))
    return negative ? -1 : 1;
  const auto key = [](const std::string& digits) { return std::make_tuple(digits.size(), digits); };
  return negative ? compare(key(right), key(left)) : compare(key(left), key(right));
}

/// An integer, of whatever size, and a finite real.
int compare_mixed(const yaml& integer, double real) {
  const double whole = std::floor(real);
  if (const auto small = integer.as_int64(); small && std::abs(whole) < 9e18) {
    const int compared = compare(*small, static_cast<std::int64_t>(whole));
    return compared == 0 && real > whole ? -1 : compared;
  }
  const int compared = compare_digits(integer.digits(), whole_digits(whole));
  return compared == 0 && real > whole ? -1 : compared;
}

bool is_nan(const yaml& value) noexcept {
  const auto real = value.kind() == yaml_kind::real ? value.as_double() : std::nullopt;
  return real && std::isnan(*real);
}

int compare_numbers(const yaml& left, const yaml& right) {
  if (is_nan(left) || is_nan(right))
    return compare(is_nan(right), is_nan(left));
  const bool left_whole = left.kind() == yaml_kind::integer;
  const bool right_whole = right.kind() == yaml_kind::integer;
  if (left_whole && right_whole) {
    if (left.as_int64() && right.as_int64())
      return compare(*left.as_int64(), *right.as_int64());
    return compare_digits(left.digits(), right.digits());
  }
  const double left_real = left_whole ? 0.0 : *left.as_double();
  const double right_real = right_whole ? 0.0 : *right.as_double();
  if (left_whole)
    return std::isinf(right_real) ? (right_real > 0 ? -1 : 1) : compare_mixed(left, right_real);
  if (right_whole)
    return std::isinf(left_real) ? (left_real > 0 ? 1 : -1) : -compare_mixed(right, left_real);
  return compare(left_real, right_real);
}

timestamp_parts parts_of(const yaml& timestamp) {
  return read_timestamp(*timestamp.timestamp_text()).value_or(timestamp_parts{});
}

/// Dates, times without and times with an offset are three kinds.
int time_kind(const timestamp_parts& parts) {
  return (parts.has_time ? 1 : 0) + (parts.has_offset ? 1 : 0);
}

int compare_times(const yaml& left, const yaml& right) {
  const auto first = parts_of(left);
  const auto second = parts_of(right);
  const auto key = [](const timestamp_parts& parts) {
    return std::make_tuple(time_kind(parts), microseconds_of(parts));
  };
  return compare(key(first), key(second));
}

/// Integers and reals are one group.
yaml_kind group_of(const yaml& value) {
  return value.kind() == yaml_kind::real ? yaml_kind::integer : value.kind();
}

} // namespace

bool is_collection(const yaml& value) noexcept {
  return value.elements() != nullptr || value.members() != nullptr;
}

int compare_scalars(const yaml& left, const yaml& right) {
  if (group_of(left) != group_of(right))
    return compare(group_of(left), group_of(right));
  switch (group_of(left)) {
    case yaml_kind::boolean: return compare(*left.as_bool(), *right.as_bool());
    case yaml_kind::integer: return compare_numbers(left, right);
    case yaml_kind::string: return compare(*left.text(), *right.text()); // as by code points
    case yaml_kind::timestamp: return compare_times(left, right);
    case yaml_kind::binary: return compare(*left.binary_content(), *right.binary_content());
    default: return 0; // null
  }
}

bool ordered_in_python(const yaml& left, const yaml& right) {
  const auto is_number = [](const yaml& value) {
    return value.kind() == yaml_kind::boolean || group_of(value) == yaml_kind::integer;
  };
  if (is_number(left) && is_number(right))
    return !is_nan(left) && !is_nan(right);
  if (left.kind() != right.kind() || left.is_null() || is_collection(left))
    return false;
  return left.kind() != yaml_kind::timestamp
         || time_kind(parts_of(left)) == time_kind(parts_of(right));
}

} // namespace yaml_detail

namespace {

using yaml_detail::compare_scalars;
using yaml_detail::is_collection;
using yaml_detail::is_nan;

/// The places of the members in the order of their keys; of equal keys in their own.
std::vector<std::size_t> by_key(const yaml::mapping_type& members) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&members](std::size_t left, std::size_t right) {
    return compare_scalars(members[left].key, members[right].key) < 0;
  });
  return order;
}

bool any_collection(const yaml::mapping_type& members) {
  return std::any_of(members.begin(), members.end(),
                     [](const yaml_member& each) { return is_collection(each.key); });
}

bool same_members(const yaml::mapping_type& left, const yaml::mapping_type& right) {
  if (left.size() != right.size())
    return false;
  if (any_collection(left) || any_collection(right)) // only programs make such keys
    return std::all_of(left.begin(), left.end(), [&right](const yaml_member& each) {
      return std::any_of(right.begin(), right.end(), [&each](const yaml_member& other) {
        return each.key == other.key && each.value == other.value;
      });
    });
  const auto left_order = by_key(left);
  const auto right_order = by_key(right);
  for (std::size_t i = 0; i < left_order.size(); ++i) {
    const auto& first = left[left_order[i]];
    const auto& second = right[right_order[i]];
    if (!(first.key == second.key) || !(first.value == second.value))
      return false;
  }
  return true;
}

} // namespace

void merge_repeated_keys(yaml::mapping_type& members) {
  if (any_collection(members)) {
    for (std::size_t i = 0; i < members.size(); ++i)
      for (std::size_t j = i + 1; j < members.size();) {
        if (!(members[j].key == members[i].key)) {
          ++j;
          continue;
        }
        members[i].value = std::move(members[j].value);
        members.erase(members.begin() + static_cast<std::ptrdiff_t>(j));
      }
    return;
  }
  const auto order = by_key(members);
  std::vector<bool> repeats(members.size(), false);
  for (std::size_t begin = 0, end = 1; begin < order.size(); begin = end++) {
    const auto& first = members[order[begin]].key;
    while (end < order.size() && compare_scalars(members[order[end]].key, first) == 0)
      repeats[order[end++]] = true;
    if (end - begin > 1)
      members[order[begin]].value = std::move(members[order[end - 1]].value);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!repeats[i]) {
      if (kept != i)
        members[kept] = std::move(members[i]);
      ++kept;
    }
  members.resize(kept);
}

bool operator==(const yaml& left, const yaml& right) {
  if (const auto* all = left.elements())
    return right.elements() != nullptr && *all == *right.elements();
  if (const auto* all = left.members())
    return right.members() != nullptr && same_members(*all, *right.members());
  return !is_collection(right) && !is_nan(left) && !is_nan(right)
         && compare_scalars(left, right) == 0;
}

} // namespace cortex
