#include "cortex/config_manager/versions.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace cortex::config_manager {
namespace {

/// A version taken apart. Of numbers the digits; empty where the pattern has none.
struct python_version {
  std::string epoch;
  std::vector<std::string> release; ///< Without zeros at the end.
  int pre_kind = 3;                 ///< 0 a, 1 b, 2 rc, 3 none; -1 for a developer's release alone.
  std::string pre;
  bool has_post = false;
  std::string post;
  bool has_dev = false;
  std::string dev;
  bool has_local = false;
  std::vector<std::string> local; ///< In small letters.
};

std::vector<std::string> split(const std::string& text, std::string_view separators) {
  std::vector<std::string> parts(1);
  for (const char each : text)
    if (separators.find(each) != separators.npos)
      parts.emplace_back();
    else
      parts.back() += each;
  return parts;
}

bool is_number(const std::string& text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char each) { return each >= '0' && each <= '9'; });
}

int kind_of(const std::string& word) noexcept {
  if (word.starts_with("a"))
    return 0;
  return word.starts_with("b") ? 1 : 2; // c, rc, pre, preview
}

std::optional<python_version> read(std::string_view text) {
  // PEP 440, appendix B, without names for the groups.
  static const re2::RE2 pattern{R"((?i)\s*v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*))"
                                R"((?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?)"
                                R"((-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?)"
                                R"(([-_.]?dev[-_.]?[0-9]*)?)"
                                R"((?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*)"};
  std::string release;
  std::string word;
  std::string post;
  std::string dev;
  std::string local;
  python_version out;
  if (!re2::RE2::FullMatch({text.data(), text.size()}, pattern, &out.epoch, &release, &word,
                           &out.pre, &post, &dev, &local))
    return std::nullopt;
  out.release = split(release, ".");
  while (!out.release.empty() && compare_digits(out.release.back(), "") == 0)
    out.release.pop_back();
  const auto lower = [](std::string& what) {
    for (char& each : what)
      if (each >= 'A' && each <= 'Z')
        each = static_cast<char>(each - 'A' + 'a');
  };
  lower(word);
  lower(local);
  const auto digits_of = [](const std::string& what) {
    const auto first = what.find_first_of("0123456789");
    return first == what.npos ? std::string{} : what.substr(first);
  };
  out.has_post = !post.empty();
  out.post = digits_of(post);
  out.has_dev = !dev.empty();
  out.dev = digits_of(dev);
  if (!word.empty())
    out.pre_kind = kind_of(word);
  else if (out.has_dev && !out.has_post)
    out.pre_kind = -1;
  out.has_local = !local.empty();
  if (out.has_local)
    out.local = split(local, "-_.");
  return out;
}

std::weak_ordering compare_numbers(const std::vector<std::string>& left,
                                   const std::vector<std::string>& right) noexcept {
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    if (const auto order = compare_digits(left[i], right[i]); order != 0)
      return order;
  return left.size() <=> right.size();
}

// A number is more than a word, a longer label more than its beginning.
std::weak_ordering compare_local(const std::vector<std::string>& left,
                                 const std::vector<std::string>& right) noexcept {
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    const bool number = is_number(left[i]);
    if (number != is_number(right[i]))
      return number <=> !number;
    const auto order = number ? compare_digits(left[i], right[i])
                              : std::weak_ordering{left[i].compare(right[i]) <=> 0};
    if (order != 0)
      return order;
  }
  return left.size() <=> right.size();
}

std::weak_ordering compare(const python_version& left, const python_version& right) noexcept {
  if (const auto order = compare_digits(left.epoch, right.epoch); order != 0)
    return order;
  if (const auto order = compare_numbers(left.release, right.release); order != 0)
    return order;
  if (left.pre_kind != right.pre_kind)
    return left.pre_kind <=> right.pre_kind;
  if (const auto order = compare_digits(left.pre, right.pre); order != 0)
    return order;
  if (left.has_post != right.has_post)
    return left.has_post <=> right.has_post;
  if (const auto order = compare_digits(left.post, right.post); order != 0)
    return order;
  if (left.has_dev != right.has_dev)
    return right.has_dev <=> left.has_dev; // before the one that it leads to
  if (const auto order = compare_digits(left.dev, right.dev); order != 0)
    return order;
  if (left.has_local != right.has_local)
    return left.has_local <=> right.has_local;
  return compare_local(left.local, right.local);
}

} // namespace

std::optional<std::weak_ordering> compare_python(std::string_view left, std::string_view right) {
  const auto of_left = read(left);
  const auto of_right = read(right);
  if (!of_left || !of_right)
    return std::nullopt;
  return compare(*of_left, *of_right);
}

} // namespace cortex::config_manager
