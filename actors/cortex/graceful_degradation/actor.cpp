#include "cortex/graceful_degradation/actor.hpp"

#include "cortex/detail/read_again.hpp"
#include "cortex/text/unicode.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace cortex::graceful_degradation {
namespace {

constexpr const char* component = "graceful_degradation";
/// A host that is told too slowly hears of the newest changes only; their numbers show the gap.
constexpr std::size_t most_untold = 1024;

expected<void> check(const query& what) {
  if (what.problem() != nullptr)
    return fail(errc::invalid_argument, what.problem());
  return {};
}

const char* problem_of(const std::string& response) noexcept {
  if (response.size() > max_response_bytes)
    return "the response is longer than 16 MiB";
  return text::valid_utf8(response) ? nullptr : "the response is no valid UTF-8";
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
  : parts_(std::move(parts)),
    table_(parts_.max_entries),
    state_(parts_.interval),
    foreign_changes_(foreign_changes) {
  take_in(std::move(content));
}

// -- cache ----------------------------------------------------------------------------------------

expected<std::optional<record>> actor::operator()(const get& request) {
  return look_up(request.what);
}

void actor::operator()(const put& request, promise<record> reply) {
  store(request.what, request.response, std::move(reply));
}

expected<std::vector<record>> actor::operator()(const similar& request) {
  if (auto good = check(request.what); !good)
    return unexpected{std::move(good).error()};
  return table_.similar(request.what, request.limit, request.candidates);
}

void actor::operator()(const clear_old& request, promise<cleared> reply) {
  if (request.days < 0) {
    reply.set(fail(errc::invalid_argument, "days: not negative"));
    return;
  }
  constexpr std::int64_t day = 86'400;
  constexpr std::int64_t longest = 4'000'000; // beyond all years that a stamp can say
  const auto cutoff = now_seconds() - std::min(request.days, longest) * day;
  auto hashes = table_.erase_before(cutoff);
  since_read_.note([cutoff](response_table& table) { table.erase_before(cutoff); });
  auto write = [hashes = std::move(hashes), cutoff](storage::transaction& in) {
    return delete_before(in, hashes, cutoff);
  };
  static_cast<void>(
    parts_.file.write_async(std::move(write), write_level())
      .then(inline_executor(), [self = self_, reply = std::move(reply)](
                                 expected<storage::written<std::int64_t>> done) mutable {
        if (done)
          reply.set(cleared{static_cast<std::size_t>(done->value), done->commit});
        else
          refuse(self, std::move(reply), std::move(done).error());
      }));
}

future<void> actor::operator()(const flush& /*request*/) {
  return write_behind();
}

statistics actor::operator()(const count& /*request*/) {
  return {table_.size(), table_.total_hits(), 0.0, evictions_, damaged_};
}

// -- mode and circuits ----------------------------------------------------------------------------

manager_status actor::operator()(const status& /*request*/) {
  manager_status out;
  state_.describe(out, parts_.rt.monotonic().now());
  out.cache_entries = table_.size();
  out.cache_hits = table_.total_hits();
  out.mode_changes = mode_changes_;
  return out;
}

void actor::operator()(const force& request) {
  const auto before = state_.mode();
  state_.force(request.to);
  note_mode(before);
}

void actor::operator()(const reset& /*request*/) {
  const auto before = state_.mode();
  state_.reset();
  note_mode(before);
}

expected<permit> actor::operator()(const admit& request) {
  return state_.admit(request.names, parts_.rt.monotonic().now());
}

void actor::operator()(const report& request) {
  const auto before = state_.mode();
  if (request.answer)
    remember(request.answer->first, request.answer->second);
  state_.report(request.how, cached(), parts_.rt.monotonic().now());
  note_mode(before);
}

expected<recalled> actor::operator()(const recall& request) {
  auto exact = look_up(request.what);
  if (!exact)
    return unexpected{std::move(exact).error()};
  recalled out{state_.mode(), *std::move(exact), {}};
  if (!out.exact)
    if (auto near = table_.similar(request.what, 1, every_entry); !near.empty())
      out.similar = std::move(near.front());
  return out;
}

void actor::operator()(const note_check& request) {
  const auto before = state_.mode();
  state_.checked(request.found, cached(), parts_.rt.monotonic().now());
  note_mode(before);
}

void actor::note_mode(mode before) {
  if (state_.mode() == before)
    return;
  untold_.push_back({++mode_changes_, before, state_.mode(), parts_.rt.wall().now()});
  if (untold_.size() > most_untold)
    untold_.erase(untold_.begin());
  if (!telling_)
    tell_changes();
}

// One batch at a time, so in order; where continuations run, so on no lent thread.
void actor::tell_changes() {
  if (!parts_.on_mode_change) {
    untold_.clear();
    return;
  }
  telling_ = true;
  auto [batch, arrives] = make_promise<std::vector<mode_change>>(parts_.rt.continuations());
  static_cast<void>(arrives.then([call = parts_.on_mode_change, self = self_,
                                  rt = parts_.rt](expected<std::vector<mode_change>> changes) {
    for (const auto& change : *changes)
      try {
        call(change);
      } catch (const std::exception& bug) {
        rt.log(severity::error, component, std::string{"on_mode_change threw: "} + bug.what());
      } catch (...) {
        rt.log(severity::error, component, "on_mode_change threw");
      }
    if (const auto me = self.lock(); me.valid())
      me.tell(told{});
  }));
  batch.set(std::exchange(untold_, {}));
}

void actor::operator()(const told& /*request*/) {
  telling_ = false;
  if (!untold_.empty())
    tell_changes();
}

// -- upkeep ---------------------------------------------------------------------------------------

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
    parts_.rt.log(severity::error, component,
                  "cannot read the cache again: " + to_string(request.content.error()));
    since_read_.give_up(); // until the next tick
    return;
  }
  take_in(*std::move(request.content));
  if (since_read_.wanted())
    reload();
}

void actor::on_start(weak_handle<own_protocol> self) {
  self_ = std::move(self);
}

void actor::on_tick() {
  if (table_.pending_hits() != 0)
    static_cast<void>(write_behind());
  // Somebody else wrote the file, for example the original: memory follows it.
  const auto seen = parts_.file.stats().foreign_changes;
  if (std::exchange(foreign_changes_, seen) != seen || since_read_.wanted())
    reload();
}

void actor::on_stop() {
  if (table_.pending_hits() != 0)
    static_cast<void>(write_behind()); // the database commits it before it closes
}

// -- logic ----------------------------------------------------------------------------------------

expected<std::optional<record>> actor::look_up(const query& what) {
  if (auto good = check(what); !good)
    return unexpected{std::move(good).error()};
  auto found = table_.get(what, now());
  if (found && (parts_.write_at_once || table_.pending_hits() >= parts_.flush_hits))
    static_cast<void>(write_behind());
  return found;
}

void actor::store(const query& what, const std::string& response, promise<record> reply) {
  if (auto good = check(what); !good) {
    reply.set(unexpected{std::move(good).error()});
    return;
  }
  if (const auto* problem = problem_of(response); problem != nullptr) {
    reply.set(fail(errc::invalid_argument, problem));
    return;
  }
  const auto made = std::make_shared<const change>(table_.put(what, response, now_seconds()));
  since_read_.note([made](response_table& table) { table.apply(*made); });
  evictions_ += made->evicted.size();
  auto summary = record_of(made->written);
  auto write = [made](storage::transaction& in) { return write_change(in, *made); };
  // Answered by whoever commits; memory is already ahead, and goes back if the file refuses.
  static_cast<void>(parts_.file.write_async(std::move(write), write_level())
                      .then(inline_executor(),
                            [self = self_, summary = std::move(summary), reply = std::move(reply)](
                              expected<storage::written<void>> done) mutable {
                              if (done)
                                reply.set(std::move(summary));
                              else
                                refuse(self, std::move(reply), std::move(done).error());
                            }));
}

// The answer has been given already: what goes wrong here is for the log only.
void actor::remember(const query& what, const std::string& response) {
  auto [written, when_written] = make_promise<record>();
  store(what, response, std::move(written));
  static_cast<void>(when_written.then(inline_executor(), [rt = parts_.rt](expected<record> done) {
    if (!done)
      rt.log(severity::warning, component, "an answer is not stored: " + to_string(done.error()));
  }));
}

// Also with nothing to write: the reply then says that what was handed over before is in the file.
future<void> actor::write_behind() {
  auto log = std::make_shared<const std::vector<access>>(table_.take_accesses());
  const auto noted = since_read_.note([log](response_table& table) { table.count_accesses(*log); });
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
  // Hits in memory go first, so that what is read has them.
  static_cast<void>(write_behind());
  if (const auto reading = since_read_.begin(); reading != 0)
    cortex::detail::read_again<reloaded>(parts_.file, self_, reading,
                                         [](storage::transaction& in) { return read_file(in); });
}

void actor::take_in(file_content content) {
  const auto unwritten = table_.take_accesses();
  table_.clear();
  for (auto& row : content.rows)
    table_.load(std::move(row));
  since_read_.catch_up(table_);
  table_.replay_accesses(unwritten);
  if (content.damaged.empty())
    return;
  damaged_ += content.damaged.size();
  parts_.rt.log(severity::warning, component,
                std::to_string(content.damaged.size()) + " damaged rows are removed");
  static_cast<void>(
    parts_.file.write_async([ids = std::move(content.damaged)](storage::transaction& in) {
      return delete_damaged(in, ids);
    }));
}

storage::write_options actor::write_level() const noexcept {
  storage::write_options how;
  how.level = parts_.level;
  return how;
}

micros actor::now() const noexcept {
  return std::chrono::floor<std::chrono::microseconds>(parts_.rt.wall().now())
    .time_since_epoch()
    .count();
}

std::int64_t actor::now_seconds() const noexcept {
  return std::chrono::floor<std::chrono::seconds>(parts_.rt.wall().now())
    .time_since_epoch()
    .count();
}

} // namespace cortex::graceful_degradation
