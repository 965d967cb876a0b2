// The command line, without a program around it.
#include "cortex/config_manager.hpp"

#include <algorithm>
#include <cstddef>

namespace cortex::config_manager {
namespace {

/// Words without `--` in front, and flags, each at most once.
struct words {
  std::vector<std::string> plain;
  std::vector<std::string> flags;

  [[nodiscard]] bool has(std::string_view flag) const noexcept {
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
  }
};

unexpected misused(const std::string& why) {
  return fail(errc::invalid_argument, why);
}

expected<words> sort_out(std::span<const std::string> arguments,
                         std::span<const std::string_view> allowed) {
  words out;
  for (const auto& each : arguments) {
    const bool flag = each.starts_with("-");
    if (flag && std::find(allowed.begin(), allowed.end(), each) == allowed.end())
      return misused("unexpected '" + each + "'");
    auto& into = flag ? out.flags : out.plain;
    if (flag && out.has(each))
      return misused("'" + each + "' comes twice");
    into.push_back(each);
  }
  return out;
}

expected<command> read_export(std::span<const std::string> arguments) {
  static constexpr std::string_view allowed[]{"--include-hardware", "--no-preferences",
                                              "--packages-only"};
  export_to out;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if ((arguments[i] == "-o" || arguments[i] == "--output") && i + 1 < arguments.size())
      out.path = arguments[++i];
    else
      rest.push_back(arguments[i]);
  const auto given = sort_out(rest, allowed);
  if (!given)
    return unexpected{given.error()};
  if (!given->plain.empty())
    return misused("unexpected '" + given->plain.front() + "'");
  if (out.path.empty())
    return misused("export: -o FILE");
  const bool packages_only = given->has("--packages-only");
  out.include_hardware = given->has("--include-hardware") && !packages_only;
  out.include_preferences = !given->has("--no-preferences") && !packages_only;
  return command{std::move(out)};
}

expected<std::string> one_file(std::string_view verb, const words& given) {
  if (given.plain.size() != 1 || given.plain.front().empty())
    return misused(std::string{verb} + ": one FILE");
  return given.plain.front();
}

expected<command> read_import(std::span<const std::string> arguments) {
  static constexpr std::string_view allowed[]{"--dry-run", "--force", "--packages-only",
                                              "--preferences-only"};
  const auto given = sort_out(arguments, allowed);
  if (!given)
    return unexpected{given.error()};
  auto path = one_file("import", *given);
  if (!path)
    return unexpected{std::move(path).error()};
  import_from out;
  out.path = *std::move(path);
  out.dry_run = given->has("--dry-run");
  out.force = given->has("--force");
  const bool packages = given->has("--packages-only");
  const bool preferences = given->has("--preferences-only");
  if (packages && preferences)
    return misused("--packages-only and --preferences-only exclude each other");
  if (packages || preferences)
    out.sections = {packages ? "packages" : "preferences"};
  return command{std::move(out)};
}

} // namespace

expected<command> parse_command(std::span<const std::string> arguments) {
  if (arguments.empty())
    return misused("no command: export, import or diff");
  const auto& verb = arguments.front();
  const auto rest = arguments.subspan(1);
  if (verb == "export")
    return read_export(rest);
  if (verb == "import")
    return read_import(rest);
  if (verb != "diff")
    return misused("unexpected '" + verb + "': export, import or diff");
  const auto given = sort_out(rest, {});
  if (!given)
    return unexpected{given.error()};
  auto path = one_file("diff", *given);
  if (!path)
    return unexpected{std::move(path).error()};
  return command{diff_file{*std::move(path)}};
}

} // namespace cortex::config_manager
