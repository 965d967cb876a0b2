#include "cortex/runtime/core.hpp"

#include "cortex/fork_guard.hpp"
#include "cortex/request_trace.hpp"
#include "cortex/runtime/host_actor.hpp"
#include "cortex/runtime/left_behind.hpp"
#include "cortex/runtime/system_watch.hpp"

#include <caf/actor_cast.hpp>
#include <caf/atom.hpp>
#include <caf/logger.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <thread>

namespace cortex::detail {
namespace {

// The end of a handle. The actor ends with the last one.
class link final : public actor_link {
public:
  /// The same end as an actor has it of itself: the bound of the mailbox is for others, since a
  /// message to itself that is lost is work that nobody does.
  [[nodiscard]] static std::shared_ptr<actor_link> own(const std::shared_ptr<link>& of) {
    return {of, &of->own_};
  }

  link(std::shared_ptr<runtime_core> core, std::shared_ptr<actor_record> record)
    : core_(std::move(core)),
      record_(std::move(record)),
      default_deadline_(record_->options.default_deadline.count() != 0
                          ? record_->options.default_deadline
                          : core_->options.default_deadline) {}
  link(const link&) = delete;
  link& operator=(const link&) = delete;
  ~link() override { core_->finish(record_); }

  void post(slot_base& sealed, delivery how) noexcept override {
    core_->post(record_, sealed, how, true);
  }
  [[nodiscard]] std::chrono::nanoseconds default_deadline() const noexcept override {
    return default_deadline_;
  }
  [[nodiscard]] monotonic_time now() const noexcept override { return core_->monotonic.now(); }
  [[nodiscard]] executor& continuations() const noexcept override { return core_->continuations(); }
  [[nodiscard]] std::string_view name() const noexcept override { return record_->name; }

private:
  class own_end final : public actor_link {
  public:
    explicit own_end(const link& whole) noexcept : whole_(whole) {}
    void post(slot_base& sealed, delivery how) noexcept override {
      whole_.core_->post(whole_.record_, sealed, how, false);
    }
    [[nodiscard]] std::chrono::nanoseconds default_deadline() const noexcept override {
      return whole_.default_deadline();
    }
    [[nodiscard]] monotonic_time now() const noexcept override { return whole_.now(); }
    [[nodiscard]] executor& continuations() const noexcept override {
      return whole_.continuations();
    }
    [[nodiscard]] std::string_view name() const noexcept override { return whole_.name(); }

  private:
    const link& whole_;
  };

  std::shared_ptr<runtime_core> core_;
  std::shared_ptr<actor_record> record_;
  std::chrono::nanoseconds default_deadline_;
  own_end own_{*this};
};

// CAF leaves a counted reference to the system's logger with the thread that makes the system, and
// the system's end waits for the last of them: on another thread, for ever.
struct logger_left_behind {
  logger_left_behind() = default;
  logger_left_behind(const logger_left_behind&) = delete;
  logger_left_behind& operator=(const logger_left_behind&) = delete;
  ~logger_left_behind() { caf::logger::set_current_actor_system(nullptr); }
};

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-' || c == '.';
  });
}

} // namespace

runtime_core::runtime_core(runtime_options given, caf::actor_system* host)
  : options(std::move(given)),
    wall(options.wall != nullptr ? *options.wall : system_wall_clock()),
    monotonic(options.monotonic != nullptr ? *options.monotonic : system_monotonic_clock()),
    generation(fork_generation()),
    continuations_(continuation_executor::acquire(
      options.deterministic ? std::function<bool()>{[this] { return run_one(); }} : nullptr,
      options.monotonic)),
    opened_(monotonic.now()),
    slow_(options.slow_request.count() > 0 ? std::make_shared<slow_log>(options, monotonic, wall)
                                           : nullptr),
    system_(host),
    hosted_(host != nullptr) {
  if (hosted_ && options.deterministic)
    coordinator_ = dynamic_cast<caf::scheduler::test_coordinator*>(&host->scheduler());
}

runtime runtime_core::share(std::shared_ptr<runtime_core> core) {
  // Actors and handles share the core; the runtime objects share this pointer, whose end stops it.
  auto* raw = core.get();
  auto stop = [core = std::move(core)](runtime_core* self) {
    static_cast<void>(self->stop(self->options.stop_deadline));
  };
  return runtime{std::shared_ptr<runtime_core>{raw, std::move(stop)}};
}

runtime_core::~runtime_core() {
  // What an orderly `stop` has not ended may have threads in it, or, after a fork, waits for
  // threads that are not there.
  auto* system = own_system_.release();
  auto* config = config_.release();
  if (system == nullptr || fork_generation() != generation)
    return;
  leave_behind(system);
  leave_behind(config);
}

std::size_t runtime_core::worker_count() const noexcept {
  return options.workers != 0 ? options.workers
                              : std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

void runtime_core::start_system() {
  if (system_ != nullptr)
    return; // made already, or the host's
  const logger_left_behind dropped;
  config_ = std::make_unique<caf::actor_system_config>();
  config_->set("scheduler.max-threads", worker_count());
  if (options.deterministic)
    config_->set("scheduler.policy", caf::atom("testing"));
  own_system_ = std::make_unique<caf::actor_system>(*config_);
  system_ = own_system_.get();
  if (options.deterministic) {
    coordinator_ = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
    coordinator_->clock().current_time += std::chrono::hours{1}; // at zero, time-outs misfire
  }
}

expected<std::shared_ptr<actor_link>> runtime_core::launch(std::string name, blueprint plan,
                                                           const actor_options& actor) {
  if (fork_generation() != generation)
    return fail(errc::forked, "the runtime belongs to the parent process");
  if (!good_name(name))
    return fail(errc::invalid_argument, "actor name '" + name + "': 1 to 64 of A-Z a-z 0-9 _ - .");
  if (auto valid = validate(actor); !valid)
    return unexpected{std::move(valid).error()};

  auto record = std::make_shared<actor_record>(std::move(name), actor);
  record->request_names = plan.names;
  if (auto held = hold_name(record); !held) // while the object is made, too
    return unexpected{std::move(held).error()};

  auto self = shared_from_this();
  auto reference = std::make_shared<link>(self, record);
  std::shared_ptr<void> object;
  std::string why = "its factory returned null";
  try {
    object = plan.make();
    if (object != nullptr && plan.on_start != nullptr)
      plan.on_start(object.get(), link::own(reference));
  } catch (const std::exception& bug) {
    object.reset();
    why = std::string{"its factory threw: "} + bug.what();
  } catch (...) {
    object.reset();
    why = "its factory threw";
  }
  std::unique_lock lock{mutex_};
  if (object == nullptr || !accepting()) {
    const bool made = object != nullptr;
    static_cast<void>(actors_.take(*record));
    lock.unlock();
    object.reset();
    record->ending = true; // there is no actor that `reference` could end
    close_mailbox(*record);
    finished(*record);
    return !made ? fail(errc::internal, "actor '" + record->name + "': " + why)
                 : fail(errc::closed, "the runtime is stopping");
  }
  record->host = std::make_unique<object_host>(std::move(plan), std::move(object), *record, *this,
                                               link::own(reference));
  record->address = make_host_actor(*system_, record, self, hosted_);
  lock.unlock();
  record->host->schedule_tick();
  if (!record->mail.rest()) // requests came while it was made
    hand_on(*record);
  return reference;
}

// Whoever drops the last handle and makes the actor anew may find the old one still at work on what
// was sent to it before. A thread that runs an actor does not wait: it may be the old one.
expected<void> runtime_core::hold_name(const std::shared_ptr<actor_record>& record) {
  const auto until = deadline_after(std::chrono::steady_clock::now(), options.stop_deadline);
  const auto& thread = current_thread();
  const bool waits = thread.works == 0 && thread.no_blocking == nullptr;
  for (bool in_time = true;;) {
    std::shared_ptr<actor_record> holder; // dies outside the lock
    {
      const std::lock_guard guard{mutex_};
      if (!accepting())
        return fail(errc::closed, "the runtime is stopping");
      start_system();
      if (actors_.add(record))
        return {};
      holder = actors_.find(record->name);
    }
    if (!holder->ending)
      return fail(errc::already_exists, "an actor named '" + record->name + "' lives");
    if (!waits || !in_time)
      return fail(errc::already_exists, "an actor named '" + record->name + "' is ending");
    log(severity::debug, record->name, "waits for the end of the actor before it");
    in_time = await_name(*holder, until);
  }
}

// True if the name is free, or nobody is to have it any more.
bool runtime_core::await_name(const actor_record& holder, monotonic_time until) {
  if (coordinator_ != nullptr)
    run_until_idle();
  std::unique_lock lock{mutex_};
  const auto given = [&] { return !accepting() || actors_.find(holder.name).get() != &holder; };
  return coordinator_ != nullptr ? given() : ended_.wait_until(lock, until, given);
}

// -- the end --------------------------------------------------------------------------------------

void runtime_core::finish(const std::shared_ptr<actor_record>& who) noexcept {
  if (fork_generation() != generation || who->ending.exchange(true))
    return;
  if (who->mail.push(who->finish) == pushed::owner)
    hand_on(*who);
}

void runtime_core::release(actor_record& who) noexcept {
  who.address = nullptr;
  std::shared_ptr<actor_record> gone; // dies outside the lock
  const std::lock_guard guard{mutex_};
  who.released = true;
  if (who.finished)
    gone = actors_.take(who);
  ended_.notify_all();
}

void runtime_core::end(actor_record& who) noexcept {
  {
    const work_scope ending; // the factory dies with what it holds
    who.host.reset();
  }
  finished(who);
}

void runtime_core::finished(actor_record& who) noexcept {
  if (who.door.shut())
    release(who);
  std::shared_ptr<actor_record> gone; // dies outside the lock
  const std::lock_guard guard{mutex_};
  who.phase = actor_state::stopped;
  who.finished = true;
  if (who.released)
    gone = actors_.take(who);
  ended_.notify_all();
}

std::vector<std::string> runtime_core::stop_actors(monotonic_time until) {
  std::vector<std::shared_ptr<actor_record>> records;
  {
    const std::lock_guard guard{mutex_};
    records = actors_.all();
  }
  for (const auto& record : records)
    finish(record);
  if (coordinator_ != nullptr)
    run_until_idle();
  if (hosted_)
    leave_host(records, until);
  return await_end(records, until);
}

std::vector<std::string>
runtime_core::await_end(const std::vector<std::shared_ptr<actor_record>>& records,
                        monotonic_time until) {
  std::unique_lock lock{mutex_};
  auto alive = [](const auto& r) { return !r->finished || !r->released; };
  ended_.wait_until(lock, until, [&] { return std::ranges::none_of(records, alive); });
  std::vector<std::string> names;
  for (const auto& record : records)
    if (alive(record)) {
      record->cut_off = true;
      names.push_back("actor '" + record->name + "'");
    }
  return names;
}

std::vector<std::string> runtime_core::stop_services(monotonic_time until) {
  std::vector<std::shared_ptr<service>> services;
  {
    const std::lock_guard guard{mutex_};
    services.swap(services_);
  }
  std::vector<std::string> names;
  for (auto it = services.rbegin(); it != services.rend(); ++it)
    if (!(*it)->stop(until))
      names.push_back((*it)->name());
  return names;
}

void runtime_core::stop_system() {
  if (hosted_)
    return; // not ours
  if (coordinator_ != nullptr)
    coordinator_ = nullptr; // it goes with the system; one thread drives it, this one
  own_system_.reset();
  config_.reset();
}

expected<void> runtime_core::stop(std::chrono::nanoseconds within) {
  if (fork_generation() != generation)
    return fail(errc::forked, "the runtime belongs to the parent process");
  if (auto refused = blocking_refused("stopping the runtime"))
    return unexpected{*std::move(refused)};
  {
    const std::lock_guard guard{mutex_};
    accepting_.store(false, std::memory_order_release);
    if (std::exchange(stopped_, true))
      return {};
    ended_.notify_all(); // who waits for a name gets none
  }
  // Deadlines of threads are the operating system's, whatever clock requests use.
  const auto until = deadline_after(std::chrono::steady_clock::now(), within);
  auto alive = stop_actors(until);
  const bool abandoned = !alive.empty();
  for (auto& name : stop_services(until))
    alive.push_back(std::move(name));
  if (!abandoned) // a handler that never returns would keep us waiting for ever
    stop_system();
  if (!continuations_.close(until))
    alive.emplace_back("a continuation");
  if (slow_ != nullptr)
    slow_->close(until);
  if (alive.empty())
    return {};
  std::string names = "still alive at the deadline: ";
  for (std::size_t i = 0; i < alive.size(); ++i)
    names += (i == 0 ? "" : ", ") + alive[i];
  log(severity::error, "runtime", names);
  return fail(errc::timeout, std::move(names));
}

expected<void> runtime_core::attach(std::shared_ptr<service> what) {
  if (fork_generation() != generation)
    return fail(errc::forked, "the runtime belongs to the parent process");
  const std::lock_guard guard{mutex_};
  if (!accepting())
    return fail(errc::closed, "the runtime is stopping");
  services_.push_back(std::move(what));
  return {};
}

void runtime_core::detach(const service& what) noexcept {
  std::shared_ptr<service> last; // dies outside the lock
  const std::lock_guard guard{mutex_};
  const auto it = std::ranges::find(services_, &what, &std::shared_ptr<service>::get);
  if (it == services_.end())
    return;
  last = std::move(*it);
  services_.erase(it);
}

namespace {

// Two counters that move while they are read: exact if nothing was taken meanwhile, and never more
// than there were.
std::uint64_t depth_of(const actor_record& record) noexcept {
  auto before = record.taken.load();
  std::uint64_t posted = 0;
  for (int tries = 0; tries < 4; ++tries) {
    posted = record.posted.load();
    const auto taken = record.taken.load();
    if (std::exchange(before, taken) == taken)
      break;
  }
  return posted > before ? posted - before : 0;
}

// Looked at before the time: a request that was sent in between is not of a negative age.
std::chrono::nanoseconds age_of(monotonic_time::rep since, monotonic_time now) noexcept {
  if (since == 0)
    return std::chrono::nanoseconds{0};
  return std::max(now - monotonic_time{monotonic_time::duration{since}},
                  monotonic_time::duration{0});
}

} // namespace

std::vector<actor_metrics> runtime_core::metrics() const {
  std::vector<std::shared_ptr<actor_record>> records;
  {
    const std::lock_guard guard{mutex_};
    records = actors_.all();
  }
  std::vector<actor_metrics> out;
  for (const auto& record : records) {
    if (record->finished)
      continue;
    actor_metrics m;
    m.name = record->name;
    m.state = record->phase;
    {
      const std::lock_guard guard{record->why_mutex};
      m.why = record->why;
    }
    m.depth = depth_of(*record);
    m.bound = record->options.mailbox_bound;
    m.oldest = age_of(record->oldest.load(std::memory_order_relaxed), monotonic.now());
    m.handled = record->handled;
    m.failed = record->failed;
    m.expired = record->expired;
    m.overloaded = record->overloaded;
    m.restarts = record->restarts;
    m.lent = record->lent;
    m.latency = record->latency.summary();
    out.push_back(std::move(m));
  }
  std::ranges::sort(out, {}, &actor_metrics::name);
  return out;
}

void runtime_core::log(severity level, std::string_view component,
                       std::string_view text) const noexcept {
  if (!options.log)
    return;
  try {
    options.log(level, component, text);
  } catch (...) { // NOLINT(bugprone-empty-catch): a sink that throws has nobody to tell
  }
}

bool runtime_core::run_one() {
  if (coordinator_ != nullptr && coordinator_->try_run_once())
    return true;
  std::vector<std::shared_ptr<service>> services;
  {
    const std::lock_guard guard{mutex_};
    services = services_;
  }
  return std::ranges::any_of(services, [](const auto& s) { return s->run_one(); });
}

std::size_t runtime_core::run_until_idle() {
  std::size_t ran = 0;
  while (continuations_.run_one() || run_one())
    ++ran;
  return ran;
}

void runtime_core::advance(std::chrono::nanoseconds by) {
  run_until_idle();
  if (coordinator_ != nullptr)
    coordinator_->advance_time(std::chrono::duration_cast<caf::timespan>(by));
  continuations_.advance(by);
  run_until_idle();
}

} // namespace cortex::detail
