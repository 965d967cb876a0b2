#include "cortex/accelerator_limits.hpp"

#include "cortex/accelerator_limits/actor.hpp"
#include "cortex/accelerator_limits/schema.hpp"
#include "cortex/detail/actor_name.hpp"
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/text/home.hpp"

#include <utility>

namespace cortex::accelerator_limits {
namespace {

expected<storage::database> open_file(const runtime& rt, const options& wanted) {
  const auto path = text::path_or(wanted.path, "~/.cortex/limits.db");
  if (!path)
    return unexpected{path.error()};
  auto database = wanted.database;
  database.schema = {"accelerator_limits", base_schema, {}};
  database.level = wanted.level;
  return storage::database::open(rt, *path, database);
}

expected<file_content> read_all(storage::database& file) {
  return file.read([](storage::snapshot& view) { return read_file(view); },
                   {.owner = "accelerator_limits load"});
}

std::vector<std::string> notices_of(const file_content& content) {
  std::vector<std::string> notices;
  for (const auto& name : content.profiles.list().unreadable)
    notices.push_back(content.profiles.get(name).error().detail);
  if (content.nameless > 0)
    notices.push_back(std::to_string(content.nameless) + " rows have no name");
  return notices;
}

} // namespace

limits::limits(const handle& actor, storage::database database, std::vector<std::string> notices)
  : handle(actor),
    database_(std::make_shared<const storage::database>(std::move(database))),
    notices_(std::make_shared<const std::vector<std::string>>(std::move(notices))) {}

expected<applied> limits::apply(const std::string& name, const target& to) const {
  const auto found = call(get{name});
  if (!found)
    return unexpected{found.error()};
  return accelerator_limits::apply(*found, to);
}

expected<applied> limits::plan(const std::string& name, const target& to) const {
  const auto found = call(get{name});
  if (!found)
    return unexpected{found.error()};
  return accelerator_limits::plan(*found, to);
}

expected<limits> open(const runtime& rt, options wanted) {
  if (wanted.poll_interval.count() <= 0)
    return fail(errc::invalid_argument, "poll_interval: more than 0");
  auto file = open_file(rt, wanted);
  if (!file)
    return unexpected{std::move(file).error()};
  wanted.actor.tick = detail::tick_of(wanted.poll_interval);
  std::vector<std::string> notices;
  auto spawned = detail::spawn_loaded<actor>(
    rt, detail::actor_name("accelerator_limits", file->path()),
    actor_parts{*file, rt.unowned(), wanted.level}, read_all,
    [&](const file_content& content) {
      notices = notices_of(content);
      if (content.orphans > 0)
        static_cast<void>(file->write_async(delete_orphans));
    },
    wanted.actor);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  for (const auto& notice : notices)
    rt.log(severity::warning, "accelerator_limits", notice);
  return limits{*spawned, *std::move(file), std::move(notices)};
}

} // namespace cortex::accelerator_limits
