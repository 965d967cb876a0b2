#include "cortex/storage/pool_registry.hpp"

#include <sys/stat.h>

#include <map>
#include <mutex>

namespace cortex::storage::detail {
namespace {

// The memory database has no file, and no file has this identity.
constexpr file_identity memory_identity{};

// One for the process. Its lock also keeps two requests for one file apart. It is recursive because
// a migration, which runs under it, may ask for another file's pool.
struct registry {
  std::recursive_mutex mutex;
  std::map<file_identity, std::shared_ptr<pool_core>> pools; // guarded by mutex
};

registry& held() {
  static auto* instance = new registry; // outlives every pool
  return *instance;
}

// Empty if there is no such file yet.
std::optional<file_identity> identity_of(const std::string& path) {
  if (path == ":memory:")
    return memory_identity;
  struct stat about {};
  if (path.find('\0') != std::string::npos || ::stat(path.c_str(), &about) != 0)
    return std::nullopt;
  return file_identity{about.st_dev, about.st_ino};
}

} // namespace

expected<std::shared_ptr<pool_core>> shared_pool(const runtime* rt, const std::string& path,
                                                 const std::optional<pool_options>& options) {
  if (options)
    if (auto valid = validate(*options); !valid)
      return unexpected{std::move(valid).error()};
  auto& all = held();
  const std::lock_guard guard{all.mutex};
  std::shared_ptr<pool_core> closed; // ends after its place was given to the next
  if (const auto identity = identity_of(path); identity)
    if (const auto found = all.pools.find(*identity); found != all.pools.end()) {
      if (auto own = found->second->check_process(); !own)
        return unexpected{std::move(own).error()};
      if (!found->second->closed()) {
        if (options)
          found->second->note_mismatch(*options);
        return found->second;
      }
      found->second->registered = false;
      closed = std::move(found->second);
      all.pools.erase(found);
    }
  auto made = pool_core::open(rt, path, options.value_or(pool_options{}));
  if (!made)
    return made;
  const auto identity = identity_of(path);
  if (!identity)
    return fail(errc::io, "'" + path + "' has vanished while it was opened");
  (*made)->registered = true;
  all.pools[*identity] = *made;
  return made;
}

void forget_pool(const pool_core& what) noexcept {
  auto& all = held();
  std::shared_ptr<pool_core> last; // ends outside of the lock
  const std::lock_guard guard{all.mutex};
  for (auto at = all.pools.begin(); at != all.pools.end(); ++at)
    if (at->second.get() == &what) {
      at->second->registered = false;
      last = std::move(at->second);
      all.pools.erase(at);
      return;
    }
}

std::vector<std::shared_ptr<pool_core>> forget_all_pools() {
  auto& all = held();
  const std::lock_guard guard{all.mutex};
  std::vector<std::shared_ptr<pool_core>> out;
  for (auto& [identity, pool] : all.pools) {
    pool->registered = false;
    out.push_back(std::move(pool));
  }
  all.pools.clear();
  return out;
}

} // namespace cortex::storage::detail
