#include "cortex/kv_cache/registry_core.hpp"

#include <utility>

namespace cortex::kv_cache::detail {
namespace {

/// What is about to be replaced keeps its memory under this name; no pool of ours has it.
std::string old_name(const std::string& segment) {
  return segment + '~';
}

void retire(const std::string& directory, const std::string& name) {
  if (const auto old = segment::open(directory, name))
    old->retire();
}

} // namespace

expected<void> registry_core::check_room(std::int64_t size_bytes) const {
  auto room = available_bytes(how_.directory);
  if (!room)
    return unexpected{std::move(room).error()};
  const auto wanted = static_cast<std::uint64_t>(size_bytes) + tail_bytes;
  if (wanted > *room)
    return fail(errc::no_space,
                std::to_string(wanted) + " bytes asked for, " + std::to_string(*room) + " free");
  return {};
}

/// Whether a pool may take the name; what a killed process has left there goes.
expected<void> registry_core::clear_way(const std::string& segment, bool row, bool force) const {
  if (force)
    return {};
  if (row)
    return fail(errc::already_exists, "pool of segment '" + segment + "' exists");
  auto books = books_name(segment);
  if (!books)
    return unexpected{std::move(books).error()};
  if (!segment_exists(how_.directory, segment) && !segment_exists(how_.directory, *books))
    return {};
  if (!is_leftover(how_.directory, segment, id_))
    return fail(errc::already_exists, "segment '" + segment + "' exists, and no pool has it");
  retire(how_.directory, segment);
  return remove_segments(how_.directory, segment);
}

expected<pool_row> registry_core::create(const configuration& what,
                                         const create_options& how) const {
  if (auto good = validate(what); !good)
    return unexpected{std::move(good).error()};
  const auto claimed = actor_.call(reserve{what.name});
  if (!claimed)
    return unexpected{claimed.error()};
  const auto name = segment_name(what.name);
  if (auto free = clear_way(name, claimed->has_row, how.force); !free)
    return unexpected{std::move(free).error()};
  if (auto room = check_room(what.size_bytes); !room)
    return unexpected{std::move(room).error()};
  auto shape = plan_geometry(static_cast<std::uint64_t>(what.size_bytes), how.block_bytes,
                             what.max_sequences);
  if (!shape)
    return unexpected{std::move(shape).error()};
  auto made
    = segment::make(how_.directory, {name, *shape, *policy_of(what.policy), what.max_sequences, id_,
                                     claimed->hits, claimed->misses});
  if (!made)
    return unexpected{std::move(made).error()};
  auto stored = swap_in(std::make_shared<const segment>(*std::move(made)), what);
  if (!stored)
    return unexpected{std::move(stored).error()};
  return pool_row{what, name};
}

/// Gives a new segment its name and stores its row; on failure all is as it was.
expected<saved> registry_core::swap_in(const std::shared_ptr<const segment>& made,
                                       const configuration& what) const {
  const auto& name = made->name();
  const auto aside = old_name(name);
  if (auto moved = rename_segments(how_.directory, name, aside); !moved)
    return unexpected{std::move(moved).error()};
  const auto undo = [&](error why) -> expected<saved> {
    static_cast<void>(rename_segments(how_.directory, aside, name));
    return unexpected{std::move(why)};
  };
  if (auto named = made->publish_as(how_.directory); !named)
    return undo(std::move(named).error());
  auto stored = actor_.call(record{what, made}, std::chrono::nanoseconds::max());
  if (!stored) {
    made->retire(); // somebody may have found it
    static_cast<void>(remove_segments(how_.directory, name));
    return undo(std::move(stored).error());
  }
  retire(how_.directory, aside);
  static_cast<void>(remove_segments(how_.directory, aside)); // else the next open does
  return stored;
}

expected<void> registry_core::destroy(const std::string& name) const {
  const auto claimed = actor_.call(reserve{name});
  if (!claimed)
    return unexpected{claimed.error()};
  if (!claimed->has_row)
    return fail(errc::not_found, "no pool '" + name + "'");
  // The rows first: a row without its memory would promise what is not there; memory without a row
  // is found and freed when the file is next opened.
  if (auto gone = actor_.call(forget{name}); !gone)
    return gone;
  if (!claimed->segment || !books_name(*claimed->segment))
    return {}; // no name of a segment that a pool may have
  retire(how_.directory, *claimed->segment);
  return remove_segments(how_.directory, *claimed->segment);
}

expected<pool> registry_core::attach(const std::string& name) const {
  auto row = actor_.call(get{name});
  if (!row)
    return unexpected{std::move(row).error()};
  if (!*row)
    return fail(errc::not_found, "no pool '" + name + "'");
  return pool::attach((*row)->segment, {how_.directory, how_.patience, wall_});
}

expected<void> registry_core::flush() const {
  if (how_.access == storage::access::read_only)
    return fail(errc::read_only, "'" + database_.path() + "' is open read-only");
  const auto all = actor_.call(tracked{});
  if (!all)
    return unexpected{all.error()};
  for (const auto& each : *all) {
    auto content = take_snapshot(*each.memory, how_.patience);
    if (!content && content.error().code == errc::closed)
      continue; // destroyed meanwhile
    if (!content)
      return unexpected{std::move(content).error()};
    if (auto written = actor_.call(write_snapshot{each, *std::move(content)}); !written)
      return written;
  }
  return {};
}

} // namespace cortex::kv_cache::detail
