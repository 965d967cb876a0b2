#include "cortex/storage/registry.hpp"

#include <map>
#include <mutex>

namespace cortex::storage::detail {
namespace {

struct entry {
  std::weak_ptr<database_core> core;
  std::weak_ptr<void> lifetime;
};

// One for the process. Its lock also keeps two openers of one file apart.
struct registry {
  std::mutex mutex;
  std::map<file_identity, entry> files; // guarded by mutex
};

registry& files() {
  static auto* instance = new registry; // outlives every database
  return *instance;
}

std::shared_ptr<void> make_lifetime(const std::shared_ptr<database_core>& core,
                                    std::shared_ptr<void> keep_alive) {
  return {core.get(), [core, keep_alive = std::move(keep_alive)](void*) {
            const auto patience = core->rt().options().stop_deadline;
            static_cast<void>(core->close(std::chrono::steady_clock::now() + patience));
            runtime rt = core->rt();
            rt.detach(*core);
          }};
}

bool same_options(const database_options& a, const database_options& b) {
  return a.level == b.level && a.readers == b.readers && a.lane_bound == b.lane_bound
         && a.max_group == b.max_group && a.max_group_bytes == b.max_group_bytes
         && a.checkpoint_pages == b.checkpoint_pages && a.wal_budget_bytes == b.wal_budget_bytes
         && a.cache_kib == b.cache_kib && a.vfs == b.vfs && a.schema.component == b.schema.component
         && a.schema.base == b.schema.base
         && a.schema.migrations.size() == b.schema.migrations.size();
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
  if (!same_options(core->options(), options))
    return fail(errc::invalid_argument,
                "'" + core->path() + "' is open in this process with other options");
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
    if (auto old = it->second.core.lock())
      static_cast<void>(old->close(std::chrono::steady_clock::now() + rt.options().stop_deadline));
    all.files.erase(it);
  }
  const auto identity = file->identity;
  auto opened = open_new(rt, *std::move(file), options, std::move(keep_alive));
  if (opened)
    all.files[identity] = {opened->core, opened->lifetime};
  std::erase_if(all.files, [](const auto& old) { return old.second.core.expired(); });
  return opened;
}

} // namespace cortex::storage::detail
