#include "cortex/context_memory/actor.hpp"
#include "cortex/context_memory/intake.hpp"
#include "cortex/detail/since_read.hpp"

#include <algorithm>
#include <utility>

namespace cortex::context_memory {
namespace {

constexpr std::size_t removed_at_once = 5'000; // by retention, in one transaction

facts facts_of(const new_entry& row, std::int64_t id) {
  const auto& what = row.what;
  return {id, what.timestamp, what.category, what.context, what.action, what.success};
}

} // namespace

// -- what became of it ----------------------------------------------------------------------------

void actor::operator()(const stored& request) {
  const auto known = under_way_.find(request.of);
  const bool announced = known != under_way_.end() && known->second.row == request.row;
  // The file may have been read again just after the entry was committed.
  if (!entries_->contains(request.id))
    add(facts_of(*request.row, request.id), announced);
  else if (announced)
    entries_->retract(known->second.group, request.row->what.timestamp);
  if (announced)
    under_way_.erase(known);
}

void actor::operator()(const not_stored& request) {
  const auto known = under_way_.find(request.of);
  if (known == under_way_.end())
    return;
  const auto row = known->second.row;
  const auto group = known->second.group;
  under_way_.erase(known);
  entries_->retract(group, row->what.timestamp);
  // Entries that went with it have counted it.
  static_cast<void>(parts_.file.write_async(
    [row, change = count(*row, group)](storage::transaction& in) {
      return correct_pattern(in, change, row->created_at);
    },
    write_level()));
}

void actor::operator()(const merged_in& request) {
  for (const auto& [id, place] : request.entries)
    if (!entries_->contains(id))
      add(facts_of(request.from->entries[place], id), false);
}

void actor::operator()(const removal_ended& request) {
  const auto known = removals_.find(request.of);
  if (known == removals_.end())
    return;
  if (request.done && reading_ != 0) // what is being read may still have them
    changes_.push_back({std::nullopt, known->second});
  removals_.erase(known);
  if (!request.done)
    reload();
}

void actor::operator()(reloaded& request) {
  if (request.reading != reading_)
    return; // asked for before a crash
  reading_ = 0;
  auto changes = std::exchange(changes_, {});
  if (!request.content) {
    parts_.rt.log(severity::error, "context_memory",
                  "cannot read the memory again: " + to_string(request.content.error()));
    reload_again_ = true; // at the next tick
    return;
  }
  entries_ = *std::move(request.content);
  for (auto& [of, each] : under_way_) {
    const auto& what = each.row->what;
    each.group = entries_->announce(what.category, what.action, what.timestamp);
  }
  for (const auto& each : changes) { // each is in the file, before or behind what was read
    if (each.added && !entries_->contains(each.added->id))
      entries_->insert(*each.added, false);
    if (each.removed != nullptr)
      static_cast<void>(entries_->erase(*each.removed));
  }
  for (const auto& [of, ids] : removals_)
    static_cast<void>(entries_->erase(*ids));
}

// -- upkeep ---------------------------------------------------------------------------------------

void actor::on_start(weak_handle<own_protocol> self) {
  self_ = std::move(self);
}

void actor::on_tick() {
  apply_retention();
  // Somebody else wrote the file, for example the original: memory follows it.
  const auto seen = parts_.file.stats().foreign_changes;
  if (std::exchange(foreign_changes_, seen) != seen || std::exchange(reload_again_, false))
    reload();
}

void actor::apply_retention() {
  constexpr std::chrono::minutes period{1};
  const auto at = now();
  if ((!parts_.max_age && !parts_.max_entries)
      || (at < retention_due_ && retention_due_ - at <= period)) // a clock may be set back
    return;
  std::vector<std::int64_t> ids;
  if (parts_.max_age) {
    const auto age = std::chrono::duration_cast<std::chrono::microseconds>(
      std::min(*parts_.max_age, std::chrono::seconds{std::chrono::hours{24 * 365 * 1'000}}));
    ids = entries_->older_than(micros_of(at) - age.count(), removed_at_once);
  }
  if (const auto bound = parts_.max_entries; ids.empty() && bound && entries_->size() > *bound)
    ids = entries_->oldest(
      std::min(static_cast<std::size_t>(entries_->size() - *bound), removed_at_once));
  if (ids.empty()) {
    retention_due_ = at + period;
    return; // else there may be more: at the next tick
  }
  const auto gone = remove(std::move(ids));
  auto how = write_level();
  how.lane = storage::lane::maintenance;
  static_cast<void>(
    parts_.file
      .write_async([ids = gone.ids](storage::transaction& in) { return delete_entries(in, *ids); },
                   how)
      .then(inline_executor(),
            [self = self_, of = gone.of](expected<storage::written<std::int64_t>> done) {
              if (const auto me = self.lock(); me.valid())
                me.tell(removal_ended{of, done.has_value()});
            }));
}

void actor::reload() {
  if (reading_ != 0) {
    reload_again_ = true; // what is being read may be older than the reason to read it
    return;
  }
  reading_ = cortex::detail::unique_number();
  static_cast<void>(parts_.file
                      .read_async([](storage::snapshot& view) { return load_entries(view); },
                                  {.owner = "context_memory load"})
                      .then(inline_executor(), [self = self_, reading = reading_](
                                                 expected<std::shared_ptr<entry_table>> read) {
                        if (const auto me = self.lock(); me.valid())
                          me.tell(reloaded{reading, std::move(read)});
                      }));
}

void actor::add(facts what, bool announced) {
  entries_->insert(what, announced);
  if (reading_ != 0)
    changes_.push_back({std::move(what), nullptr});
}

actor::removal actor::remove(std::vector<std::int64_t> ids) {
  removal out;
  out.of = cortex::detail::unique_number();
  out.vanished = entries_->erase(ids);
  out.ids = std::make_shared<const std::vector<std::int64_t>>(std::move(ids));
  removals_.emplace(out.of, out.ids);
  return out;
}

} // namespace cortex::context_memory
