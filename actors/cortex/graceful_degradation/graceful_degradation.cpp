#include "cortex/graceful_degradation.hpp"

#include "cortex/detail/actor_name.hpp"
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/graceful_degradation/actor.hpp"
#include "cortex/graceful_degradation/manager.hpp"
#include "cortex/graceful_degradation/schema.hpp"
#include "cortex/text/home.hpp"

#include <utility>

namespace cortex::graceful_degradation {
namespace {

expected<void> check(const options& wanted) {
  std::string wrong;
  const auto require = [&wrong](bool good, const char* what) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + std::string{what};
  };
  require(wanted.max_entries > 0, "max_entries: at least 1");
  require(wanted.health_check_interval.count() > 0, "health_check_interval: more than 0");
  require(wanted.api_timeout.count() > 0, "api_timeout: more than 0");
  require(wanted.flush_interval.count() >= 0, "flush_interval: not negative");
  require(wanted.flush_hits >= 1, "flush_hits: at least 1");
  if (!wrong.empty())
    return fail(errc::invalid_argument, wrong);
  return {};
}

expected<file_content> read_all(storage::database& file) {
  return file.read([](storage::snapshot& view) { return read_file(view); },
                   {.owner = "graceful_degradation load"});
}

} // namespace

expected<manager> open(const runtime& rt, options wanted) {
  if (auto good = check(wanted); !good)
    return unexpected{std::move(good).error()};
  auto path = text::path_or(wanted.path, "~/.cortex/response_cache.db");
  if (!path)
    return unexpected{std::move(path).error()};
  wanted.database.schema = {"graceful_degradation", base_schema, {}};
  wanted.database.level = wanted.level;
  auto file = storage::database::open(rt, *path, wanted.database);
  if (!file)
    return unexpected{std::move(file).error()};

  actor_parts parts{*file,
                    rt.unowned(),
                    wanted.max_entries,
                    wanted.health_check_interval,
                    std::move(wanted.on_mode_change),
                    wanted.level,
                    wanted.flush_interval.count() == 0,
                    wanted.flush_hits};
  wanted.actor.tick = wanted.flush_interval.count() == 0
                        ? std::chrono::seconds{1}
                        : cortex::detail::tick_of(wanted.flush_interval);
  std::vector<std::string> notices;
  runtime host = rt;
  auto spawned = cortex::detail::spawn_loaded<actor>(
    host, cortex::detail::actor_name("graceful_degradation", file->path()), std::move(parts),
    read_all,
    [&notices](const file_content& content) {
      if (!content.damaged.empty())
        notices.push_back(std::to_string(content.damaged.size()) + " damaged rows were removed");
    },
    wanted.actor);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  auto calls = std::make_shared<cortex::detail::host_calls>("functions of graceful_degradation");
  if (auto attached = host.attach(calls); !attached)
    return unexpected{std::move(attached).error()};
  for (const auto& notice : notices)
    rt.log(severity::warning, "graceful_degradation", notice);
  const handle talks_to = *spawned;
  return manager{talks_to, std::make_shared<const detail::manager_parts>(
                             rt.unowned(), *std::move(file), *std::move(spawned),
                             wanted.patterns ? *std::move(wanted.patterns) : patterns::built_in(),
                             wanted.api_timeout, std::move(notices), std::move(calls))};
}

} // namespace cortex::graceful_degradation
