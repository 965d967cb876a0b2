#include "cortex/accelerator_limits.hpp"

#include "cortex/accelerator_limits/actor.hpp"
#include "cortex/accelerator_limits/schema.hpp"
#include "cortex/detail/actor_name.hpp"
#include "cortex/text/home.hpp"

#include <algorithm>
#include <utility>

namespace cortex::accelerator_limits {
namespace {

expected<storage::database> open_file(const runtime& rt, const options& wanted) {
  auto path = wanted.path;
  if (path.empty()) {
    const auto home = text::home_folder();
    if (!home)
      return fail(errc::not_found, "no home folder, so no default path");
    path = *home + "/.cortex/limits.db";
  }
  auto database = wanted.database;
  database.schema = {"accelerator_limits", base_schema, {}};
  database.level = wanted.level;
  return storage::database::open(rt, path, database);
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
  auto content = read_all(*file);
  if (!content)
    return unexpected{std::move(content).error()};
  auto notices = notices_of(*content);
  if (content->orphans > 0)
    static_cast<void>(file->write_async(delete_orphans));

  constexpr auto longest
    = std::chrono::floor<std::chrono::milliseconds>(std::chrono::nanoseconds::max());
  wanted.actor.tick = std::min(wanted.poll_interval, longest);
  actor_parts parts{*file, rt.unowned(), wanted.level};
  auto loaded = std::make_shared<std::optional<file_content>>(*std::move(content));
  runtime host = rt;
  auto spawned = host.spawn<actor>(
    detail::actor_name("accelerator_limits", file->path()),
    [parts, loaded]() mutable -> std::unique_ptr<actor> {
      if (auto first = std::exchange(*loaded, std::nullopt))
        return std::make_unique<actor>(parts, *std::move(first));
      auto again = read_all(parts.file); // after a crash
      return again ? std::make_unique<actor>(parts, *std::move(again)) : nullptr;
    },
    wanted.actor);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  for (const auto& notice : notices)
    rt.log(severity::warning, "accelerator_limits", notice);
  return limits{*spawned, *std::move(file), std::move(notices)};
}

} // namespace cortex::accelerator_limits
