#include "cortex/config_manager/detection.hpp"
#include "cortex/config_manager/document.hpp"
#include "cortex/config_manager/layers.hpp"
#include "cortex/config_manager/versions.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace cortex::config_manager {
namespace {

constexpr std::size_t most_shown = 200; // bytes of a malformed entry

/// A scalar as it stands in the file: `1.25` is a version, whatever YAML makes of it. Nothing for
/// what is no such text; empty for what is missing.
std::optional<std::string> text_in(const yaml& entry, std::string_view key, bool or_truth) {
  const auto* found = entry.find(key);
  if (found == nullptr)
    return std::string{};
  switch (found->kind()) {
    case yaml_kind::null: return std::string{};
    case yaml_kind::string: return *found->text();
    case yaml_kind::integer:
    case yaml_kind::real:
    case yaml_kind::timestamp: return found->source();
    case yaml_kind::boolean:
      if (or_truth)
        return found->source();
      return std::nullopt;
    default: return std::nullopt;
  }
}

std::optional<package> package_in(const yaml& entry) {
  if (entry.members() == nullptr)
    return std::nullopt;
  auto name = text_in(entry, "name", false);
  auto version = text_in(entry, "version", true);
  auto source = text_in(entry, "source", false);
  if (!name || !version || !source || name->empty() || source->empty())
    return std::nullopt;
  return package{*std::move(name), *std::move(version), *std::move(source)};
}

std::string malformed(const yaml& entry) {
  auto text = python_text(entry);
  if (text.size() > most_shown) {
    auto end = most_shown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
      --end; // no letter is cut
    text = text.substr(0, end) + "…";
  }
  text = "Malformed package entry skipped: " + text;
  if (entry.mark().line > 0)
    text += " (line " + std::to_string(entry.mark().line) + ", column "
            + std::to_string(entry.mark().column) + ")";
  return text;
}

using versions = std::map<std::pair<std::string, std::string>, std::string>;

void add_package(const yaml& entry, const versions& installed, difference& out) {
  auto wanted = package_in(entry);
  if (!wanted) {
    out.warnings.push_back(malformed(entry));
    return;
  }
  const auto found = installed.find({wanted->source, wanted->name});
  if (found == installed.end()) {
    out.to_install.push_back({*std::move(wanted), "", entry});
    return;
  }
  const auto& current = found->second;
  const auto order = wanted->version.empty() || wanted->version == current
                       ? std::weak_ordering::equivalent
                       : compare_in(wanted->source, current, wanted->version);
  auto& list = order < 0 ? out.to_upgrade : order > 0 ? out.to_downgrade : out.already_installed;
  list.push_back({*std::move(wanted), current, entry});
}

void add_preferences(const yaml& wanted, const expected<yaml>& current, difference& out) {
  if (wanted.is_null())
    return;
  if (wanted.members() == nullptr) {
    out.warnings.push_back("preferences are " + std::string{to_string(wanted.kind())}
                           + ", not a mapping");
    return;
  }
  if (!current)
    out.warnings.push_back("Preferences are compared with nothing: " + current.error().detail);
  static const yaml nothing = yaml::mapping();
  const auto& here = current && current->members() != nullptr ? *current->members()
                                                              : *nothing.members();
  const member_index present{here};
  for (const auto& [key, value] : *wanted.members()) {
    const auto at = present.find(key);
    const auto* now = at ? &here[*at].value : nullptr;
    if (now == nullptr || !(*now == value))
      out.preferences_changed.push_back({key, now != nullptr ? *now : yaml{}, value});
  }
}

yaml entries(const std::vector<package_change>& changes, bool with_current) {
  yaml::sequence_type out;
  for (const auto& each : changes) {
    out.push_back(each.entry);
    if (with_current)
      out.back().set("current_version", each.current_version);
  }
  return out;
}

yaml texts(const std::vector<std::string>& what) {
  return yaml::sequence_type{what.begin(), what.end()};
}

} // namespace

std::vector<std::string> sources_in(const yaml& configuration) {
  std::vector<std::string> out;
  const auto* packages = configuration.find("packages");
  if (packages == nullptr || packages->elements() == nullptr)
    return out;
  for (const auto& source : known_sources())
    if (std::any_of(
          packages->elements()->begin(), packages->elements()->end(),
          [&source](const yaml& entry) { return text_in(entry, "source", false) == source; }))
      out.push_back(source);
  return out;
}

difference compare_with(const yaml& configuration, const sections& which,
                        const std::vector<package>& installed, const expected<yaml>& preferences) {
  difference out;
  versions current;
  for (const auto& each : installed)
    current[{each.source, each.name}] = each.version;
  const auto* packages = configuration.find("packages");
  if (which.packages && packages != nullptr && !packages->is_null()) {
    if (const auto* listed = packages->elements())
      for (const auto& entry : *listed)
        add_package(entry, current, out);
    else
      out.warnings.push_back("packages are " + std::string{to_string(packages->kind())}
                             + ", not a sequence");
  }
  const auto* wanted = configuration.find("preferences");
  if (which.preferences && wanted != nullptr)
    add_preferences(*wanted, preferences, out);
  if (!out.to_downgrade.empty())
    out.warnings.push_back("Warning: " + std::to_string(out.to_downgrade.size())
                           + " packages will be downgraded");
  return out;
}

yaml to_yaml(const difference& what) {
  yaml::mapping_type preferences;
  for (const auto& [key, current, wanted] : what.preferences_changed)
    preferences.push_back({key, yaml::mapping({{"current", current}, {"new", wanted}})});
  return yaml::mapping({{"packages_to_install", entries(what.to_install, false)},
                        {"packages_to_upgrade", entries(what.to_upgrade, true)},
                        {"packages_to_downgrade", entries(what.to_downgrade, true)},
                        {"packages_already_installed", entries(what.already_installed, false)},
                        {"preferences_changed", yaml::mapping_of(std::move(preferences))},
                        {"warnings", texts(what.warnings)}});
}

yaml to_yaml(const imported& what) {
  if (what.dry_run)
    return yaml::mapping({{"dry_run", true},
                          {"diff", what.diff ? to_yaml(*what.diff) : yaml{}},
                          {"message", what.message}});
  return yaml::mapping({{"installed", texts(what.installed)},
                        {"upgraded", texts(what.upgraded)},
                        {"downgraded", texts(what.downgraded)},
                        {"failed", texts(what.failed)},
                        {"skipped", texts(what.skipped)},
                        {"preferences_updated", what.preferences_updated}});
}

yaml export_document(export_parts parts) {
  yaml out = yaml::mapping();
  out.set("cortex_version", own_version);
  if (parts.exported_at)
    out.set("exported_at", *std::move(parts.exported_at));
  out.set("os", std::move(parts.os));
  if (parts.hardware)
    out.set("hardware", *parts.hardware
                          ? **std::move(parts.hardware)
                          : yaml::mapping({{"error", "Failed to detect hardware: "
                                                       + parts.hardware->error().detail}}));
  yaml::sequence_type packages;
  for (auto& each : parts.packages)
    packages.push_back(yaml::mapping({{"name", std::move(each.name)},
                                      {"version", std::move(each.version)},
                                      {"source", std::move(each.source)}}));
  out.set("packages", std::move(packages));
  if (parts.preferences)
    out.set("preferences", *std::move(parts.preferences));
  yaml variables = yaml::mapping();
  for (auto& [name, value] : parts.variables)
    variables.set(std::move(name), std::move(value));
  out.set("environment_variables", std::move(variables));
  return out;
}

} // namespace cortex::config_manager
