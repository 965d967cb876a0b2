#include "cortex/config_manager.hpp"

#include "cortex/config_manager/files.hpp"
#include "cortex/config_manager/manager.hpp"
#include "cortex/detail/actor_name.hpp"
#include "cortex/reply_slot.hpp"
#include "cortex/text/home.hpp"

#include <unistd.h>

#include <filesystem>

namespace cortex::config_manager {
namespace {

using variables = std::vector<std::pair<std::string, std::string>>;

bool is_mapping_or_null(const yaml& what) noexcept {
  return what.is_null() || what.kind() == yaml_kind::mapping;
}

expected<void> check(const options& wanted) {
  std::string wrong;
  const auto require = [&wrong](bool good, const char* what) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + std::string{what};
  };
  require(wanted.query_limit.count() > 0, "query_limit: more than 0");
  require(wanted.install_limit.count() > 0, "install_limit: more than 0");
  require(wanted.lock_patience.count() > 0, "lock_patience: more than 0");
  require(is_mapping_or_null(wanted.defaults), "defaults: a mapping");
  require(is_mapping_or_null(wanted.arguments), "arguments: a mapping");
  require(wanted.path.find('\0') == std::string::npos
            && wanted.directory.find('\0') == std::string::npos,
          "path: without U+0000");
  if (!wrong.empty())
    return fail(errc::invalid_argument, wrong);
  return {};
}

/// Makes the folder, and says where the file is in the end.
expected<std::string> prepare_folder(const options& wanted) {
  auto directory = wanted.directory;
  auto path = wanted.path;
  if (directory.empty() && path.empty()) {
    const auto home = text::home_folder();
    if (!home)
      return fail(errc::not_found, "there is no home folder for ~/.cortex/preferences.yaml");
    directory = *home + "/.cortex";
  }
  if (path.empty())
    path = directory + "/preferences.yaml";
  auto made = expected<void>{};
  if (!directory.empty())
    made = secure_folder(directory);
  else if (const auto folder = std::filesystem::path{path}.parent_path(); !folder.empty())
    made = ensure_folder(folder.string());
  if (!made)
    return unexpected{std::move(made).error()};
  return resolved(path);
}

variables environment_of(const options& wanted) {
  if (wanted.environment)
    return *wanted.environment;
  variables out;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view line{*each};
    if (const auto equals = line.find('='); equals != line.npos)
      out.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return out;
}

store_setting setting_of(const options& wanted, const std::string& path,
                         const variables& environment, std::vector<std::string>& notices) {
  return {path,
          wanted.system_file,
          {wanted.limits, wanted.strict},
          {origin::defaults, "", wanted.defaults, {}},
          environment_layer(environment, wanted.environment_prefix, notices),
          {origin::argument, "", wanted.arguments, {}},
          wanted.known_keys,
          wanted.lock_patience};
}

/// Watches before the files are read, so that no change falls between.
std::optional<watcher> prepare_watch(const runtime& rt, const options& wanted,
                                     const std::string& path, std::vector<std::string>& notices) {
  if (!wanted.watch || rt.options().deterministic)
    return std::nullopt;
  std::vector<std::string> files{path};
  if (!wanted.system_file.empty())
    files.push_back(wanted.system_file);
  auto prepared = watcher::prepare(files);
  if (prepared)
    return *std::move(prepared);
  notices.push_back("changes by others are not noticed: " + to_string(prepared.error()));
  return std::nullopt;
}

/// Each manager has an actor; several may have the same file open.
expected<cortex::handle<own_protocol>> spawn_actor(runtime host, const std::string& path,
                                                   const shared_session& in) {
  constexpr int most_managers = 10'000;
  const auto name = cortex::detail::actor_name("config_manager", path);
  for (int number = 1;; ++number) {
    auto spawned = host.spawn<actor>(
      number == 1 ? name : name + '-' + std::to_string(number),
      [in]() -> std::unique_ptr<actor> { return std::make_unique<actor>(in); }, in->how.actor);
    if (spawned || spawned.error() != errc::already_exists || number == most_managers)
      return spawned;
  }
}

} // namespace

expected<manager> open(const runtime& rt, options wanted) {
  if (auto refused = cortex::detail::blocking_refused("opening a configuration"))
    return unexpected{*std::move(refused)};
  if (auto good = check(wanted); !good)
    return unexpected{std::move(good).error()};
  auto path = prepare_folder(wanted);
  if (!path)
    return unexpected{std::move(path).error()};
  std::vector<std::string> notices;
  if (const auto closed = make_private(*path); !closed)
    notices.push_back(to_string(closed.error()));
  else if (*closed)
    notices.push_back("'" + *path + "' was open to others; it is the user's alone now");
  auto calls = cortex::detail::host_calls::attach(rt, "work of config_manager");
  if (!calls)
    return unexpected{std::move(calls).error()};
  if (!wanted.runner)
    wanted.runner = run_process;
  auto environment = environment_of(wanted);
  auto setting = setting_of(wanted, *path, environment, notices);
  auto watch = prepare_watch(rt, wanted, *path, notices);
  auto queue = std::make_shared<preferences_queue>(rt.unowned(), *calls, std::move(setting));
  const auto in = std::make_shared<const session>(
    session{rt.unowned(), std::move(wanted), std::move(environment), *std::move(calls), queue});
  auto spawned = spawn_actor(rt, *path, in);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  if (watch) {
    auto started = watch->start(
      [weak = std::weak_ptr{queue}] {
        if (const auto alive = weak.lock())
          alive->look_again();
      },
      in->calls->stopping());
    if (!started)
      notices.push_back("changes by others are not noticed: " + to_string(started.error()));
  }
  for (const auto& notice : notices)
    rt.log(severity::warning, "config_manager", notice);
  if (const auto problem = queue->values().get()->problem)
    rt.log(severity::error, "config_manager", problem->detail);
  const handle talks_to = *spawned;
  return manager{
    talks_to, std::make_shared<const detail::manager_parts>(
                *std::move(spawned), in, *std::move(path), std::move(notices), std::move(watch))};
}

} // namespace cortex::config_manager
