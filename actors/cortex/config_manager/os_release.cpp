#include "cortex/config_manager.hpp"

#include <optional>

namespace cortex::config_manager {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(blanks);
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// os-release(5): values are written as for a shell, without anything to be replaced.
std::string unquoted(std::string_view value) {
  if (value.empty() || (value.front() != '"' && value.front() != '\''))
    return std::string{value};
  const char quote = value.front();
  value.remove_prefix(1);
  std::string out;
  for (std::size_t i = 0; i < value.size() && value[i] != quote; ++i) {
    if (value[i] == '\\' && quote == '"' && i + 1 < value.size())
      ++i;
    out += value[i];
  }
  return out;
}

} // namespace

std::string os_text(std::string_view os_release) {
  std::optional<std::string> id;
  std::optional<std::string> version;
  while (!os_release.empty()) {
    const auto raw = os_release.substr(0, os_release.find('\n'));
    os_release.remove_prefix(raw.size() == os_release.size() ? raw.size() : raw.size() + 1);
    const auto line = trimmed(raw);
    const auto equals = line.find('=');
    if (equals == line.npos)
      continue;
    const auto key = line.substr(0, equals);
    auto& wanted = key == "ID" ? id : version;
    if (key == "ID" || key == "VERSION_ID")
      wanted = unquoted(line.substr(equals + 1));
  }
  if (!id || !version || id->empty() || version->empty())
    return "unknown";
  return *id + '-' + *version;
}

} // namespace cortex::config_manager
