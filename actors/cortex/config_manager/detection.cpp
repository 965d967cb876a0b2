#include "cortex/config_manager/detection.hpp"

#include "cortex/json.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <system_error>
#include <thread>
#include <utility>

namespace cortex::config_manager {
namespace {

using arguments = std::vector<std::string>;

/// What one source gave.
struct found {
  std::vector<package> packages;
  std::vector<std::string> notices;
};

/// The output of a command that ended well.
expected<std::string> output_of(const detection_setting& how, const arguments& command) {
  process_command what;
  what.arguments = command;
  what.timeout = how.limit;
  what.stop = how.stop;
  auto ended = expected<process_result>{fail(errc::internal)};
  try {
    ended = how.runner(what);
  } catch (const std::exception& thrown) {
    return fail(errc::unavailable, thrown.what());
  } catch (...) {
    return fail(errc::unavailable, "what runs commands threw");
  }
  if (!ended)
    return unexpected{std::move(ended).error()};
  if (!ended->succeeded())
    return fail(errc::unavailable, "it ended with status " + std::to_string(ended->exit_status));
  if (ended->truncated)
    return fail(errc::no_space, "it says too much");
  if (!text::valid_utf8(ended->output))
    return fail(errc::corrupt, "its output is no valid UTF-8");
  return std::move(ended->output);
}

std::string notice_of(std::string_view source, const arguments& command, const error& why) {
  return std::string{source} + ": " + command.front() + ": " + to_string(why);
}

using parser = expected<std::vector<package>> (*)(std::string_view);

/// The first command that has an answer.
found ask(const detection_setting& how, std::string_view source,
          const std::vector<arguments>& commands, parser parse) {
  found out;
  for (const auto& command : commands) {
    auto packages
      = output_of(how, command).and_then([&](const std::string& output) { return parse(output); });
    if (packages) {
      out.packages = *std::move(packages);
      out.notices.clear();
      return out;
    }
    out.notices.push_back(notice_of(source, command, packages.error()));
  }
  return out;
}

found ask_apt(const detection_setting& how) {
  return ask(
    how, "apt", {{"dpkg-query", "-W", "-f=${Package}\t${Version}\n"}},
    [](std::string_view output) -> expected<std::vector<package>> { return parse_apt(output); });
}

found ask_pip(const detection_setting& how) {
  return ask(how, "pip", {{"pip3", "list", "--format=json"}, {"pip", "list", "--format=json"}},
             parse_pip);
}

found ask_npm(const detection_setting& how) {
  return ask(how, "npm", {{"npm", "list", "-g", "--depth=0", "--json"}}, parse_npm);
}

/// One entry for each name and source: the last version, in the place of the first.
void merge(std::vector<package>& into, std::vector<package> from) {
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (auto& each : from) {
    const auto [at, added] = places.try_emplace({each.source, each.name}, into.size());
    if (added)
      into.push_back(std::move(each));
    else
      into[at->second].version = std::move(each.version);
  }
}

} // namespace

const std::vector<std::string>& known_sources() {
  static const std::vector<std::string> sources{"apt", "pip", "npm"};
  return sources;
}

std::vector<package> parse_apt(std::string_view output) {
  std::vector<package> packages;
  while (!output.empty()) {
    const auto line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(line.size() + 1, output.size()));
    const auto tab = line.find('\t');
    if (tab == line.npos || line.find_first_not_of(" \t\r\f\v") == line.npos)
      continue;
    const auto rest = line.substr(tab + 1);
    packages.push_back(
      {std::string{line.substr(0, tab)}, std::string{rest.substr(0, rest.find('\t'))}, "apt"});
  }
  return packages;
}

expected<std::vector<package>> parse_pip(std::string_view output) {
  const auto read = json::parse(output);
  if (!read)
    return unexpected{read.error()};
  std::vector<package> packages;
  if (const auto* entries = read->elements())
    for (const auto& each : *entries) {
      auto name = each.get<std::string>("name");
      auto version = each.get<std::string>("version");
      if (name && version)
        packages.push_back({*std::move(name), *std::move(version), "pip"});
    }
  return packages;
}

expected<std::vector<package>> parse_npm(std::string_view output) {
  const auto read = json::parse(output);
  if (!read)
    return unexpected{read.error()};
  std::vector<package> packages;
  const auto* installed = read->find("dependencies");
  if (installed == nullptr || installed->members() == nullptr)
    return packages;
  for (const auto& [name, about] : *installed->members())
    if (about.members() != nullptr && text::valid_utf8(name)) {
      const auto version = about.get<std::string>("version");
      packages.push_back({name, version ? *version : "unknown", "npm"});
    }
  return packages;
}

detection detect_packages(const detection_setting& how, const detect& what) {
  using asker = found (*)(const detection_setting&);
  static constexpr asker askers[]{ask_apt, ask_pip, ask_npm}; // NOLINT: as known_sources
  const auto& sources = known_sources();
  std::vector<found> answers(sources.size());
  {
    std::vector<std::jthread> threads; // joined at the end of the block
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (what.sources
          && std::find(what.sources->begin(), what.sources->end(), sources[i])
               == what.sources->end())
        continue;
      const auto work = [&answers, &how, i] { answers[i] = askers[i](how); };
      try {
        if (how.at_once) {
          threads.emplace_back(work);
          continue;
        }
      } catch (const std::system_error&) { // no thread: then one after the other
      }
      work();
    }
  }
  detection out;
  for (auto& each : answers) {
    merge(out.packages, std::move(each.packages));
    out.notices.insert(out.notices.end(), each.notices.begin(), each.notices.end());
  }
  std::stable_sort(
    out.packages.begin(), out.packages.end(),
    [](const package& left, const package& right) { return left.name < right.name; });
  return out;
}

} // namespace cortex::config_manager
