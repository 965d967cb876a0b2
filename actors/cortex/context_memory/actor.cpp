#include "cortex/context_memory/actor.hpp"

#include "cortex/context_memory/intake.hpp"
#include "cortex/context_memory/prompt_block.hpp"
#include "cortex/context_memory/summary.hpp"
#include "cortex/detail/since_read.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace cortex::context_memory {
namespace {

constexpr text::micros day = std::int64_t{86'400} * 1'000'000;
constexpr text::micros pattern_window = 30 * day;
constexpr text::micros recent_window = 7 * day;
constexpr std::int64_t fewest_for_pattern = 3;
constexpr std::size_t newest_for_suggestions = 50;
constexpr double least_certain_for_suggestions = 0.7;

/// A future that is answered already.
template <class T>
future<T> answered(expected<T> with) {
  auto [answer, later] = make_promise<T>();
  answer.set(std::move(with));
  return std::move(later);
}
template <class T>
future<T> refused(error why) {
  return answered<T>(expected<T>{unexpected{std::move(why)}});
}

expected<void> check_limit(std::int64_t limit) {
  if (limit < 0)
    return fail(errc::invalid_argument, "limit: not negative");
  return {};
}

/// Counts what only the file knows.
expected<summary> complete(storage::snapshot& view, summary counted) {
  auto found = view.one<std::int64_t, std::int64_t>(
    "SELECT (SELECT count(*) FROM patterns), "
    "(SELECT count(*) FROM suggestions WHERE dismissed = 0)");
  if (!found)
    return unexpected{std::move(found).error()};
  if (*found)
    std::tie(counted.total_patterns, counted.active_suggestions) = **found;
  return counted;
}

expected<material> gather(storage::snapshot& view, text::micros newer_than,
                          const damage_sink& damaged) {
  auto newest = read_newest(view, newest_for_suggestions, newer_than, damaged);
  if (!newest)
    return unexpected{std::move(newest).error()};
  auto certain = read_patterns(view, {}, least_certain_for_suggestions, damaged);
  if (!certain)
    return unexpected{std::move(certain).error()};
  return material{*std::move(newest), *std::move(certain)};
}

expected<block_material> gather_block(storage::snapshot& view, const std::vector<std::int64_t>& ids,
                                      const damage_sink& damaged) {
  block_material out;
  auto read = each_preference(view, damaged, [&](const preference_row& each) -> expected<void> {
    if (out.preferences.size() < block_preferences)
      out.preferences.push_back(each);
    return {};
  });
  if (!read)
    return unexpected{std::move(read).error()};
  auto similar_ones = read_entries(view, ids, damaged);
  if (!similar_ones)
    return unexpected{std::move(similar_ones).error()};
  out.similar = *std::move(similar_ones);
  auto known = read_patterns(view, {}, patterns{}.min_confidence, damaged);
  if (!known)
    return unexpected{std::move(known).error()};
  out.patterns = *std::move(known);
  out.patterns.resize(std::min(out.patterns.size(), block_patterns));
  return out;
}

} // namespace

actor::actor(actor_parts parts, std::shared_ptr<entry_table> entries, std::uint64_t foreign_changes)
  : parts_(std::move(parts)), entries_(std::move(entries)), foreign_changes_(foreign_changes) {}

// -- entries --------------------------------------------------------------------------------------

void actor::operator()(record& request, promise<recorded> reply) {
  auto ready = prepare(std::move(request.what), now(), parts_.redact);
  if (!ready) {
    reply.set(unexpected{std::move(ready).error()});
    return;
  }
  auto row = std::make_shared<const new_entry>(*std::move(ready));
  const auto& what = row->what;
  const auto of = cortex::detail::unique_number();
  const auto group = entries_->announce(what.category, what.action, what.timestamp);
  under_way_.emplace(of, under_way{row, group});
  auto write
    = [row, change = count(*row, group)](storage::transaction& in) -> expected<std::int64_t> {
    auto id = insert_entry(in, *row);
    if (!id || change.frequency < fewest_for_pattern)
      return id;
    if (auto counted = write_pattern(in, *row, change); !counted)
      return unexpected{std::move(counted).error()};
    return id;
  };
  // Memory hears of the entry before the asker does: what the asker sends next finds it.
  static_cast<void>(
    parts_.file.write_async(std::move(write), write_level())
      .then(inline_executor(), [self = self_, of, row, reply = std::move(reply)](
                                 expected<storage::written<std::int64_t>> done) mutable {
        const auto me = self.lock();
        if (me.valid() && done)
          me.tell(stored{of, done->value, row});
        else if (me.valid())
          me.tell(not_stored{of});
        if (done)
          reply.set(recorded{done->value, row->what.timestamp, done->commit});
        else
          reply.set(unexpected{std::move(done).error()});
      }));
}

future<std::vector<entry>> actor::operator()(const similar& request) {
  if (auto good = check_limit(request.limit); !good)
    return refused<std::vector<entry>>(std::move(good).error());
  auto ids = ids_of(entries_->similar(request.context, static_cast<std::size_t>(request.limit)));
  if (ids.empty())
    return answered<std::vector<entry>>(std::vector<entry>{});
  return parts_.file.read_async(
    [ids = std::move(ids), damaged = damaged()](storage::snapshot& view) {
      return read_entries(view, ids, damaged);
    },
    {.owner = "context_memory similar"});
}

void actor::operator()(const forget& request, promise<forgotten> reply) {
  const auto& asked = request.which;
  const bool any = !asked.id && !asked.category && !asked.from && !asked.before;
  if (request.all != any) {
    reply.set(fail(errc::invalid_argument, "either a filter or 'all'"));
    return;
  }
  selection which{asked.id, asked.category, {}, {}};
  if (asked.from)
    which.from = micros_of(*asked.from);
  if (asked.before)
    which.before = micros_of(*asked.before);
  auto gone = remove(entries_->select(which));
  const auto of = gone.of;
  auto write = [ids = std::move(gone.ids), vanished = std::move(gone.vanished)](
                 storage::transaction& in) { return forget_entries(in, *ids, vanished); };
  static_cast<void>(
    parts_.file.write_async(std::move(write), write_level())
      .then(inline_executor(), [self = self_, of, reply = std::move(reply)](
                                 expected<storage::written<forgotten>> done) mutable {
        if (const auto me = self.lock(); me.valid())
          me.tell(removal_ended{of, done.has_value()});
        if (!done) {
          reply.set(unexpected{std::move(done).error()});
          return;
        }
        done->value.commit = done->commit;
        reply.set(done->value);
      }));
}

void actor::operator()(const merge& request, promise<imported> reply) {
  if (request.content == nullptr) {
    reply.set(fail(errc::invalid_argument, "no document"));
    return;
  }
  auto write = [from = request.content, stamp = text::format_local(micros_of(now()))](
                 storage::transaction& in) { return merge_document(in, *from, stamp); };
  auto how = write_level();
  how.lane = storage::lane::bulk;
  static_cast<void>(
    parts_.file.write_async(std::move(write), how)
      .then(inline_executor(), [self = self_, from = request.content, reply = std::move(reply)](
                                 expected<storage::written<merged>> done) mutable {
        if (!done) {
          reply.set(unexpected{std::move(done).error()});
          return;
        }
        auto counts = done->value.counts;
        counts.commit = done->commit;
        if (const auto me = self.lock(); me.valid())
          me.tell(merged_in{std::move(from), std::move(done->value.entries)});
        reply.set(counts);
      }));
}

// -- patterns, suggestions, preferences -----------------------------------------------------------

future<std::vector<pattern>> actor::operator()(const patterns& request) {
  if (std::isnan(request.min_confidence))
    return refused<std::vector<pattern>>({errc::invalid_argument, "min_confidence: no number"});
  return parts_.file.read_async(
    [type = request.type, least = request.min_confidence, damaged = damaged()](
      storage::snapshot& view) { return read_patterns(view, type, least, damaged); },
    {.owner = "context_memory patterns"});
}

void actor::operator()(suggest& request, promise<std::vector<suggestion>> reply) {
  static_cast<void>(
    parts_.file
      .read_async([newer_than = micros_of(now()) - recent_window, damaged = damaged()](
                    storage::snapshot& view) { return gather(view, newer_than, damaged); },
                  {.owner = "context_memory suggest"})
      .then(inline_executor(), [self = self_, context = std::move(request.context),
                                reply = std::move(reply)](expected<material> found) mutable {
        // A memory that has ended drops the promise, which is an answer, too.
        if (const auto me = self.lock(); me.valid())
          me.tell(gathered{std::move(found), std::move(context), std::move(reply)});
      }));
}

void actor::operator()(gathered& request) {
  if (!request.found) {
    request.answer.set(unexpected{std::move(request.found).error()});
    return;
  }
  auto drawn = draw_suggestions(*request.found, *entries_, request.context,
                                text::format_local(micros_of(now())));
  static_cast<void>(
    parts_.file
      .write_async([drawn = std::move(drawn)](
                     storage::transaction& in) { return store_suggestions(in, drawn); },
                   write_level())
      .then(inline_executor(), [reply = std::move(request.answer)](
                                 expected<storage::written<std::vector<suggestion>>> done) mutable {
        if (done)
          reply.set(std::move(done->value));
        else
          reply.set(unexpected{std::move(done).error()});
      }));
}

future<std::vector<suggestion>> actor::operator()(const active_suggestions& request) {
  if (auto good = check_limit(request.limit); !good)
    return refused<std::vector<suggestion>>(std::move(good).error());
  return parts_.file.read_async(
    [limit = request.limit, damaged = damaged()](storage::snapshot& view) {
      return read_active(view, limit, damaged);
    },
    {.owner = "context_memory suggestions"});
}

future<void> actor::operator()(const dismiss& request) {
  auto write = [id = request.suggestion_id, stamp = text::format_local(micros_of(now()))](
                 storage::transaction& in) { return dismiss_suggestion(in, id, stamp); };
  return parts_.file.write_async(std::move(write), write_level())
    .then(inline_executor(), [](expected<storage::written<void>> done) -> expected<void> {
      if (!done)
        return unexpected{std::move(done).error()};
      return {};
    });
}

future<void> actor::operator()(const set_preference& request) {
  auto good = check_text("key", request.key);
  if (good && request.category)
    good = check_text("category", *request.category);
  if (!good)
    return refused<void>(std::move(good).error());
  auto value = checked_json("value", request.value);
  if (!value)
    return refused<void>(std::move(value).error());
  auto write = [key = request.key, value = *std::move(value), category = request.category,
                stamp = text::format_local(micros_of(now()))](storage::transaction& in) {
    return write_preference(in, key, value, category, stamp);
  };
  return parts_.file.write_async(std::move(write), write_level())
    .then(inline_executor(), [](expected<storage::written<void>> done) -> expected<void> {
      if (!done)
        return unexpected{std::move(done).error()};
      return {};
    });
}

future<std::optional<json>> actor::operator()(const get_preference& request) {
  return parts_.file.read_async([key = request.key, damaged = damaged()](storage::snapshot& view) {
    return read_preference(view, key, damaged);
  });
}

future<summary> actor::operator()(const statistics& /*request*/) {
  summary counted;
  counted.total_entries = entries_->size();
  counted.by_category = entries_->by_category();
  if (counted.total_entries > 0)
    counted.success_rate = percent(entries_->successes(), counted.total_entries);
  counted.recent_activity = entries_->newer_than(micros_of(now()) - recent_window);
  counted.damaged = parts_.damage->count();
  return parts_.file.read_async(
    [counted = std::move(counted)](storage::snapshot& view) { return complete(view, counted); });
}

future<block> actor::operator()(const context_block& request) {
  if (auto good = validate(request); !good)
    return refused<block>(std::move(good).error());
  auto ids = ids_of(entries_->similar(request.about, block_entries));
  return parts_.file.read_async(
    [ids = std::move(ids), wanted = request,
     damaged = damaged()](storage::snapshot& view) -> expected<block> {
      auto found = gather_block(view, ids, damaged);
      if (!found)
        return unexpected{std::move(found).error()};
      return build_block(*found, wanted);
    },
    {.owner = "context_memory block"});
}

// -- parts ----------------------------------------------------------------------------------------

pattern_change actor::count(const new_entry& row, group_number group) const {
  const auto& what = row.what;
  return {pattern_id_of(what.category, what.action),
          entries_->count_since(group, micros_of(now()) - pattern_window)};
}

std::vector<std::int64_t> actor::ids_of(const std::vector<slot>& entries) const {
  std::vector<std::int64_t> ids;
  ids.reserve(entries.size());
  for (const auto each : entries)
    ids.push_back(entries_->id_of(each));
  return ids;
}

damage_sink actor::damaged() const {
  return [damage = parts_.damage](std::string_view where) { damage->note(where); };
}

storage::write_options actor::write_level() const noexcept {
  storage::write_options how;
  how.level = parts_.level;
  return how;
}

} // namespace cortex::context_memory
