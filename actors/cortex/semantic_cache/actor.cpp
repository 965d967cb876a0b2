#include "cortex/semantic_cache/actor.hpp"

#include "cortex/detail/read_again.hpp"

#include <utility>

namespace cortex::semantic_cache {
namespace {

expected<void> check(const char* invalid_text) {
  if (invalid_text != nullptr)
    return fail(errc::invalid_argument, std::string{"the "} + invalid_text + " is no valid UTF-8");
  return {};
}

/// A change that the file refuses: memory is ahead of it, and goes back.
template <class Reply>
void refuse(const weak_handle<own_protocol>& self, promise<Reply> reply, error why) {
  if (const auto me = self.lock(); me.valid())
    me.tell(write_failed{});
  reply.set(unexpected{std::move(why)});
}

} // namespace

actor::actor(actor_parts parts, file_content content, std::uint64_t foreign_changes)
  : parts_(std::move(parts)), flights_(parts_.lead_limit), foreign_changes_(foreign_changes) {
  take_in(std::move(content));
}

// -- requests -------------------------------------------------------------------------------------

expected<found> actor::operator()(const get& request) {
  return look_up(request.what, request.candidate_limit);
}

void actor::operator()(const put& request, promise<stored> reply) {
  store(request, std::move(reply));
}

statistics actor::operator()(const stats& /*request*/) {
  const auto counted = table_.stats();
  return {counted.hits,    counted.misses,  counted.total,  counted.hit_rate,
          counted.entries, evictions_,      damaged_,       flights_.joined(),
          counted.bytes,   counted.expired, counted.guarded};
}

future<void> actor::operator()(const flush& /*request*/) {
  table_.expire(now());
  return write_behind();
}

void actor::operator()(const claim& request, promise<claimed> reply) {
  auto answer = look_up(request.what, request.candidate_limit);
  if (!answer)
    reply.set(unexpected{std::move(answer).error()});
  else if (*answer)
    reply.set(claimed{*std::move(answer), false});
  else
    flights_.join(request.what, *answer, parts_.rt.monotonic().now(), std::move(reply));
}

void actor::operator()(settle& request, promise<stored> reply) {
  auto waiting = flights_.land(request.what);
  if (!waiting) {
    reply.set(unexpected{std::move(waiting).error()});
    return;
  }
  if (!request.outcome) {
    for (auto& each : *waiting)
      each.set(unexpected{request.outcome.error()});
    reply.set(unexpected{std::move(request.outcome).error()});
    return;
  }
  const put answer{std::move(request.what), *std::move(request.outcome), request.time_to_live};
  if (!entry_table::fits(question_of(answer.what()), *answer.commands(), parts_.bounds)) {
    for (auto& each : *waiting)
      each.set(claimed{{match::computed, answer.commands(), 0, 1.0}, false});
    reply.set(stored{});
    return;
  }
  auto [written, when_written] = make_promise<stored>();
  store(answer, std::move(written));
  // All who waited are answered together with the leader: after COMMIT.
  static_cast<void>(when_written.then(
    inline_executor(), [commands = answer.commands(), waiting = *std::move(waiting),
                        reply = std::move(reply)](expected<stored> done) mutable {
      for (auto& each : waiting) {
        if (done)
          each.set(claimed{{match::computed, commands, done->id, 1.0}, false});
        else
          each.set(unexpected{done.error()});
      }
      reply.set(std::move(done));
    }));
}

expected<explanation> actor::operator()(const explain& request) {
  if (auto good = check(request.what.invalid_text()); !good)
    return unexpected{std::move(good).error()};
  return table_.explain(question_of(request.what), near(request.candidate_limit), now());
}

void actor::operator()(const invalidate& request, promise<invalidated> reply) {
  auto which = resolve(request.which);
  if (!which) {
    reply.set(unexpected{std::move(which).error()});
    return;
  }
  if (request.all != (*which == selection{})) {
    reply.set(fail(errc::invalid_argument, "either a filter or 'all'"));
    return;
  }
  table_.expire(now());
  auto expired = table_.take_expired();
  auto ids = table_.erase_all(*which);
  since_read_.note([expired, which = *which](entry_table& table) {
    table.erase_ended(expired);
    static_cast<void>(table.erase_all(which));
  });
  auto write = [expired = std::move(expired), ids = std::move(ids), which = *std::move(which),
                tables = tables_](storage::transaction& in) -> expected<std::int64_t> {
    if (auto gone = delete_rows(in, expired, tables); !gone)
      return unexpected{std::move(gone).error()};
    return delete_selected(in, ids, which, tables);
  };
  static_cast<void>(
    parts_.file.write_async(std::move(write), write_level())
      .then(inline_executor(), [self = self_, reply = std::move(reply)](
                                 expected<storage::written<std::int64_t>> done) mutable {
        if (done)
          reply.set(invalidated{static_cast<std::size_t>(done->value), done->commit});
        else
          refuse(self, std::move(reply), std::move(done).error());
      }));
}

expected<page> actor::operator()(const list& request) {
  constexpr std::size_t longest_page = 1000;
  if (request.limit < 1 || request.limit > longest_page)
    return fail(errc::invalid_argument, "limit: 1 to 1000");
  auto which = resolve(request.which);
  if (!which)
    return unexpected{std::move(which).error()};
  return table_.list(*which, request.after, request.limit, now());
}

void actor::operator()(const write_failed& /*request*/) {
  reload();
}

void actor::operator()(const accesses_unwritten& request) {
  if (!since_read_.made_here(request.noted)) { // what was read after the crash lacks them
    table_.replay_accesses(request.log);
    return;
  }
  since_read_.withdraw(request.noted);
  table_.restore_accesses(request.log);
}

void actor::operator()(reloaded& request) {
  if (!since_read_.awaits(request.reading))
    return; // asked for before a crash
  if (!request.content) {
    parts_.rt.log(severity::error, "semantic_cache",
                  "cannot read the cache again: " + to_string(request.content.error()));
    since_read_.give_up(); // until the next tick
    return;
  }
  take_in(*std::move(request.content));
  if (since_read_.wanted())
    reload();
}

// -- upkeep ---------------------------------------------------------------------------------------

void actor::on_start(weak_handle<own_protocol> self) {
  self_ = std::move(self);
}

void actor::on_tick() {
  flights_.pass_on(parts_.rt.monotonic().now());
  table_.expire(now());
  if (table_.is_ahead())
    static_cast<void>(write_behind());
  // Somebody else wrote the file, for example the original: memory follows it.
  const auto seen = parts_.file.stats().foreign_changes;
  if (std::exchange(foreign_changes_, seen) != seen || since_read_.wanted())
    reload();
}

void actor::on_stop() {
  if (table_.is_ahead())
    static_cast<void>(write_behind()); // the database commits it before it closes
}

// -- logic ----------------------------------------------------------------------------------------

expected<found> actor::look_up(const key& what, std::int64_t candidate_limit) {
  if (auto good = check(what.invalid_text()); !good)
    return unexpected{std::move(good).error()};
  auto answer = table_.lookup(question_of(what), near(candidate_limit), now());
  write_behind_if_due();
  return found{answer.kind, std::move(answer.commands), answer.id, answer.similarity};
}

void actor::store(const put& request, promise<stored> reply) {
  if (auto good = check(request.invalid_text()); !good) {
    reply.set(unexpected{std::move(good).error()});
    return;
  }
  if (request.row() == nullptr) {
    reply.set(fail(errc::invalid_argument, "the put was moved from"));
    return;
  }
  auto rule = parts_.bounds;
  if (const auto wanted = request.time_to_live())
    rule.time_to_live = seconds_of(*wanted);
  if (rule.time_to_live < 1) {
    reply.set(fail(errc::invalid_argument, "time_to_live: more than 0"));
    return;
  }
  auto put = table_.put(question_of(request.what()), request.commands(), rule, now());
  if (!put) {
    reply.set(unexpected{std::move(put).error()});
    return;
  }
  const auto made = std::make_shared<const change>(*std::move(put));
  since_read_.note([made](entry_table& table) { table.apply(*made); });
  if (made->life)
    tables_ = own_tables::expiry;
  evictions_ += made->evicted.size();
  stored summary{made->written.id, made->evicted.size(), 0};
  auto write = [made, row = request.row(), tables = tables_](storage::transaction& in) {
    return write_change(in, *made, *row, tables);
  };
  // Answered by whoever commits; memory is already ahead, and goes back if the file refuses.
  static_cast<void>(parts_.file.write_async(std::move(write), write_level())
                      .then(inline_executor(), [self = self_, summary, reply = std::move(reply)](
                                                 expected<storage::written<void>> done) mutable {
                        if (!done) {
                          refuse(self, std::move(reply), std::move(done).error());
                          return;
                        }
                        summary.commit = done->commit;
                        reply.set(summary);
                      }));
}

void actor::write_behind_if_due() {
  if (parts_.write_at_once || table_.pending_lookups() >= parts_.flush_lookups)
    static_cast<void>(write_behind());
}

// Also with nothing to write: the reply then says that what was handed over before is in the file.
future<void> actor::write_behind() {
  auto log = std::make_shared<const access_log>(table_.take_accesses());
  const auto noted = since_read_.note([log](entry_table& table) { table.count_accesses(*log); });
  return parts_.file
    .write_async([log](storage::transaction& in) { return write_accesses(in, *log); },
                 write_level())
    .then(inline_executor(),
          [self = self_, log, noted](expected<storage::written<void>> done) -> expected<void> {
            if (done)
              return {};
            if (const auto me = self.lock(); me.valid())
              me.tell(accesses_unwritten{*log, noted});
            return unexpected{std::move(done).error()};
          });
}

void actor::reload() {
  // Accesses in memory go first, so that what is read has them.
  static_cast<void>(write_behind());
  if (const auto reading = since_read_.begin(); reading != 0)
    cortex::detail::read_again<reloaded>(parts_.file, self_, reading,
                                         [](storage::transaction& in) { return read_file(in); });
}

void actor::take_in(file_content content) {
  const auto unwritten = table_.take_accesses();
  table_.clear();
  table_.load_counters(content.hits, content.misses, content.last_id);
  for (const auto& row : content.rows)
    if (!table_.load(row))
      content.damaged.push_back(row.facts.id);
  take_in_lives(content);
  since_read_.catch_up(table_);
  table_.replay_accesses(unwritten);
  if (content.damaged.empty())
    return;
  damaged_ += content.damaged.size();
  parts_.rt.log(severity::warning, "semantic_cache",
                std::to_string(content.damaged.size()) + " damaged rows are removed");
  static_cast<void>(
    parts_.file.write_async([ids = std::move(content.damaged), tables = tables_](
                              storage::transaction& in) { return delete_rows(in, ids, tables); }));
}

void actor::take_in_lives(const file_content& content) {
  if (content.tables != own_tables::none)
    tables_ = content.tables;
  bool orphans = false;
  for (const auto& [id, life] : content.lives)
    orphans = !table_.load_lifetime(id, life) || orphans;
  if (orphans) // of rows that another program removed
    static_cast<void>(parts_.file.write_async(delete_orphans));
}

storage::write_options actor::write_level() const noexcept {
  storage::write_options how;
  how.level = parts_.level;
  return how;
}

std::int64_t actor::now() const noexcept {
  return std::chrono::floor<std::chrono::seconds>(parts_.rt.wall().now())
    .time_since_epoch()
    .count();
}

} // namespace cortex::semantic_cache
