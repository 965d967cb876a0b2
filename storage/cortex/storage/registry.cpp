#include "cortex/storage/registry.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace cortex::storage::detail {
namespace {

struct entry {
  std::weak_ptr<database_core> core;
  std::weak_ptr<void> lifetime;
};

// One for the process. Its lock also keeps two openers of one file apart. It is recursive because a
// migration, which runs under it, may open another file.
struct registry {
  std::recursive_mutex mutex;
  std::map<file_identity, entry> files; // guarded by mutex
  std::set<file_identity> opening;      // guarded by mutex
};

registry& files() {
  static auto* instance = new registry; // outlives every database
  return *instance;
}

// The end of a database, as a job of its own.
class ending final : public job {
public:
  ending(std::shared_ptr<database_core> core, std::shared_ptr<void> keep_alive)
    : job(&ending::end), runtime_(std::move(keep_alive)), core_(std::move(core)) {}

  [[nodiscard]] const runtime& rt() const noexcept { return core_->rt(); }

private:
  static void end(job& self) noexcept {
    const std::unique_ptr<ending> mine{static_cast<ending*>(&self)};
    auto& core = *mine->core_;
    const auto patience = core.rt().options().stop_deadline;
    static_cast<void>(core.close(deadline_after(std::chrono::steady_clock::now(), patience)));
    core.await_functions();
    runtime rt = core.rt();
    rt.detach(core);
  }

  std::shared_ptr<void> runtime_; // if it is the database's own; ends after it
  std::shared_ptr<database_core> core_;
};

// The last reference may go with a write or read function, or inside one: on a thread that closing
// would have to wait for. The registry's weak reference keeps the deleter after its call, so that
// one lets go of all it has.
std::shared_ptr<void> make_lifetime(const std::shared_ptr<database_core>& core,
                                    std::shared_ptr<void> keep_alive) {
  auto last = std::make_unique<ending>(core, std::move(keep_alive));
  return {core.get(), [last = last.release()](void*) {
            if (database_core::busy_here())
              last->rt().continuations().post(*last);
            else
              last->run();
          }};
}

bool same_steps(const std::vector<migration>& a, const std::vector<migration>& b) {
  return std::ranges::equal(a, b, {}, &migration::name, &migration::name); // versions are 1, 2, …
}

// The names of the options that differ. `access` may, and what is only looked at before a file is
// opened.
std::string differing(const database_options& a, const database_options& b) {
  std::string names;
  auto unless = [&names](bool same, const char* name) {
    if (!same)
      names += (names.empty() ? "" : ", ") + std::string{name};
  };
  unless(a.level == b.level, "level");
  unless(a.readers == b.readers, "readers");
  unless(a.reader_threads == b.reader_threads, "reader_threads");
  unless(a.lane_bound == b.lane_bound, "lane_bound");
  unless(a.max_group == b.max_group, "max_group");
  unless(a.max_group_bytes == b.max_group_bytes, "max_group_bytes");
  unless(a.default_deadline == b.default_deadline, "default_deadline");
  unless(a.default_run_for == b.default_run_for, "default_run_for");
  unless(a.busy_timeout == b.busy_timeout, "busy_timeout");
  unless(a.checkpoint_pages == b.checkpoint_pages, "checkpoint_pages");
  unless(a.wal_budget_bytes == b.wal_budget_bytes, "wal_budget_bytes");
  unless(a.reader_patience == b.reader_patience, "reader_patience");
  unless(a.governor.warn_after == b.governor.warn_after, "governor.warn_after");
  unless(a.governor.interrupt_after == b.governor.interrupt_after, "governor.interrupt_after");
  unless(a.governor.longest_delay == b.governor.longest_delay, "governor.longest_delay");
  unless(a.governor.wal_limit_bytes == b.governor.wal_limit_bytes, "governor.wal_limit_bytes");
  unless(a.cache_kib == b.cache_kib, "cache_kib");
  unless(a.vfs == b.vfs, "vfs");
  unless(a.exclusive == b.exclusive, "exclusive");
  unless(a.schema.component == b.schema.component, "schema.component");
  unless(a.schema.base == b.schema.base, "schema.base");
  unless(same_steps(a.schema.migrations, b.schema.migrations), "schema.migrations");
  return names;
}

// A read-only reference may look through a writing one.
expected<open_database> share(const entry& found, const database_options& options) {
  auto core = found.core.lock();
  auto lifetime = found.lifetime.lock();
  if (core == nullptr || lifetime == nullptr || core->closed() || !core->check_process())
    return fail(errc::not_found);
  if (options.access == access::read_only)
    return open_database{std::move(core), std::move(lifetime)};
  if (core->options().access == access::read_only)
    return fail(errc::in_use, "'" + core->path() + "' is open read-only in this process");
  if (const auto names = differing(core->options(), options); !names.empty())
    return fail(errc::invalid_argument,
                "'" + core->path() + "' is open in this process with other options: " + names);
  return open_database{std::move(core), std::move(lifetime)};
}

expected<open_database> open_new(const runtime& rt, std::optional<prepared_file> file,
                                 const database_options& options,
                                 std::shared_ptr<void> keep_alive) {
  const bool private_runtime = keep_alive != nullptr;
  auto core = database_core::open(rt, std::move(file), options);
  if (!core)
    return unexpected{std::move(core).error()};
  if (!private_runtime) { // a private runtime is held by the database, not the other way round
    runtime owner = rt;
    if (auto attached = owner.attach(*core); !attached)
      return unexpected{std::move(attached).error()};
  }
  auto lifetime = make_lifetime(*core, std::move(keep_alive));
  return open_database{*std::move(core), std::move(lifetime)};
}

} // namespace

expected<open_database> open_shared(const runtime& rt, const std::string& path,
                                    const database_options& options,
                                    std::shared_ptr<void> keep_alive) {
  if (path == ":memory:" && options.access == access::read_only)
    return fail(errc::invalid_argument, "a memory database is private: it cannot be read-only");
  if (path == ":memory:")
    return open_new(rt, std::nullopt, options, std::move(keep_alive));
  auto& all = files();
  const std::lock_guard guard{all.mutex};
  auto file
    = prepare_file(path, options.access == access::read_write, options.allow_network_file_system);
  if (!file)
    return unexpected{std::move(file).error()};
  if (const auto it = all.files.find(file->identity); it != all.files.end()) {
    auto shared = share(it->second, options);
    if (shared || shared.error().code != errc::not_found)
      return shared;
    // It is being closed: its file must be let go of before it is opened again. In a forked child
    // it is the parent's and stays untouched.
    if (auto old = it->second.core.lock(); old != nullptr && old->check_process()) {
      const auto patience = rt.options().stop_deadline;
      auto ended = old->close(deadline_after(std::chrono::steady_clock::now(), patience));
      if (!ended && writer_lock::held_here(file->identity))
        return unexpected{std::move(ended).error()};
    }
    all.files.erase(it);
  }
  const auto identity = file->identity;
  if (!all.opening.insert(identity).second)
    return fail(errc::would_deadlock, "'" + file->path + "' is being opened by this very thread");
  if (writer_lock::held_here(identity)) { // by one whose last reference is gone
    all.opening.erase(identity);
    return fail(errc::in_use, "'" + file->path + "' is still being closed in this process");
  }
  auto opened = open_new(rt, *std::move(file), options, std::move(keep_alive));
  all.opening.erase(identity);
  if (opened)
    all.files[identity] = {opened->core, opened->lifetime};
  std::erase_if(all.files, [](const auto& old) { return old.second.core.expired(); });
  return opened;
}

opening_pause::opening_pause() : guard_(files().mutex) {}

bool opening_pause::is_open(file_identity file) const {
  auto& all = files();
  if (all.opening.contains(file) || writer_lock::held_here(file))
    return true;
  const auto it = all.files.find(file);
  const auto core = it != all.files.end() ? it->second.core.lock() : nullptr;
  return core != nullptr && core->check_process() && !core->ended();
}

void drop_caches_of_all() noexcept {
  static std::atomic<bool> at_it{false};
  if (at_it.exchange(true, std::memory_order_acquire))
    return;
  std::vector<std::shared_ptr<database_core>> open;
  {
    auto& all = files();
    const std::unique_lock guard{all.mutex, std::try_to_lock};
    if (guard.owns_lock())
      for (const auto& [identity, found] : all.files)
        if (auto core = found.core.lock())
          open.push_back(std::move(core));
  }
  for (const bool all : {false, true})
    for (const auto& core : open)
      if (above_memory_goal())
        core->drop_caches(all);
  at_it.store(false, std::memory_order_release);
}

} // namespace cortex::storage::detail
