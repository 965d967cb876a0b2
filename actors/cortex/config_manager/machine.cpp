// What an open configuration does with the machine: looking, comparing, exporting.
#include "cortex/config_manager/detection.hpp"
#include "cortex/config_manager/files.hpp"
#include "cortex/config_manager/session.hpp"
#include "cortex/text/atomic_file.hpp"
#include "cortex/text/local_time.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <system_error>

namespace cortex::config_manager {
namespace {

std::string current_os(const session& in) {
  constexpr std::size_t longest = 65'536;
  const auto text = read_whole(in.how.os_release, longest);
  return text && text::valid_utf8(*text) ? os_text(*text) : "unknown";
}

expected<yaml> hardware_of(const session& in) {
  if (!in.how.hardware)
    return fail(errc::unsupported, "no profiler");
  try {
    return in.how.hardware();
  } catch (const std::exception& thrown) {
    return fail(errc::unavailable, thrown.what());
  } catch (...) {
    return fail(errc::unavailable, "the profiler threw");
  }
}

std::vector<std::pair<std::string, std::string>>
variables_of(const session& in, const std::vector<std::string>& wanted,
             std::vector<std::string>& notices) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& name : wanted) {
    const auto at = std::find_if(in.environment.begin(), in.environment.end(),
                                 [&name](const auto& each) { return each.first == name; });
    if (at == in.environment.end())
      continue;
    if (text::valid_utf8(at->second))
      out.push_back(*at);
    else
      notices.push_back("the variable " + name + " is no valid UTF-8");
  }
  return out;
}

expected<void> write_document(const std::string& path, const yaml& document) {
  const auto text = document.dump({.sort_keys = false});
  if (!text)
    return unexpected{text.error()};
  const auto folder = std::filesystem::path{path}.parent_path();
  std::error_code problem;
  if (!folder.empty())
    std::filesystem::create_directories(folder, problem);
  if (problem)
    return fail(errc::io, "cannot make '" + folder.string() + "': " + problem.message());
  auto file = text::atomic_file::create(path);
  if (!file)
    return unexpected{std::move(file).error()};
  if (auto written = file->append(*text); !written)
    return written;
  return file->finish();
}

unexpected export_failed(error why) {
  why.detail = "Failed to export configuration: " + why.detail;
  return unexpected{std::move(why)};
}

} // namespace

detection detect_on(const session& in, const detect& what) {
  return detect_packages(
    {in.how.runner, in.how.query_limit, in.calls->stopping(), !in.rt.options().deterministic},
    what);
}

expected<yaml_document> read_document(const session& in, const std::string& path) {
  const auto refused = [](error why) {
    why.detail = "Failed to load configuration file: " + why.detail;
    return unexpected{std::move(why)};
  };
  const auto text = read_whole(path, in.how.limits.max_bytes);
  if (!text)
    return refused(text.error());
  auto document = yaml::parse(*text, {in.how.limits, in.how.strict});
  if (!document)
    return refused({errc::corrupt, "'" + path + "': " + document.error().detail});
  return document;
}

validation validate_on(const session& in, const yaml& configuration) {
  return check_configuration(configuration, current_os(in));
}

expected<difference> compare_on(const session& in, const yaml& configuration, const sections& which,
                                const expected<yaml>& preferences) {
  if (configuration.members() == nullptr)
    return fail(errc::invalid_argument, "configuration is not a mapping");
  detection found;
  if (which.packages)
    found = detect_on(in, detect{sources_in(configuration)});
  auto out = compare_with(configuration, which, found.packages, preferences);
  out.notices = std::move(found.notices);
  return out;
}

expected<exported> export_on(const session& in, const export_to& what,
                             const expected<yaml>& preferences) {
  if (what.path.empty())
    return export_failed({errc::invalid_argument, "no path"});
  exported out;
  export_parts parts;
  if (what.with_time) {
    const auto now = std::chrono::floor<std::chrono::microseconds>(in.rt.wall().now());
    parts.exported_at = text::format_local(now.time_since_epoch().count());
  }
  if (what.include_preferences) {
    if (!preferences)
      return export_failed(preferences.error());
    parts.preferences = *preferences;
  }
  parts.os = current_os(in);
  if (what.include_hardware)
    parts.hardware = hardware_of(in);
  auto found = detect_on(in, detect{what.sources});
  parts.packages = std::move(found.packages);
  out.notices = std::move(found.notices);
  parts.variables = variables_of(in, what.variables, out.notices);
  if (auto written = write_document(what.path, export_document(std::move(parts))); !written)
    return export_failed(written.error());
  out.message = "Configuration exported successfully to " + what.path;
  return out;
}

} // namespace cortex::config_manager
