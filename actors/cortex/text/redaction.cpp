#include "cortex/text/redaction.hpp"

#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace cortex::text {
namespace {

constexpr std::string_view replacement = "[redacted]";
constexpr std::size_t shortest_key = 16;

/// Where a match ends; the same as where it began if there is none.
using match_end = std::size_t;

/// The end of the run without white space from `at` on, and its length in code points.
struct run {
  std::size_t end;
  std::size_t length;
};

run run_without_space(std::string_view text, std::size_t at) noexcept {
  std::size_t length = 0;
  while (at < text.size()) {
    const auto next = decode(text, at);
    if (next.valid && is_space(next.code_point))
      break;
    at += next.length;
    ++length;
  }
  return {at, length};
}

/// The length of the first of these texts that stands at `at`; 0 if none does.
std::size_t prefix_at(std::string_view text, std::size_t at,
                      std::initializer_list<std::string_view> wanted) noexcept {
  for (const auto each : wanted)
    if (text.substr(at).starts_with(each))
      return each.size();
  return 0;
}

bool letter_before(std::string_view text, std::size_t at) noexcept {
  if (at == 0)
    return false;
  const auto before = static_cast<unsigned char>(text[at - 1]);
  return before >= 0x80 || is_alnum(before); // beyond ASCII: taken for a letter
}

match_end match_service_key(std::string_view text, std::size_t at) noexcept {
  const auto prefix = prefix_at(text, at, {"sk", "ghp", "gho", "xoxb", "xoxp"});
  const auto begin = at + prefix + 1;
  if (prefix == 0 || begin > text.size() || (text[begin - 1] != '-' && text[begin - 1] != '_')
      || letter_before(text, at))
    return at;
  const auto secret = run_without_space(text, begin);
  return secret.length >= shortest_key ? secret.end : at;
}

match_end match_access_key(std::string_view text, std::size_t at) noexcept {
  const auto prefix = prefix_at(text, at, {"AKIA"});
  const auto key = text.substr(std::min(at + prefix, text.size()), shortest_key);
  if (prefix == 0 || key.size() < shortest_key)
    return at;
  for (const char each : key)
    if (!((each >= 'A' && each <= 'Z') || (each >= '0' && each <= '9')))
      return at;
  return at + prefix + shortest_key;
}

match_end match_assignment(std::string_view text, std::size_t at) noexcept {
  const auto prefix = prefix_at(
    text, at, {"--password=", "--password ", "PASSWORD=", "TOKEN=", "SECRET=", "API_KEY="});
  if (prefix == 0)
    return at;
  const auto secret = run_without_space(text, at + prefix);
  return secret.length > 0 ? secret.end : at;
}

/// Of an address only what stands in front of the `@`.
/// @pre `://` stands just before `at`
match_end match_credentials(std::string_view text, std::size_t at) noexcept {
  std::size_t end = at;
  bool colon = false;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char each = text[i];
    if (each == '/' || each == '?' || each == '#' || static_cast<unsigned char>(each) <= ' ')
      break;
    if (each == ':')
      colon = true;
    else if (each == '@' && colon) // a password may hold one: the last counts
      end = i;
  }
  return end;
}

match_end match_at(std::string_view text, std::size_t at) noexcept {
  switch (text[at]) {
    case 's':
    case 'g':
    case 'x': return match_service_key(text, at);
    case 'A': {
      const auto end = match_access_key(text, at);
      return end != at ? end : match_assignment(text, at);
    }
    case '-':
    case 'P':
    case 'T':
    case 'S': return match_assignment(text, at);
    default: return at;
  }
}

} // namespace

std::string redacted(std::string_view text) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    auto end = match_at(text, at);
    if (end == at && at >= 3 && text.substr(at - 3, 3) == "://")
      end = match_credentials(text, at);
    if (end == at) {
      ++at;
      continue;
    }
    out.append(text.substr(copied, at - copied)).append(replacement);
    copied = at = end;
  }
  return out.append(text.substr(copied));
}

void redact(json& value) {
  if (const auto* text = value.text()) {
    value = redacted(*text);
  } else if (auto* elements = value.elements()) {
    for (auto& each : *elements)
      redact(each);
  } else if (const auto* members = value.members()) {
    auto kept = *members;
    for (auto& each : kept)
      redact(each.value);
    value = json::object_of(std::move(kept));
  }
}

} // namespace cortex::text
