#include "cortex/config_manager/install.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace cortex::config_manager {
namespace {

bool is_plain(char each) noexcept {
  return (each >= 'A' && each <= 'Z') || (each >= 'a' && each <= 'z')
         || (each >= '0' && each <= '9');
}

bool consists_of(std::string_view text, std::string_view marks) noexcept {
  return std::all_of(text.begin(), text.end(), [marks](char each) {
    return is_plain(each) || marks.find(each) != marks.npos;
  });
}

/// The text for an error: short, and without control characters.
std::string shown(std::string_view text) {
  constexpr std::size_t longest = 100;
  std::string out{text.substr(0, longest)};
  std::replace_if(
    out.begin(), out.end(),
    [](char each) { return static_cast<unsigned char>(each) < 0x20 || each == 0x7F; }, '?');
  return "'" + out + (text.size() > longest ? "…'" : "'");
}

/// How a source is told what to install.
struct grammar {
  std::string_view source;
  std::vector<std::string> command;
  std::string_view before_version;
  bool scopes = false; ///< Names may be `@scope/name`.
  bool files = false;  ///< Words may be addresses, with a colon, and names of archives.
};

const grammar* grammar_of(std::string_view source) {
  static const std::vector<grammar> all{{"apt", {"sudo", "apt-get", "install", "-y"}, "="},
                                        {"pip", {"pip3", "install"}, "==", false, true},
                                        {"npm", {"npm", "install", "-g"}, "@", true, true}};
  const auto at = std::find_if(all.begin(), all.end(),
                               [source](const grammar& each) { return each.source == source; });
  return at == all.end() ? nullptr : &*at;
}

bool names_file(std::string_view text) {
  std::string small{text};
  std::transform(small.begin(), small.end(), small.begin(), [](char each) {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
  });
  constexpr std::array endings{".tar", ".tgz", ".tbz", ".txz", ".tlz", ".zip",
                               ".whl", ".gz",  ".bz2", ".xz",  ".lz",  ".lzma"};
  return small.find(':') != small.npos
         || std::any_of(endings.begin(), endings.end(),
                        [&small](const char* each) { return small.ends_with(each); });
}

// With a `-` at its end apt takes a word for a package to be removed, and where there is no package
// of a name with a dot it takes the name for a regular expression: `b.+` is all that has a `b`.
// With a slash but no scope npm takes a word for a repository or a folder.
bool names_package(std::string_view name, const grammar& how) {
  return is_identifier(name, how.scopes) && name.back() != '-' && name.find(".+") == name.npos
         && !(how.files && names_file(name))
         && (name.front() == '@' || name.find('/') == name.npos);
}

bool is_version(std::string_view text, const grammar& how) {
  return is_identifier(text, false) && text.back() != '-' && !(how.files && names_file(text));
}

} // namespace

bool is_identifier(std::string_view text, bool allow_slash) noexcept {
  constexpr std::string_view marks = "._:@=+-~";
  if (text.empty() || text.find("..") != text.npos || text.find("/.") != text.npos)
    return false;
  if (!is_plain(text.front()) && !(allow_slash && text.front() == '@'))
    return false;
  const auto slash = allow_slash ? text.find('/') : text.npos;
  if (slash == text.npos)
    return consists_of(text, marks);
  const auto after = text.substr(slash + 1);
  return consists_of(text.substr(0, slash), marks) && !after.empty() && consists_of(after, "._-");
}

expected<std::vector<std::string>> install_command(const std::vector<package>& packages,
                                                   install_action action, bool end_of_options) {
  const auto& source = packages.front().source;
  const auto* how = grammar_of(source);
  if (how == nullptr)
    return fail(errc::invalid_argument, "cannot install from source " + shown(source));
  auto words = how->command;
  if (action == install_action::downgrade && source == "apt")
    words.emplace_back("--allow-downgrades");
  if (end_of_options && source == "apt")
    words.insert(words.end(), {"-o", "APT::Cmd::Pattern-Only=true"}); // no regular expressions
  if (end_of_options)
    words.emplace_back("--");
  for (const auto& [name, version, from] : packages) {
    if (!names_package(name, *how))
      return fail(errc::invalid_argument, shown(name) + " is no name of a package");
    if (!version.empty() && !is_version(version, *how))
      return fail(errc::invalid_argument,
                  shown(version) + " is no version of package '" + name + "'");
    words.push_back(version.empty() ? name : name + std::string{how->before_version} + version);
  }
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& each : words)
    out += (out.empty() ? "" : " ") + each;
  return out;
}

} // namespace cortex::config_manager
