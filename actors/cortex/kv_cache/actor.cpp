#include "cortex/kv_cache/actor.hpp"

#include "cortex/detail/read_again.hpp"
#include "cortex/detail/since_read.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <utility>

namespace cortex::kv_cache {
namespace {

std::optional<pool_row> told(const stored_pool* row) {
  if (row == nullptr || !row->config)
    return std::nullopt;
  return pool_row{*row->config, row->segment.value_or("")};
}

/// A change of rows that the file refuses.
template <class Reply>
void refuse(const weak_handle<own_protocol>& self, promise<Reply> reply, error why) {
  auto kept = std::make_shared<promise<Reply>>(std::move(reply));
  auto answer = [kept, why = std::move(why)] { kept->set(unexpected{why}); };
  if (const auto me = self.lock(); me.valid())
    me.tell(write_failed{std::move(answer)});
  else
    answer();
}

} // namespace

actor::actor(actor_parts parts, file_content content, std::uint64_t foreign_changes)
  : parts_(std::move(parts)), foreign_changes_(foreign_changes) {
  table_.load(std::move(content));
  if (!parts_.read_only)
    track_all();
}

// -- requests -------------------------------------------------------------------------------------

void actor::operator()(const get& request, promise<std::optional<pool_row>> reply) {
  if (!parts_.read_only) {
    reply.set(told(table_.find(request.name)));
    return;
  }
  auto read = parts_.file.read_async(
    [name = request.name](storage::snapshot& view) { return read_pool(view, name); },
    {.owner = "kv_cache get"});
  static_cast<void>(
    read.then(inline_executor(),
              [reply = std::move(reply)](expected<std::optional<stored_pool>> row) mutable {
                if (row)
                  reply.set(told(*row ? &**row : nullptr));
                else
                  reply.set(unexpected{std::move(row).error()});
              }));
}

void actor::operator()(const list& /*request*/, promise<std::vector<configuration>> reply) {
  if (!parts_.read_only) {
    reply.set(table_.list());
    return;
  }
  auto read = parts_.file.read_async(read_file, {.owner = "kv_cache list"});
  static_cast<void>(read.then(inline_executor(),
                              [reply = std::move(reply)](expected<file_content> content) mutable {
                                if (!content) {
                                  reply.set(unexpected{std::move(content).error()});
                                  return;
                                }
                                pool_table rows;
                                rows.load(*std::move(content));
                                reply.set(rows.list());
                              }));
}

void actor::operator()(const save& request, promise<saved> reply) {
  const auto& config = request.config;
  if (!text::valid_utf8(config.name) || !text::valid_utf8(config.policy))
    reply.set(fail(errc::invalid_argument, "the name or the policy is no valid UTF-8"));
  else if (tracked_.contains(config.name))
    reply.set(fail(errc::in_use, "pool '" + config.name + "' has a segment"));
  else
    store(config, segment_name(config.name), false, std::move(reply));
}

expected<reservation> actor::operator()(const reserve& request) {
  if (parts_.read_only)
    return fail(errc::read_only, "'" + parts_.file.path() + "' is open read-only");
  std::erase_if(reserved_, [](const auto& each) { return each.second.expired(); });
  if (reserved_.contains(request.name))
    return fail(errc::in_use, "pool '" + request.name + "' is being made or destroyed");
  reservation out{std::make_shared<int>(0)};
  if (const auto* row = table_.find(request.name); row != nullptr) {
    out.has_row = true;
    out.segment = row->segment;
  }
  std::tie(out.hits, out.misses) = table_.counters(request.name);
  reserved_.emplace(request.name, out.claim);
  return out;
}

void actor::operator()(const record& request, promise<saved> reply) {
  auto& following = tracked_[request.config.name];
  following = {};
  following.memory = request.memory;
  store(request.config, request.memory->name(), true, std::move(reply));
}

void actor::operator()(const forget& request, promise<void> reply) {
  tracked_.erase(request.name);
  table_.erase(request.name);
  ++changes_;
  auto write = [name = request.name](storage::transaction& in) { return delete_pool(in, name); };
  static_cast<void>(parts_.file.write_async(std::move(write), write_level())
                      .then(inline_executor(), [self = self_, reply = std::move(reply)](
                                                 expected<storage::written<void>> done) mutable {
                        if (done)
                          reply.set({});
                        else
                          refuse(self, std::move(reply), std::move(done).error());
                      }));
}

std::vector<tracked_pool> actor::operator()(const tracked& /*request*/) {
  std::vector<tracked_pool> out;
  for (const auto& [name, each] : tracked_)
    out.push_back({name, each.memory});
  return out;
}

future<void> actor::operator()(const write_snapshot& request) {
  const auto found = tracked_.find(request.which.name);
  const bool current
    = found != tracked_.end() && found->second.memory == request.which.memory
      && (!found->second.written || request.content.changes >= found->second.changes);
  if (current)
    return write(found->first, found->second, request.content);
  // Newer rows were handed over before: they are in the file when this is.
  return parts_.file.write_async([](storage::transaction&) {}, write_level())
    .then(inline_executor(), [](expected<storage::written<void>> done) -> expected<void> {
      if (!done)
        return unexpected{std::move(done).error()};
      return {};
    });
}

void actor::operator()(write_failed& request) {
  if (request.answer)
    refusals_.push_back(std::move(request.answer));
  for (auto& [name, each] : tracked_) {
    each.mirror.forget();
    each.written = false;
  }
  reload();
}

void actor::operator()(reloaded& request) {
  if (request.reading != reading_)
    return; // asked for before a crash
  reading_ = 0;
  if (request.content && changes_read_ != changes_) { // it is older than memory
    reload();
    return;
  }
  stale_ = !request.content;
  if (request.content) {
    table_.load(*std::move(request.content));
    track_all();
  } else {
    parts_.rt.log(severity::error, "kv_cache",
                  "cannot read the pools again: " + to_string(request.content.error()));
  }
  for (auto& answer : std::exchange(refusals_, {}))
    answer();
}

// -- upkeep ---------------------------------------------------------------------------------------

void actor::on_start(weak_handle<own_protocol> self) {
  self_ = std::move(self);
}

void actor::on_tick() {
  if (parts_.read_only)
    return;
  const auto retired = [](const auto& each) { return each.second.memory->retired(); };
  if (std::ranges::any_of(tracked_, retired)) // what was to replace it may have failed
    track_all();
  write_behind();
  // Somebody else wrote the file, for example the original: memory follows it.
  const auto seen = parts_.file.stats().foreign_changes;
  if (std::exchange(foreign_changes_, seen) != seen || stale_)
    reload();
}

void actor::on_stop() {
  write_behind(); // the database commits it before it closes
}

// -- logic ----------------------------------------------------------------------------------------

// `fresh`: with a new segment, so without sequences.
void actor::store(const configuration& config, const std::string& segment, bool fresh,
                  promise<saved> reply) {
  table_.put(config, segment);
  ++changes_;
  auto write = [config, segment, fresh](storage::transaction& in) -> expected<void> {
    if (fresh)
      if (auto cleared = clear_entries(in, config.name); !cleared)
        return cleared;
    return write_pool(in, config, segment);
  };
  // Answered by whoever commits; memory is already ahead, and goes back if the file refuses.
  static_cast<void>(parts_.file.write_async(std::move(write), write_level())
                      .then(inline_executor(), [self = self_, reply = std::move(reply)](
                                                 expected<storage::written<void>> done) mutable {
                        if (done)
                          reply.set(saved{done->commit});
                        else
                          refuse(self, std::move(reply), std::move(done).error());
                      }));
}

// Without waiting: who holds a lock just now changes something, and the next tick sees it.
void actor::write_behind() {
  for (auto& [name, each] : tracked_) {
    if (each.written && each.changes == each.memory->changes())
      continue;
    if (auto content = take_snapshot(*each.memory, std::chrono::nanoseconds{0}))
      static_cast<void>(write(name, each, *std::move(content)));
  }
}

future<void> actor::write(const std::string& name, tracking& of, pool_snapshot content) {
  auto changes = of.mirror.update(name, std::move(content.sequences));
  changes.hits = content.hits;
  changes.misses = content.misses;
  of.changes = content.changes;
  of.written = true;
  table_.set_counters(name, content.hits, content.misses);
  return parts_.file
    .write_async([changes = std::move(changes)](
                   storage::transaction& in) { return write_entries(in, changes); },
                 write_level())
    .then(inline_executor(),
          [self = self_](expected<storage::written<void>> done) -> expected<void> {
            if (done)
              return {};
            if (const auto me = self.lock(); me.valid())
              me.tell(write_failed{});
            return unexpected{std::move(done).error()};
          });
}

/// Follows every pool that has a segment, and no other.
void actor::track_all() {
  if (parts_.read_only)
    return;
  std::erase_if(tracked_, [this](const auto& each) {
    return table_.find(each.first) == nullptr || each.second.memory->retired();
  });
  for (const auto& [order, row] : table_.rows()) {
    if (!row.segment || tracked_.contains(row.name) || reserved_.contains(row.name))
      continue;
    if (auto opened = segment::open(parts_.directory, *row.segment))
      tracked_[row.name].memory = std::make_shared<const segment>(*std::move(opened));
  }
}

void actor::reload() {
  if (reading_ != 0)
    return;
  reading_ = cortex::detail::unique_number();
  changes_read_ = changes_;
  cortex::detail::read_again<reloaded>(parts_.file, self_, reading_,
                                       [](storage::transaction& in) { return read_file(in); });
}

storage::write_options actor::write_level() const noexcept {
  storage::write_options how;
  how.level = parts_.level;
  return how;
}

} // namespace cortex::kv_cache
