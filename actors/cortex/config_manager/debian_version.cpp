#include "cortex/config_manager/versions.hpp"

#include <algorithm>

namespace cortex::config_manager {
namespace {

bool is_digit(char character) noexcept {
  return character >= '0' && character <= '9';
}

bool is_letter(char character) noexcept {
  return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z');
}

struct debian_version {
  std::string_view epoch;
  std::string_view upstream;
  std::string_view revision;
};

debian_version take_apart(std::string_view text) noexcept {
  debian_version out;
  const auto colon = text.find(':');
  if (colon != text.npos && std::all_of(text.begin(), text.begin() + colon, is_digit)) {
    out.epoch = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const auto hyphen = text.rfind('-');
  out.upstream = text.substr(0, hyphen);
  if (hyphen != text.npos)
    out.revision = text.substr(hyphen + 1);
  return out;
}

// A tilde comes before the end, the end and digits before letters, letters before all else.
int weight(std::string_view text) noexcept {
  if (text.empty() || is_digit(text.front()))
    return 0;
  const auto character = static_cast<unsigned char>(text.front());
  if (character == '~')
    return -1;
  return is_letter(text.front()) ? character : character + 256;
}

std::string_view take_digits(std::string_view& from) noexcept {
  const auto end = std::find_if_not(from.begin(), from.end(), is_digit);
  const auto digits = from.substr(0, static_cast<std::size_t>(end - from.begin()));
  from.remove_prefix(digits.size());
  return digits;
}

// Runs of what is no digit and of digits, in turn, as in deb-version(7).
std::weak_ordering compare_part(std::string_view left, std::string_view right) noexcept {
  while (!left.empty() || !right.empty()) {
    while ((!left.empty() && !is_digit(left.front()))
           || (!right.empty() && !is_digit(right.front()))) {
      const int of_left = weight(left);
      const int of_right = weight(right);
      if (of_left != of_right)
        return of_left <=> of_right;
      left.remove_prefix(left.empty() ? 0 : 1);
      right.remove_prefix(right.empty() ? 0 : 1);
    }
    if (const auto order = compare_digits(take_digits(left), take_digits(right)); order != 0)
      return order;
  }
  return std::weak_ordering::equivalent;
}

} // namespace

bool is_debian_version(std::string_view text) noexcept {
  const auto parts = take_apart(text);
  const auto allowed = [](char character) {
    return is_digit(character) || is_letter(character)
           || std::string_view{".+-~"}.find(character) != std::string_view::npos;
  };
  const auto& upstream = parts.upstream;
  return !upstream.empty() && std::all_of(upstream.begin(), upstream.end(), allowed)
         && std::all_of(parts.revision.begin(), parts.revision.end(), allowed);
}

std::weak_ordering compare_debian(std::string_view left, std::string_view right) {
  const auto of_left = take_apart(left);
  const auto of_right = take_apart(right);
  if (const auto order = compare_digits(of_left.epoch, of_right.epoch); order != 0)
    return order;
  if (const auto order = compare_part(of_left.upstream, of_right.upstream); order != 0)
    return order;
  return compare_part(of_left.revision, of_right.revision);
}

} // namespace cortex::config_manager
