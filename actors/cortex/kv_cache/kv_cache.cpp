#include "cortex/kv_cache.hpp"

#include "cortex/detail/actor_name.hpp"
#include "cortex/detail/spawn_loaded.hpp"
#include "cortex/kv_cache/actor.hpp"
#include "cortex/kv_cache/registry_core.hpp"
#include "cortex/kv_cache/schema.hpp"
#include "cortex/text/home.hpp"

#include <utility>

namespace cortex::kv_cache {
namespace {

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.'
         || c == '_' || c == '-';
}

expected<storage::database> open_file(const runtime& rt, const options& wanted) {
  auto path = text::path_or(wanted.path, "~/.cortex/kv_cache.db");
  if (!path)
    return unexpected{std::move(path).error()};
  auto database = wanted.database;
  database.schema = {"kv_cache", base_schema, {}};
  database.level = wanted.level;
  database.access = wanted.access;
  return storage::database::open(rt, *path, database);
}

expected<file_content> read_all(storage::database& file) {
  return file.read([](storage::snapshot& view) { return read_file(view); },
                   {.owner = "kv_cache load"});
}

// Two registries on one file share it, so that the second one is refused.
std::string name_of(const storage::database& file, bool read_only) {
  const std::string name = cortex::detail::actor_name("kv_cache", file.path());
  return read_only ? name + ".read" : name;
}

std::vector<std::string> notices_of(const file_content& content,
                                    const std::vector<std::string>& freed) {
  std::vector<std::string> out;
  pool_table rows;
  rows.load(content);
  for (const auto& name : rows.unreadable())
    out.push_back("the row of pool '" + name + "' cannot be read");
  for (const auto& name : freed)
    out.push_back("segment '" + name + "' of a pool that is no more was freed");
  return out;
}

} // namespace

// -- configuration --------------------------------------------------------------------------------

std::optional<eviction_policy> policy_of(std::string_view name) noexcept {
  if (name == "lru")
    return eviction_policy::lru;
  if (name == "lfu")
    return eviction_policy::lfu;
  if (name == "fifo")
    return eviction_policy::fifo;
  return std::nullopt;
}

expected<void> validate(const configuration& what) {
  constexpr std::size_t longest_name = 200;
  std::string wrong;
  const auto expect = [&wrong](bool good, const char* rule) {
    if (!good)
      wrong += (wrong.empty() ? "" : "; ") + std::string{rule};
  };
  expect(!what.name.empty() && what.name.size() <= longest_name
           && std::ranges::all_of(what.name, is_name_character),
         "name: 1 to 200 of letters, digits, '.', '_' and '-'");
  expect(what.size_bytes > 0, "size_bytes: more than 0");
  expect(policy_of(what.policy).has_value(), "policy: lru, lfu or fifo");
  expect(what.max_sequences >= 1 && what.max_sequences <= max_sequence_limit,
         "max_sequences: 1 to 1000000");
  if (!wrong.empty())
    return fail(errc::invalid_argument, std::move(wrong));
  return {};
}

// -- registry -------------------------------------------------------------------------------------

expected<pool_row> registry::create(const configuration& what, const create_options& how) const {
  return core_->create(what, how);
}
expected<void> registry::destroy(const std::string& name) const {
  return core_->destroy(name);
}
expected<pool> registry::attach(const std::string& name) const {
  return core_->attach(name);
}
expected<void> registry::flush() const {
  return core_->flush();
}
const std::vector<std::string>& registry::notices() const noexcept {
  return core_->notices();
}
const storage::database& registry::database() const noexcept {
  return core_->database();
}

// -- open -----------------------------------------------------------------------------------------

expected<registry> open(const runtime& rt, options wanted) {
  if (wanted.flush_interval.count() <= 0 || wanted.patience.count() <= 0
      || wanted.directory.empty())
    return fail(errc::invalid_argument,
                "flush_interval, patience: more than 0; directory: not empty");
  const bool read_only = wanted.access == storage::access::read_only;
  auto file = open_file(rt, wanted);
  if (!file)
    return unexpected{std::move(file).error()};
  const auto id = detail::registry_id(file->path());

  actor_parts parts{*file, rt.unowned(), wanted.directory, wanted.level, read_only};
  wanted.actor.tick = cortex::detail::tick_of(wanted.flush_interval);
  std::vector<std::string> notices;
  auto spawned = cortex::detail::spawn_loaded<actor>(
    rt, name_of(*file, read_only), std::move(parts), read_all,
    [&](const file_content& content) {
      const auto freed = read_only ? std::vector<std::string>{}
                                   : detail::sweep(wanted.directory, id, content);
      notices = notices_of(content, freed);
    },
    wanted.actor);
  if (!spawned)
    return unexpected{std::move(spawned).error()};
  for (const auto& notice : notices)
    rt.log(severity::warning, "kv_cache", notice);
  auto core = std::make_shared<const detail::registry_core>(*spawned, *file, wanted, rt.wall(), id,
                                                            std::move(notices));
  return registry{*spawned, std::move(core)};
}

} // namespace cortex::kv_cache
