#include "cortex/accelerator_limits/actor.hpp"

#include "cortex/accelerator_limits/checks.hpp"
#include "cortex/accelerator_limits/codec.hpp"
#include "cortex/detail/read_again.hpp"

#include <utility>

namespace cortex::accelerator_limits {

actor::actor(actor_parts parts, file_content content, std::uint64_t foreign_changes)
  : parts_(std::move(parts)),
    profiles_(std::move(content.profiles)),
    foreign_changes_(foreign_changes) {}

// -- requests -------------------------------------------------------------------------------------

void actor::operator()(const create& request, promise<saved> reply) {
  if (auto good = validate(request.what); !good) {
    reply.set(unexpected{std::move(good).error()});
    return;
  }
  const auto& name = request.what.name;
  entry made{encode_profile(request.what), request.what};
  const bool replaced = profiles_.put(name, made);
  since_read_.note([name, made](profile_table& profiles) { profiles.put(name, made); });
  write([name, made = std::move(made)](
          storage::transaction& in) { return write_row(in, name, made, placing::last); },
        replaced, std::move(reply));
}

expected<profile> actor::operator()(const get& request) {
  return profiles_.get(request.name);
}

listing actor::operator()(const list& /*request*/) {
  return profiles_.list();
}

void actor::operator()(const update& request, promise<saved> reply) {
  auto content = profiles_.get(request.name);
  if (content)
    content = changed(*std::move(content), request.what);
  if (!content) {
    reply.set(unexpected{std::move(content).error()});
    return;
  }
  entry made{encode_profile(*content, profiles_.find(request.name)->config), *content};
  profiles_.replace(request.name, made);
  since_read_.note([name = request.name, made](profile_table& profiles) {
    if (profiles.find(name) != nullptr) // else the write fails, and the file is read again
      profiles.replace(name, made);
  });
  write([name = request.name, made = std::move(made)](
          storage::transaction& in) { return write_row(in, name, made, placing::same); },
        true, std::move(reply));
}

void actor::operator()(const remove& request, promise<saved> reply) {
  if (!profiles_.erase(request.name)) {
    reply.set(fail(errc::not_found, "no profile '" + request.name + "'"));
    return;
  }
  since_read_.note([name = request.name](profile_table& profiles) { profiles.erase(name); });
  write([name = request.name](storage::transaction& in) { return delete_row(in, name); }, true,
        std::move(reply));
}

expected<environment> actor::operator()(const get_environment& request) {
  auto found = profiles_.get(request.name);
  if (!found)
    return unexpected{std::move(found).error()};
  return environment_of(*found, request.with_share);
}

void actor::operator()(const write_failed& /*request*/) {
  reload();
}

void actor::operator()(reloaded& request) {
  if (!since_read_.awaits(request.reading))
    return; // asked for before a crash
  if (!request.content) {
    parts_.rt.log(severity::error, "accelerator_limits",
                  "cannot read the profiles again: " + to_string(request.content.error()));
    since_read_.give_up(); // until the next tick
    return;
  }
  profiles_ = std::move(request.content->profiles);
  since_read_.catch_up(profiles_);
  if (request.content->orphans > 0)
    static_cast<void>(parts_.file.write_async(delete_orphans));
  if (since_read_.wanted())
    reload();
}

// -- upkeep ---------------------------------------------------------------------------------------

void actor::on_start(weak_handle<own_protocol> self) {
  self_ = std::move(self);
}

void actor::on_tick() {
  // Somebody else wrote the file, for example the original: memory follows it.
  const auto seen = parts_.file.stats().foreign_changes;
  if (std::exchange(foreign_changes_, seen) != seen || since_read_.wanted())
    reload();
  // The writer notices when it begins a group; here weeks may pass between two of them.
  storage::write_options how;
  how.lane = storage::lane::maintenance;
  static_cast<void>(parts_.file.write_async([](storage::transaction&) {}, how));
}

// -- writing --------------------------------------------------------------------------------------

/// Answered by whoever commits; memory is already ahead, and goes back if the file refuses.
template <class Write>
void actor::write(Write what, bool replaced, promise<saved> reply) {
  storage::write_options how;
  how.level = parts_.level;
  static_cast<void>(parts_.file.write_async(std::move(what), how)
                      .then(inline_executor(), [self = self_, replaced, reply = std::move(reply)](
                                                 expected<storage::written<void>> done) mutable {
                        if (done) {
                          reply.set(saved{replaced, done->commit});
                          return;
                        }
                        if (const auto me = self.lock(); me.valid())
                          me.tell(write_failed{});
                        reply.set(unexpected{std::move(done).error()});
                      }));
}

void actor::reload() {
  if (const auto reading = since_read_.begin(); reading != 0)
    cortex::detail::read_again<reloaded>(parts_.file, self_, reading,
                                         [](storage::transaction& in) { return read_file(in); });
}

} // namespace cortex::accelerator_limits
